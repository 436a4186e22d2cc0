use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// A service account's key as Google hands it out (`{"type": "service_account", …}`).
#[derive(Clone, Debug)]
pub struct ServiceAccount {
    /// `client_email`, who signs.
    pub email: String,
    /// `private_key_id`.
    pub key_id: Option<String>,
    /// `private_key`, PEM.
    pub key: SecretString,
    /// `token_uri`.
    pub token_url: Option<Url>,
}

/// What a downloaded OAuth client is (`{"installed": …}` or `{"web": …}`).
#[derive(Clone, Debug)]
pub struct DownloadedClient {
    /// `client_id`
    pub id: String,
    /// `client_secret`
    pub secret: Option<SecretString>,
    /// `auth_uri`
    pub authorization_url: Option<Url>,
    /// `token_uri`
    pub token_url: Option<Url>,
}

/// A JSON file that is not what it should be. Nothing of its content is told: it is a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableJson {
    /// No service account.
    #[error(
        "not the JSON key of a service account; make one in the Google Cloud console under IAM → Service accounts → Keys"
    )]
    ServiceAccount,
    /// An OAuth client where a service account should be.
    #[error(
        "this is an OAuth client, not a service account; name it in `client_json`, with grant = \"authorization_code\""
    )]
    ClientInstead,
    /// No OAuth client.
    #[error("not the JSON file of an OAuth client; download it in the Google Cloud console under Credentials")]
    Client,
    /// A service account where an OAuth client should be.
    #[error(
        "this is a service account, not an OAuth client; name it in `service_account`, with grant = \"service_account\""
    )]
    ServiceAccountInstead,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "Google's names")]
struct Key {
    #[serde(rename = "type")]
    kind: String,
    client_email: String,
    private_key: SecretString,
    private_key_id: Option<String>,
    token_uri: Option<Url>,
}

#[derive(Deserialize)]
struct File {
    #[serde(alias = "web")]
    installed: Client,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "Google's names")]
struct Client {
    client_id: String,
    client_secret: Option<SecretString>,
    auth_uri: Option<Url>,
    token_uri: Option<Url>,
}

impl ServiceAccount {
    /// Reads Google's JSON key.
    pub fn parse(json: &str) -> Result<Self, UnusableJson> {
        if serde_json::from_str::<File>(json).is_ok() {
            return Err(UnusableJson::ClientInstead);
        }
        let key: Key = serde_json::from_str(json).map_err(|_| UnusableJson::ServiceAccount)?;
        let usable = key.kind == "service_account" && key.client_email.contains('@');
        let Key { client_email: email, private_key: key, private_key_id: key_id, token_uri: token_url, .. } = key;
        if usable { Ok(Self { email, key_id, key, token_url }) } else { Err(UnusableJson::ServiceAccount) }
    }
}

impl DownloadedClient {
    /// Reads Google's JSON of an OAuth client, of type Desktop app or Web application.
    pub fn parse(json: &str) -> Result<Self, UnusableJson> {
        if serde_json::from_str::<Key>(json).is_ok() {
            return Err(UnusableJson::ServiceAccountInstead);
        }
        let File { installed: client } = serde_json::from_str(json).map_err(|_| UnusableJson::Client)?;
        let Client { client_id: id, client_secret: secret, auth_uri: authorization_url, token_uri: token_url } = client;
        Ok(Self { id, secret, authorization_url, token_url })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    const KEY: &str = r#"{"type":"service_account","client_email":"a@p.iam.gserviceaccount.com","private_key":"-----BEGIN","private_key_id":"7","token_uri":"https://oauth2.googleapis.com/token","universe_domain":"googleapis.com"}"#;

    #[test]
    fn both_kinds_of_client_and_the_service_account_are_read_and_told_apart() {
        for kind in ["installed", "web"] {
            let json = format!(
                r#"{{"{kind}":{{"client_id":"c.apps","client_secret":"s","auth_uri":"https://accounts.google.com/o/oauth2/auth","redirect_uris":["http://localhost"]}}}}"#
            );
            let client = DownloadedClient::parse(&json).unwrap();
            assert_eq!((client.id.as_str(), client.secret.unwrap().expose_secret()), ("c.apps", "s"));
            assert_eq!(ServiceAccount::parse(&json).unwrap_err(), UnusableJson::ClientInstead);
        }
        let account = ServiceAccount::parse(KEY).unwrap();
        assert_eq!((account.email.as_str(), account.key_id.as_deref()), ("a@p.iam.gserviceaccount.com", Some("7")));
        assert_eq!(DownloadedClient::parse(KEY).unwrap_err(), UnusableJson::ServiceAccountInstead);
        assert!(!format!("{account:?}").contains("BEGIN"));
        for wrong in [
            "",
            "{}",
            "[]",
            r#"{"type":"service_account"}"#,
            r#"{"type":"authorized_user","client_email":"a@b","private_key":"x"}"#,
        ] {
            assert_eq!(ServiceAccount::parse(wrong).unwrap_err(), UnusableJson::ServiceAccount);
            assert!(DownloadedClient::parse(wrong).is_err());
        }
    }
}
