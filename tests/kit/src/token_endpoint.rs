//! The token endpoint: `refresh_token` and `client_credentials` over HTTPS, with the provider's own error texts.

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::dialect::Dialect;
use crate::faults::Answer;
use crate::http::{Request, Response};
use crate::state::{State, TokenRequest};
use crate::tokens::{Client, Granted};
use crate::wire::Wire;

pub(crate) async fn serve(mut wire: Wire, state: Arc<State>) -> io::Result<()> {
    loop {
        let request = Request::read(&mut wire).await?;
        let asked = Asked::new(&request);
        let scripted = {
            let mut state = state.lock();
            state.requests.push(asked.record(&request));
            state.faults.token_answers.pop_front()
        };
        let work = || answer(&state, &request, &asked);
        let response = match scripted {
            None => work(),
            Some(Answer::Slow(time)) => {
                sleep(time).await;
                work()
            }
            Some(Answer::Hang) => pending().await,
            Some(Answer::CloseEarly) => return Ok(()),
            Some(Answer::Raw(octets)) => {
                wire.send(octets).await?;
                return wire.close().await;
            }
            Some(Answer::Truncated) => {
                work().write_half(&mut wire).await?;
                return wire.close().await;
            }
            Some(Answer::Status(status, headers, body)) => Response { status, headers, body },
            Some(Answer::Html) => Response {
                status: 200,
                headers: vec![("Content-Type", "text/html".into())],
                body: "<!DOCTYPE html><html><body><h1>Sign in to the network</h1></body></html>".into(),
            },
            Some(Answer::EmptyBody) => Response { status: 200, headers: Vec::new(), body: String::new() },
            Some(Answer::Redirect(to)) => {
                Response { status: 307, headers: vec![("Location", to)], body: String::new() }
            }
        };
        response.write(&mut wire, request.last).await?;
        if request.last {
            return wire.close().await;
        }
    }
}

/// What a request asks for.
struct Asked {
    form: HashMap<String, String>,
    client: String,
    secret: Option<String>,
    basic: bool,
}

impl Asked {
    fn new(request: &Request) -> Self {
        let form: HashMap<String, String> = request
            .body
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (decode(name), decode(value)))
            .collect();
        match request.header("authorization").and_then(basic) {
            Some((client, secret)) => Self { form, client, secret: Some(secret), basic: true },
            None => Self {
                client: form.get("client_id").cloned().unwrap_or_default(),
                secret: form.get("client_secret").cloned(),
                form,
                basic: false,
            },
        }
    }

    fn field(&self, name: &str) -> &str {
        self.form.get(name).map_or("", String::as_str)
    }

    fn record(&self, request: &Request) -> TokenRequest {
        TokenRequest {
            grant: self.field("grant_type").to_owned(),
            client: self.client.clone(),
            refresh_token: self.form.get("refresh_token").cloned(),
            body: request.body.clone(),
        }
    }
}

fn answer(state: &State, request: &Request, asked: &Asked) -> Response {
    if request.path != "/token" {
        return Response::json(404, &json!({ "error": "not_found" }));
    }
    if request.method != "POST" {
        return Response::json(405, &json!({ "error": "invalid_request" }));
    }
    let kind = request.header("content-type").unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return refusal(state, 400, "invalid_request", (900_144, "The request body must be form-urlencoded."));
    }
    let client = state.lock().tokens.client(&asked.client).cloned();
    let Some(client) = client else {
        return refusal(state, 400, "unauthorized_client", (700_016, "Application was not found in the directory."));
    };
    if !client.has_secret(asked.secret.as_deref()) {
        return unauthenticated(state, asked);
    }
    grant(state, asked, &client)
}

fn unauthenticated(state: &State, asked: &Asked) -> Response {
    let mut response = refusal(state, 401, "invalid_client", (7_000_215, "Invalid client secret provided."));
    if asked.basic {
        response.headers.push(("WWW-Authenticate", "Basic realm=\"simulated\"".into()));
    }
    response
}

fn grant(state: &State, asked: &Asked, client: &Client) -> Response {
    let granted = match asked.field("grant_type") {
        "client_credentials" => Some(state.lock().tokens.by_client(client)),
        "refresh_token" => state.lock().tokens.by_refresh(client, asked.field("refresh_token")),
        "" => return refusal(state, 400, "invalid_request", (900_144, "The request body must contain 'grant_type'.")),
        _ => return refusal(state, 400, "unsupported_grant_type", (70_003, "The grant type is not supported.")),
    };
    match granted {
        Some(granted) => Response::json(200, &positive(&granted, asked.field("scope"))),
        None => refusal(state, 400, "invalid_grant", (70_008, "The refresh token has expired due to inactivity.")),
    }
}

fn positive(granted: &Granted, scope: &str) -> Value {
    let mut answer = json!({
        "token_type": "Bearer",
        "scope": if scope.is_empty() { "mail" } else { scope },
        "expires_in": granted.life.as_secs(),
        "access_token": granted.access,
    });
    if let Some(refresh) = &granted.refresh {
        answer["refresh_token"] = refresh.as_str().into();
    }
    answer
}

/// An OAuth error; Microsoft tells more than Google.
fn refusal(state: &State, status: u16, error: &str, (code, text): (u32, &str)) -> Response {
    let body = match state.dialect {
        Dialect::Microsoft => json!({
            "error": error,
            "error_description": format!("AADSTS{code}: {text} Trace ID: 0 Correlation ID: 0 Timestamp: 2026-01-01 00:00:00Z"),
            "error_codes": [code],
            "timestamp": "2026-01-01 00:00:00Z",
            "trace_id": "0",
            "correlation_id": "0",
            "error_uri": format!("https://login.example/error?code={code}"),
        }),
        Dialect::Google if error == "invalid_grant" => {
            json!({ "error": error, "error_description": "Token has been expired or revoked." })
        }
        Dialect::Google => json!({ "error": error, "error_description": text }),
    };
    Response::json(status, &body)
}

fn basic(field: &str) -> Option<(String, String)> {
    let pair = String::from_utf8(STANDARD.decode(field.strip_prefix("Basic ")?).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((decode(id), decode(secret)))
}

/// Undoes form-urlencoding.
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
