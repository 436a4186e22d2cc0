//! The token endpoint: `refresh_token` and `client_credentials` over HTTPS.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::state::{Inner, State};
use crate::wire::Wire;

pub(crate) async fn serve(mut wire: Wire, state: Arc<State>) -> io::Result<()> {
    loop {
        let (head, body) = request(&mut wire).await?;
        let scripted = {
            let mut state = state.lock();
            state.requests.push(body.clone());
            state.faults.token_answers.pop_front()
        };
        match scripted {
            Some(answer) if answer.is_empty() => std::future::pending().await,
            Some(answer) => {
                wire.send(answer).await?;
                return Ok(());
            }
            None => {
                let (status, answer) = answer(&mut state.lock(), &head, &body);
                wire.send(response(status, &answer.to_string())).await?;
            }
        }
    }
}

async fn request(wire: &mut Wire) -> io::Result<(HashMap<String, String>, String)> {
    let first = wire.line().await?;
    let mut head = HashMap::from([(String::new(), first)]);
    loop {
        let line = wire.line().await?;
        let Some((name, value)) = line.split_once(':') else { break };
        head.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = head.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    Ok((head, String::from_utf8_lossy(&wire.take(length).await?).into_owned()))
}

fn response(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn answer(state: &mut Inner, head: &HashMap<String, String>, body: &str) -> (u16, serde_json::Value) {
    let form: HashMap<String, String> = body
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect();
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    if !head[""].starts_with("POST /token ") {
        return (404, json!({ "error": "invalid_request" }));
    }
    let (id, secret) = basic(head).unwrap_or_else(|| (field("client_id"), form.get("client_secret").cloned()));
    let Some(client) = state.clients.get(&id).filter(|client| client.secret == secret).cloned() else {
        return (
            401,
            json!({ "error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided.", "error_codes": [7_000_215] }),
        );
    };
    match field("grant_type").as_str() {
        "client_credentials" => (200, granted(state, &client.mailbox, None)),
        "refresh_token" => refresh(state, &field("refresh_token")),
        _ => (400, json!({ "error": "unsupported_grant_type" })),
    }
}

fn refresh(state: &mut Inner, token: &str) -> (u16, serde_json::Value) {
    let ended = (
        400,
        json!({ "error": "invalid_grant", "error_description": "AADSTS70008: The refresh token has expired or was revoked." }),
    );
    // A rotated token that comes again was stolen, or a client lost its successor: the whole family ends.
    if let Some(mailbox) = state.spent.get(token).cloned() {
        state.refresh.retain(|_, owner| *owner != mailbox);
        return ended;
    }
    let Some(mailbox) = state.refresh.get(token).cloned() else { return ended };
    let successor = state.rotate.then(|| state.fresh("refresh"));
    if let Some(successor) = &successor {
        state.refresh.remove(token);
        state.spent.insert(token.to_owned(), mailbox.clone());
        state.refresh.insert(successor.clone(), mailbox.clone());
    }
    (200, granted(state, &mailbox, successor))
}

fn granted(state: &mut Inner, mailbox: &str, refresh: Option<String>) -> serde_json::Value {
    let life = state.life.as_secs();
    let access = state.issue_access(mailbox);
    let mut answer = json!({ "access_token": access, "token_type": "Bearer", "expires_in": life, "scope": "mail" });
    if let Some(refresh) = refresh {
        answer["refresh_token"] = refresh.into();
    }
    answer
}

fn basic(head: &HashMap<String, String>) -> Option<(String, Option<String>)> {
    let encoded = head.get("authorization")?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((decode(id), Some(decode(secret))))
}

fn decode(text: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, hex) {
            (b'%', Some(octet)) => {
                octets.push(octet);
                rest = &tail[2..];
            }
            (octet, _) => {
                octets.push(if octet == b'+' { b' ' } else { octet });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}
