use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::config::Settings;
use crate::model::{ClientAuthentication, ClientCertificate, Token};

/// A certificate goes into the store with its key, so that the file is not needed any more.
pub(super) fn portable(mut settings: Settings, token: &Token) -> Settings {
    if let ClientAuthentication::Certificate(certificate) = &token.client_authentication {
        settings.insert("client_certificate".into(), json!(pem(certificate)));
        settings.remove("client_certificate_password");
    }
    settings
}

fn pem(certificate: &ClientCertificate) -> String {
    let body = STANDARD.encode(&certificate.certificate);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n{}", certificate.key.expose_secret())
}
