use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use super::super::providers::is_safe;
use super::super::reader::Table;
use super::super::secret;
use super::{Downloaded, certificate};
use crate::model::{ClientAuthentication, DownloadedClient, Grant, ManagedIdentity};

/// The client and how it proves itself; a grant that has none gets an empty id.
pub(super) fn read(
    table: &Table<'_>,
    grant: Option<&Grant>,
    downloaded: Downloaded<'_>,
) -> Option<(String, ClientAuthentication)> {
    let authentication = authentication(table, downloaded);
    let id = table.string("client_id").or_else(|| downloaded.map(|file| file.id.clone()));
    let authentication = authentication?;
    match (grant?, &authentication, id) {
        (Grant::ServiceAccount(_) | Grant::AppPassword(_), _, _) => Some((String::new(), ClientAuthentication::Public)),
        (Grant::ClientCredentials, ClientAuthentication::Public, _) => {
            let what = "client_secret, client_certificate, client_assertion_file or managed_identity";
            table.error(
                "client_secret",
                "client_credentials does not work without a proof of the client".into(),
                Some(what.into()),
                None,
            );
            None
        }
        (Grant::ClientCredentials, ClientAuthentication::ManagedIdentity(_), None) => {
            Some((String::new(), authentication))
        }
        (_, _, Some(id)) if !id.trim().is_empty() => Some((id, authentication)),
        _ => {
            table.required("client_id", "the id of the client that is registered at the provider");
            None
        }
    }
}

/// Google's download, `client_json = "client_secret_….json"`.
pub(super) fn downloaded(table: &Table<'_>) -> Option<DownloadedClient> {
    use secrecy::ExposeSecret as _;
    if table.absent("client_json") {
        return None;
    }
    let json = secret::read(table, "client_json")?;
    DownloadedClient::parse(json.expose_secret())
        .inspect_err(|unusable| table.error("client_json", unusable.to_string(), None, None))
        .ok()
}

/// The ways to prove oneself; a client uses one.
const PROOFS: [&str; 4] = ["client_secret", "client_certificate", "client_assertion_file", "managed_identity"];

fn authentication(table: &Table<'_>, downloaded: Downloaded<'_>) -> Option<ClientAuthentication> {
    let basic = table.choice("client_auth", &[("post", false), ("basic", true)]).unwrap_or(false);
    let given: Vec<_> = PROOFS.into_iter().filter(|key| !table.absent(key)).collect();
    if let [first, second, ..] = given[..] {
        let problem = format!("`{first}` and `{second}` cannot be used together");
        table.error(second, problem, Some(format!("one of {}", PROOFS.join(", "))), None);
        return None;
    }
    let with = |secret: SecretString| {
        if basic { ClientAuthentication::SecretBasic(secret) } else { ClientAuthentication::SecretPost(secret) }
    };
    match given.first() {
        None => {
            let secret = downloaded.and_then(|file| file.secret.clone());
            Some(secret.map_or(ClientAuthentication::Public, with))
        }
        Some(&"client_secret") => secret::read(table, "client_secret").map(with),
        Some(&"client_certificate") => {
            certificate::read(table).map(|read| ClientAuthentication::Certificate(Arc::new(read)))
        }
        Some(&"client_assertion_file") => table.file("client_assertion_file").map(ClientAuthentication::AssertionFile),
        Some(_) => managed(table).map(ClientAuthentication::ManagedIdentity),
    }
}

/// The metadata service of a machine in Azure; a link-local address, so plain HTTP.
const METADATA: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

/// `managed_identity = "system"`, or the client id of a user-assigned one. App Service names its own address.
fn managed(table: &Table<'_>) -> Option<ManagedIdentity> {
    let text = table.required("managed_identity", "\"system\", or the client id of a user-assigned identity")?;
    let variable = |name: &str| table.layers().variable(name).map(str::to_owned);
    let endpoint = variable("IDENTITY_ENDPOINT").unwrap_or_else(|| METADATA.to_owned());
    let Ok(endpoint) = endpoint.parse::<Url>() else {
        let problem = "the variable IDENTITY_ENDPOINT is no URL".to_owned();
        table.error("managed_identity", problem, None, Some("unset it, or correct it".into()));
        return None;
    };
    let header = variable("IDENTITY_HEADER").map(SecretString::from);
    let identity = (text != "system").then_some(text);
    Some(ManagedIdentity { endpoint, header, identity })
}

/// Where the browser comes back to, when it has to be a certain address.
pub(super) fn redirect_uri(table: &Table<'_>) -> Option<Url> {
    let text = table.string("redirect_uri")?;
    if text.starts_with("urn:ietf:wg:oauth:2.0:oob") {
        let hint =
            "leave it out: `gatepost token authorize NAME --paste` takes the address that the browser fails to load";
        table.error("redirect_uri", "Google has ended this way (OOB) in January 2023".into(), None, Some(hint.into()));
        return None;
    }
    let url = text.parse::<Url>().ok().filter(|url| is_safe(url) && url.fragment().is_none() && text.len() <= 256);
    url.or_else(|| table.wrong("redirect_uri", &text, "an https:// address, or http://localhost… on this machine"))
}
