//! What a JWT says, read without checking its signature: an id token came straight from the token endpoint over TLS (OpenID
//! Connect Core, 3.1.3.7), and an access token is read for diagnosis only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::model::Identity;

/// The claims of a JWT; none of anything else (the access tokens of personal accounts are opaque).
pub(super) fn payload(jwt: &str) -> Option<Map<String, Value>> {
    let mut parts = jwt.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?).ok()
}

/// Who signed in, by an id token that is meant for this client.
pub(super) fn identity(id_token: &str, client: &str) -> Option<Identity> {
    const CLAIMS: [&str; 5] = ["email", "preferred_username", "upn", "unique_name", "sub"];
    let claims = payload(id_token)?;
    let ours = match claims.get("aud")? {
        Value::String(one) => one == client,
        Value::Array(all) => all.iter().any(|one| one == client),
        _ => false,
    };
    let addresses = CLAIMS.iter().filter_map(|name| claims.get(*name)?.as_str()).filter(|text| text.contains('@'));
    let known: Vec<_> = addresses.map(str::to_owned).collect();
    (ours && !known.is_empty()).then_some(Identity(known))
}

/// The claims of an access token that tell why a mail server may refuse it.
#[must_use]
pub fn telling_claims(access_token: &str) -> Vec<(&'static str, String)> {
    const CLAIMS: [&str; 8] = ["aud", "scp", "scope", "roles", "upn", "unique_name", "app_displayname", "tid"];
    let Some(claims) = payload(access_token) else { return Vec::new() };
    let shown = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(all) => Some(all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
        _ => None,
    };
    CLAIMS.iter().filter_map(|name| Some((*name, super::error::printable(&shown(claims.get(*name)?)?, 300)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &Value) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn an_id_token_tells_who_signed_in() {
        let microsoft =
            jwt(&serde_json::json!({ "aud": "client", "preferred_username": "Support@example.com", "sub": "x" }));
        let identity = identity(&microsoft, "client").unwrap();
        assert!(identity.is("support@example.com") && !identity.is("other@example.com"));
        assert_eq!(identity.to_string(), "Support@example.com");
    }

    #[test]
    fn what_is_not_meant_for_us_or_names_nobody_tells_nothing() {
        let other = jwt(&serde_json::json!({ "aud": ["another"], "email": "a@b" }));
        assert_eq!(identity(&other, "client"), None);
        assert_eq!(identity(&jwt(&serde_json::json!({ "aud": "client", "sub": "4711" })), "client"), None);
        for opaque in ["", "M.C5_abc", "a.b", "a.!.c", "EwB..x"] {
            assert_eq!(identity(opaque, "client"), None);
            assert!(telling_claims(opaque).is_empty());
        }
    }

    #[test]
    fn telling_claims_are_told() {
        let token = jwt(
            &serde_json::json!({ "aud": "https://outlook.office365.com", "roles": ["IMAP.AccessAsApp", "SMTP.SendAsApp"], "rh": "secret" }),
        );
        assert_eq!(
            telling_claims(&token),
            [
                ("aud", "https://outlook.office365.com".to_owned()),
                ("roles", "IMAP.AccessAsApp SMTP.SendAsApp".to_owned())
            ]
        );
    }
}
