//! The SASL mechanisms as a server reads them, and how each dialect says no.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dialect::Dialect;
use crate::state::{Login, Proof, State};
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

/// Whether a login can be granted by this mechanism at all, now.
pub(crate) fn takes(state: &State, mechanism: &str) -> bool {
    match mechanism {
        "XOAUTH2" | "OAUTHBEARER" => true,
        "PLAIN" | "LOGIN" => state.lock().passwords.are_taken(),
        _ => false,
    }
}

/// Carries an exchange to its end, after the command that began it. In Google's dialect a token that is refused is
/// answered by one more challenge.
pub(crate) async fn exchange(
    wire: &mut Wire,
    state: &State,
    protocol: &'static str,
    mechanism: &str,
    initial: Option<&str>,
) -> io::Result<Verdict> {
    let go_ahead = if protocol == "smtp" { "334" } else { "+" };
    let first = if mechanism == "LOGIN" { USERNAME } else { "" };
    let response = match initial {
        Some(response) => response.to_owned(),
        None => ask(wire, go_ahead, first).await?,
    };
    if response == "*" {
        return Ok(Verdict::Cancelled);
    }
    let proof = match mechanism {
        "LOGIN" => {
            let password = ask(wire, go_ahead, PASSWORD).await?;
            if password == "*" {
                return Ok(Verdict::Cancelled);
            }
            text(&response).zip(text(&password)).map(|(user, password)| (user, Proof::Password(password)))
        }
        "PLAIN" => plain(&response),
        _ => token(mechanism, &response).map(|(user, token)| (user, Proof::Token(token))),
    };
    let Some((user, proof)) = proof else {
        state.refused(protocol, mechanism, "");
        state.violation(format!("{protocol}: malformed {mechanism} response"));
        return refuse(wire, state, protocol, mechanism, go_ahead, None).await;
    };
    let login = Login { protocol, mechanism: mechanism.to_owned(), user: user.clone(), granted: false };
    match state.admit(login, &proof) {
        Worth::Good => Ok(Verdict::Granted(user)),
        worth => refuse(wire, state, protocol, mechanism, go_ahead, Some(worth)).await,
    }
}

/// A login by a command of the protocol's own.
pub(crate) fn password(
    state: &State,
    protocol: &'static str,
    mechanism: &str,
    user: String,
    password: String,
) -> Verdict {
    let login = Login { protocol, mechanism: mechanism.to_owned(), user: user.clone(), granted: false };
    match state.admit(login, &Proof::Password(password)) {
        Worth::Good => Verdict::Granted(user),
        Worth::Invalid | Worth::WrongUser => Verdict::Refused,
    }
}

/// `Username:` and `Password:`, as everybody asks for them.
const USERNAME: &str = "VXNlcm5hbWU6";
const PASSWORD: &str = "UGFzc3dvcmQ6";

async fn ask(wire: &mut Wire, go_ahead: &str, challenge: &str) -> io::Result<String> {
    wire.send(format!("{go_ahead} {challenge}\r\n")).await?;
    wire.line().await
}

async fn refuse(
    wire: &mut Wire,
    state: &State,
    protocol: &'static str,
    mechanism: &str,
    go_ahead: &str,
    worth: Option<Worth>,
) -> io::Result<Verdict> {
    if state.dialect == Dialect::Google && !matches!(mechanism, "PLAIN" | "LOGIN") {
        let answer = ask(wire, go_ahead, &challenge(worth)).await?;
        if answer != challenge_answer(mechanism) {
            state.violation(format!("{protocol}: the {mechanism} challenge was answered by {answer:?}"));
        }
    }
    Ok(Verdict::Refused)
}

fn text(response: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(response).ok()?).ok()
}

/// User and password of a PLAIN response; who wants to act for another is malformed.
fn plain(response: &str) -> Option<(String, Proof)> {
    let message = text(response)?;
    let [identity, user, password] = message.split('\0').collect::<Vec<_>>()[..] else { return None };
    (identity.is_empty() || identity == user).then(|| (user.to_owned(), Proof::Password(password.to_owned())))
}

/// User and token of a response in base64.
fn token(mechanism: &str, response: &str) -> Option<(String, String)> {
    let message = text(response)?;
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
