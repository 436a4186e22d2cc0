//! XOAUTH2 and OAUTHBEARER as a server reads them, and how each dialect says no.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dialect::Dialect;
use crate::state::{Login, State};
use crate::tokens::Worth;
use crate::wire::Wire;

/// How a login ended.
pub(crate) enum Verdict {
    Granted(String),
    /// Any challenge was exchanged; the protocol's own refusal has to follow.
    Refused,
    /// The client gave up with `*`.
    Cancelled,
}

/// Whether a login can be granted by this mechanism at all. Anything else would carry a password.
pub(crate) fn takes(mechanism: &str) -> bool {
    mechanism == "XOAUTH2" || mechanism == "OAUTHBEARER"
}

/// Judges a response and, in Google's dialect, challenges the client that is refused.
pub(crate) async fn judge(
    wire: &mut Wire,
    state: &State,
    protocol: &'static str,
    mechanism: &str,
    response: &str,
) -> io::Result<Verdict> {
    if response == "*" {
        return Ok(Verdict::Cancelled);
    }
    let worth = if let Some((user, token)) = read(mechanism, response) {
        let login = Login { protocol, mechanism: mechanism.to_owned(), user: user.clone(), granted: false };
        match state.admit(login, &token) {
            Worth::Good => return Ok(Verdict::Granted(user)),
            worth => Some(worth),
        }
    } else {
        state.refused(protocol, mechanism, "");
        state.violation(format!("{protocol}: malformed {mechanism} response"));
        None
    };
    if state.dialect == Dialect::Google {
        let go_ahead = if protocol == "smtp" { "334" } else { "+" };
        wire.send(format!("{go_ahead} {}\r\n", challenge(worth))).await?;
        let answer = wire.line().await?;
        if answer != challenge_answer(mechanism) {
            state.violation(format!("{protocol}: the {mechanism} challenge was answered by {answer:?}"));
        }
    }
    Ok(Verdict::Refused)
}

/// User and token of a response in base64.
fn read(mechanism: &str, response: &str) -> Option<(String, String)> {
    let message = String::from_utf8(STANDARD.decode(response).ok()?).ok()?;
    let mut fields = message.strip_suffix("\x01\x01")?.split('\x01');
    let first = fields.next()?;
    let user = match mechanism {
        "XOAUTH2" => first.strip_prefix("user=")?.to_owned(),
        "OAUTHBEARER" => first.strip_prefix("n,a=")?.strip_suffix(',')?.replace("=2C", ",").replace("=3D", "="),
        _ => return None,
    };
    let token = fields.find_map(|field| field.strip_prefix("auth=Bearer "))?;
    Some((user, token.to_owned()))
}

/// 401 tells that the token is no good, 400 that the request is not: malformed, or for a user that is not the token's.
fn challenge(worth: Option<Worth>) -> String {
    let status = if worth == Some(Worth::Invalid) { 401 } else { 400 };
    STANDARD.encode(format!(r#"{{"status":"{status}","schemes":"Bearer","scope":"https://mail.google.com/"}}"#))
}

const fn challenge_answer(mechanism: &str) -> &'static str {
    match mechanism.as_bytes() {
        b"OAUTHBEARER" => "AQ==",
        _ => "",
    }
}
