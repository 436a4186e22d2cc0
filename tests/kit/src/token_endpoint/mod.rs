//! The token endpoint over HTTPS, with the provider's own error texts; in clear, the metadata service.

mod answer;
mod asked;
mod device;
mod grants;
mod identity;

use std::future::pending;
use std::io;
use std::sync::Arc;

use serde_json::json;
use tokio::time::sleep;

use self::answer::Refusal;
use self::asked::Asked;
pub use self::device::Device;
pub(crate) use self::device::Devices;
use self::grants::JWT_BEARER;
use crate::faults::Answer;
use crate::http::{Request, Response};
use crate::state::State;
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
        let encrypted = wire.is_encrypted();
        let work =
            || if encrypted { answer(&state, &request, &asked) } else { identity::answer(&state, &request, &asked) };
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

fn answer(state: &State, request: &Request, asked: &Asked) -> Response {
    let is_token = match request.path.as_str() {
        "/token" => true,
        "/devicecode" => false,
        _ => return Response::json(404, &json!({ "error": "not_found" })),
    };
    if request.method != "POST" {
        return Response::json(405, &json!({ "error": "invalid_request" }));
    }
    let kind = request.header("content-type").unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        let refusal = Refusal::new("invalid_request", 900_144, "The request body must be form-urlencoded.");
        return refusal.response(state.dialect);
    }
    if is_token && asked.field("grant_type") == JWT_BEARER {
        return grants::service_account(state, asked);
    }
    let (client, token_url) = {
        let state = state.lock();
        (state.tokens.client(&asked.client).cloned(), state.token_url.clone())
    };
    let Some(client) = client else {
        let refusal = Refusal::new("unauthorized_client", 700_016, "Application was not found in the directory.");
        return refusal.response(state.dialect);
    };
    if !is_token {
        return device::begin(state, asked, &client);
    }
    match asked.is_not(&client, &token_url) {
        Some((code, text)) => unauthenticated(state, asked, code, text),
        None => grants::grant(state, asked, &client),
    }
}

fn unauthenticated(state: &State, asked: &Asked, code: u32, text: &'static str) -> Response {
    let mut response = Refusal { status: 401, ..Refusal::new("invalid_client", code, text) }.response(state.dialect);
    if asked.is_basic() {
        response.headers.push(("WWW-Authenticate", "Basic realm=\"simulated\"".into()));
    }
    response
}
