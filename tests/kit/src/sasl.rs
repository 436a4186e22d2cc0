//! Reads XOAUTH2 and OAUTHBEARER messages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// User and token of an initial response in base64.
pub(crate) fn read(mechanism: &str, response: &str) -> Option<(String, String)> {
    let message = String::from_utf8(STANDARD.decode(response.trim()).ok()?).ok()?;
    let mut fields = message.split('\x01');
    let first = fields.next()?;
    let user = match mechanism {
        "XOAUTH2" => first.strip_prefix("user=")?.to_owned(),
        "OAUTHBEARER" => first.strip_prefix("n,a=")?.strip_suffix(',')?.replace("=2C", ",").replace("=3D", "="),
        _ => return None,
    };
    let token = fields.find_map(|field| field.strip_prefix("auth=Bearer "))?;
    message.ends_with("\x01\x01").then(|| (user, token.to_owned()))
}

/// The error challenge, as Google sends it.
pub(crate) fn challenge() -> String {
    STANDARD.encode(r#"{"status":"401","schemes":"Bearer","scope":"https://mail.google.com/"}"#)
}

/// What answers it.
pub(crate) fn answers_challenge(mechanism: &str, line: &str) -> bool {
    line == if mechanism == "XOAUTH2" { "" } else { "AQ==" }
}
