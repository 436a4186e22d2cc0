use url::Url;

use super::super::providers::{CLOUD_PRESETS, Known, Provider, Which, overridden};
use super::super::reader::Table;
use super::super::words::nearest;
use super::Downloaded;
use crate::model::{self, Grant, OauthUrls};

/// What some providers ask for.
pub(super) const KEYS: [&str; 5] = ["tenant", "cloud", "authorization_url", "token_url", "device_url"];

/// The provider that a token names, in its cloud.
pub(super) fn chosen<'p>(table: &Table<'_>, providers: &'p Known) -> Option<&'p Provider> {
    let what = "\"microsoft\", \"google\", or the name of a [providers.NAME] table";
    let name = table.required("provider", what)?;
    let name = cloud(table, name)?;
    let found = providers.get(&name);
    if found.is_none() {
        let names: Vec<_> = providers.keys().map(String::as_str).collect();
        let hint = nearest(&name, &names).map(|near| format!("did you mean \"{near}\"?"));
        table.error("provider", format!("there is no provider {name:?}"), Some(names.join(", ")), hint);
    }
    found?.as_ref()
}

/// `cloud` picks among Microsoft's presets.
fn cloud(table: &Table<'_>, name: String) -> Option<String> {
    let Some(cloud) = table.string("cloud") else { return Some(name) };
    let words = CLOUD_PRESETS.map(|(word, _)| format!("{word:?}")).join(", ");
    if cloud == "germany" {
        let hint = Some("use \"global\"".to_owned());
        table.error("cloud", "Microsoft Cloud Germany was closed in October 2021".into(), Some(words), hint);
        return None;
    }
    if name != "microsoft" {
        let problem = "only provider = \"microsoft\" has clouds".to_owned();
        table.error("cloud", problem, None, Some("leave it out".into()));
        return None;
    }
    let found = CLOUD_PRESETS.iter().find(|(word, _)| *word == cloud);
    found.map(|(_, preset)| (*preset).to_owned()).or_else(|| table.wrong("cloud", &cloud, &words))
}

/// The provider with this token's URLs and tenant.
pub(super) fn concrete(
    table: &Table<'_>,
    template: Option<&Provider>,
    grant: Option<&Grant>,
    downloaded: Downloaded<'_>,
) -> Option<model::Provider> {
    let template = template?;
    let own = |which: Which| overridden(table, which, template.kind.as_ref());
    let own = [own(Which::Authorization), own(Which::Token), own(Which::Device)];
    // The file knows better than a preset, and the configuration better than the file.
    let of_file = |url: Option<&Url>| url.filter(|_| template.kind.is_none()).map(Url::to_string);
    let [authorization, token, device] = own;
    let authorization = authorization.or_else(|| of_file(downloaded.and_then(|file| file.authorization_url.as_ref())));
    let token = token.or_else(|| of_file(downloaded.and_then(|file| file.token_url.as_ref())));
    let texts = [
        template.issuer.clone(),
        authorization.or_else(|| template.authorization_url.clone()),
        token.or_else(|| template.token_url.clone()),
        device.or_else(|| template.device_url.clone()),
        template.admin_consent_url.clone(),
    ];
    let needed = texts.iter().flatten().any(|url| url.contains("{tenant}"));
    let tenant = tenant(table, template, grant, needed)?;
    let [issuer, authorization, token, device, admin_consent] = texts.map(|url| filled(table, &url?, &tenant));
    let oauth = OauthUrls { issuer, authorization, token, device, admin_consent };
    complete(table, template, grant, &oauth)?;
    Some(model::Provider {
        name: template.name.clone(),
        family: template.family,
        oauth,
        manners: template.manners.clone(),
        sasl: template.sasl,
        ca: template.ca.clone(),
        endpoints: template.endpoints.clone(),
        egress: template.egress.clone(),
        limits: template.limits,
    })
}

fn filled(table: &Table<'_>, url: &str, tenant: &str) -> Option<Url> {
    let url = url.replace("{tenant}", tenant);
    url.parse().ok().or_else(|| table.wrong("tenant", &url, "a tenant id or a domain"))
}

/// Whether there is an address for what the grant has to ask.
fn complete(table: &Table<'_>, template: &Provider, grant: Option<&Grant>, oauth: &OauthUrls) -> Option<()> {
    let needs = match grant? {
        Grant::AppPassword(_) => return Some(()),
        Grant::ServiceAccount(account) if account.token_url.is_some() => return Some(()),
        Grant::AuthorizationCode => {
            [Some(("authorization_url", &oauth.authorization)), Some(("token_url", &oauth.token))]
        }
        Grant::DeviceCode => [Some(("device_url", &oauth.device)), Some(("token_url", &oauth.token))],
        _ => [None, Some(("token_url", &oauth.token))],
    };
    let missing = needs.into_iter().flatten().find(|(_, url)| url.is_none() && oauth.issuer.is_none());
    let Some((key, _)) = missing else { return Some(()) };
    let problem = format!("the provider {:?} has no `{key}`", template.name);
    let allowed = format!("`{key}` or `issuer` in [providers.{:?}], or `{key}` here", template.name);
    table.error("provider", problem, Some(allowed), None);
    None
}

/// What stands for `{tenant}`; a provider without one needs none.
fn tenant(table: &Table<'_>, template: &Provider, grant: Option<&Grant>, needed: bool) -> Option<String> {
    const MANY: [&str; 3] = ["common", "consumers", "organizations"];
    let given = table.string("tenant");
    let needed = needed && !matches!(grant, Some(Grant::AppPassword(_)));
    let Some(tenant) = given.or_else(|| template.tenant.clone()) else {
        if needed && table.absent("tenant") {
            table.required("tenant", "the Directory (tenant) ID of the app registration");
        }
        return (!needed).then(String::new);
    };
    let alone = matches!(grant, Some(Grant::ClientCredentials | Grant::Password(_)));
    let works =
        !MANY.contains(&tenant.as_str()) || (matches!(grant, Some(Grant::Password(_))) && tenant == "organizations");
    if alone && needed && !works {
        let problem = format!("{} does not work on {tenant:?} (AADSTS9001023)", grant.map_or("it", Grant::name));
        table.error("tenant", problem, Some("the Directory (tenant) ID of the app registration".into()), None);
        return None;
    }
    let plain = tenant.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    if plain { Some(tenant) } else { table.wrong("tenant", &tenant, "a tenant id or a domain") }
}
