//! JWTs by which a client proves itself (RFC 7523), signed here or by someone else.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::json;
use tokio::time::timeout;
use url::Url;

use super::error::OauthError;
use super::http::Http;
use super::identity;
use crate::model::{ClientAuthentication, ClientCertificate, ServiceAccount, SigningAlgorithm, Token};

/// RFC 7523, 2.1.
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// RFC 7523, 2.2.
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Seconds for which a client assertion is good; Microsoft wants five to ten minutes.
const LIFE: i64 = 300;
/// Google wants at most an hour.
const SERVICE_LIFE: i64 = 3600;
/// Seconds that clocks may differ.
const SLACK: i64 = 30;
/// Longest assertion of a file, in octets.
const LONGEST: u64 = 65_536;

/// A client's assertion.
pub(super) struct Proof(SecretString);

impl Proof {
    pub(super) fn parameters(&self) -> [(&'static str, SecretString); 2] {
        [("client_assertion_type", TYPE.into()), ("client_assertion", self.0.clone())]
    }
}

/// The assertion of a token's client, where it proves itself by one.
pub(super) async fn proof(
    http: &Http,
    token: &Token,
    url: &Url,
    now: DateTime<Utc>,
) -> Result<Option<Proof>, OauthError> {
    let proof = match &token.client_authentication {
        ClientAuthentication::Certificate(certificate) => certified(certificate, &token.client_id, url, now)?,
        // Read each time: Kubernetes puts a new one there every hour.
        ClientAuthentication::AssertionFile(path) => {
            let (path, shown) = (path.clone(), path.display().to_string());
            let reading = http.files.ask(&shown, move || read(&path));
            let unread = |said: &str| OauthError::unprepared(&shown, said, "is the disk that it is on there?");
            let late = |_| unread(&format!("was not read within {} s", http.total.as_secs()));
            let read = timeout(http.total, reading).await.map_err(late)?;
            read.map_err(|fault| unread(&format!("was not read: {fault}")))??
        }
        ClientAuthentication::ManagedIdentity(machine) => {
            let audience =
                token.provider.manners.federation_audience.as_deref().unwrap_or("api://AzureADTokenExchange");
            identity::assertion(http, machine, audience, now).await?
        }
        ClientAuthentication::Public | ClientAuthentication::SecretPost(_) | ClientAuthentication::SecretBasic(_) => {
            return Ok(None);
        }
    };
    Ok(Some(Proof(proof)))
}

/// learn.microsoft.com: "Microsoft identity platform application authentication certificate credentials".
fn certified(
    certificate: &ClientCertificate,
    client: &str,
    url: &Url,
    now: DateTime<Utc>,
) -> Result<SecretString, OauthError> {
    if certificate.ends <= now {
        let said = format!("has expired on {}", certificate.ends.format("%Y-%m-%d"));
        let remedy = "make a new certificate, add it to the app registration, and put it in client_certificate";
        return Err(OauthError::unprepared("client_certificate", &said, remedy));
    }
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate.certificate));
    let algorithm = match certificate.algorithm {
        SigningAlgorithm::Ps256 => Algorithm::PS256,
        SigningAlgorithm::Es256 => Algorithm::ES256,
    };
    let header = Header { x5t_s256: Some(thumbprint), ..Header::new(algorithm) };
    let issued = now.timestamp();
    let claims = json!({
        "aud": url.as_str(), "iss": client, "sub": client, "jti": random(),
        "nbf": issued - SLACK, "iat": issued, "exp": issued + LIFE,
    });
    sign(&header, &claims, &certificate.key, "client_certificate")
}

/// developers.google.com: "Using OAuth 2.0 for server to server applications".
pub(super) fn service_account(
    account: &ServiceAccount,
    user: &str,
    scopes: &[String],
    url: &Url,
    now: DateTime<Utc>,
) -> Result<SecretString, OauthError> {
    let header = Header { kid: account.key_id.clone(), ..Header::new(Algorithm::RS256) };
    let issued = now.timestamp() - SLACK;
    let claims = json!({
        "iss": account.email, "sub": user, "scope": scopes.join(" "), "aud": url.as_str(),
        "iat": issued, "exp": issued + SERVICE_LIFE,
    });
    sign(&header, &claims, &account.key, "service_account")
}

fn sign(
    header: &Header,
    claims: &impl Serialize,
    key: &SecretString,
    setting: &str,
) -> Result<SecretString, OauthError> {
    let pem = key.expose_secret().as_bytes();
    let key = match header.alg {
        Algorithm::ES256 => EncodingKey::from_ec_pem(pem),
        _ => EncodingKey::from_rsa_pem(pem),
    };
    let signed = key.and_then(|key| jsonwebtoken::encode(header, claims, &key));
    // The library's words may quote the key.
    signed
        .map(Into::into)
        .map_err(|_| OauthError::unprepared(setting, "has a key that cannot sign", "is it whole, and PKCS#8 in PEM?"))
}

fn random() -> String {
    let mut octets = [0; 16];
    // Without randomness the id is merely not unique; the signature still is what counts.
    let _ = rand::fill(&mut octets);
    URL_SAFE_NO_PAD.encode(octets)
}

fn read(path: &std::path::Path) -> Result<SecretString, OauthError> {
    use std::io::Read as _;
    let shown = path.display().to_string();
    let fault = |said: &str| {
        OauthError::unprepared(
            &shown,
            said,
            "is the projected service account token mounted there, and may this user read it?",
        )
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| fault(&format!("cannot be read: {error}")))?;
    file.take(LONGEST).read_to_string(&mut text).map_err(|error| fault(&format!("cannot be read: {error}")))?;
    let assertion = text.trim();
    if assertion.split('.').count() == 3 { Ok(assertion.into()) } else { Err(fault("holds no JWT")) }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::oauth::claims;

    fn key() -> SecretString {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
        let body = STANDARD.encode(der.as_ref());
        format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n").into()
    }

    fn at() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    #[test]
    fn a_client_assertion_is_what_microsoft_documents() {
        let certificate = ClientCertificate {
            certificate: b"DER".to_vec(),
            key: key(),
            algorithm: SigningAlgorithm::Ps256,
            ends: at() + chrono::TimeDelta::days(1),
        };
        let url: Url = "https://login.microsoftonline.com/t/oauth2/v2.0/token".parse().unwrap();
        let jwt = certified(&certificate, "client", &url, at()).unwrap();
        let header = jsonwebtoken::decode_header(jwt.expose_secret()).unwrap();
        assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::PS256, Some("JWT")));
        assert_eq!(header.x5t_s256.unwrap(), URL_SAFE_NO_PAD.encode(digest(&SHA256, b"DER")));
        let claims = claims::payload(jwt.expose_secret()).unwrap();
        assert_eq!(
            (&claims["iss"], &claims["sub"], &claims["aud"]),
            (&"client".into(), &"client".into(), &url.as_str().into())
        );
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
        let expired = ClientCertificate { ends: at(), ..certificate };
        assert!(
            certified(&expired, "client", &url, at()).unwrap_err().to_string().contains("has expired on 2027-01-15")
        );
    }

    #[test]
    fn a_service_account_asks_in_the_mailboxs_name() {
        let account =
            ServiceAccount { email: "a@p.iam".into(), key_id: Some("k1".into()), key: key(), token_url: None };
        let url: Url = "https://oauth2.googleapis.com/token".parse().unwrap();
        let jwt = service_account(&account, "m@example.com", &["https://mail.google.com/".into()], &url, at()).unwrap();
        let header = jsonwebtoken::decode_header(jwt.expose_secret()).unwrap();
        assert_eq!((header.alg, header.kid.as_deref()), (Algorithm::RS256, Some("k1")));
        let claims = claims::payload(jwt.expose_secret()).unwrap();
        assert_eq!((&claims["iss"], &claims["sub"]), (&"a@p.iam".into(), &"m@example.com".into()));
        assert_eq!(claims["scope"], "https://mail.google.com/");
        assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 3600);
    }

    #[test]
    fn a_broken_key_is_named_and_not_shown() {
        let account = ServiceAccount { email: "a".into(), key_id: None, key: "s3cret".into(), token_url: None };
        let url = "https://oauth2.googleapis.com/token".parse().unwrap();
        let error = service_account(&account, "m", &[], &url, at()).unwrap_err().to_string();
        assert!(error.contains("service_account") && !error.contains("s3cret"), "{error}");
    }
}
