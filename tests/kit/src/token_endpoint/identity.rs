//! The instance metadata service: tokens for a machine's own identity, over plain HTTP on a link-local address.

use serde_json::json;

use super::asked::Asked;
use crate::client::Client;
use crate::http::{Request, Response};
use crate::jwt::now;
use crate::provider::Provider;
use crate::state::State;

/// Where it is asked.
const PATH: &str = "/metadata/identity/oauth2/token";

impl Provider {
    /// The metadata service, in place of `http://169.254.169.254`.
    #[must_use]
    pub fn identity_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.identity)
    }

    /// Gives the machine an identity of its own, whose tokens open the client's mailboxes. Any other registered client is
    /// an identity that has to be asked for by its `client_id`.
    pub fn machine(&self, identity: Client) {
        let mut state = self.state.lock();
        state.machine = Some(identity.id.clone());
        state.tokens.add_client(identity);
    }
}

pub(crate) fn answer(state: &State, request: &Request, asked: &Asked) -> Response {
    let refuse = |status, error, text| Response::json(status, &json!({ "error": error, "error_description": text }));
    if request.path != PATH {
        return refuse(404, "not_found", "Not found");
    }
    if request.method != "GET" {
        return refuse(405, "invalid_request", "Method not allowed");
    }
    if !request.header("metadata").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return refuse(400, "invalid_request", "Required metadata header not specified");
    }
    if !matches!(asked.field("api-version"), "2018-02-01" | "2019-08-01" | "2021-02-01") {
        return refuse(400, "invalid_request", "Required query variable 'api-version' is missing or not supported");
    }
    let resource = asked.field("resource");
    if resource.is_empty() {
        return refuse(400, "invalid_request", "Required query variable 'resource' is missing");
    }
    let mut state = state.lock();
    let name = if asked.client.is_empty() { state.machine.clone().unwrap_or_default() } else { asked.client.clone() };
    let Some(client) = state.tokens.client(&name).cloned() else {
        return refuse(400, "invalid_request", "Identity not found");
    };
    let granted = state.tokens.by_client(&client);
    let (life, now) = (granted.life.as_secs(), now());
    // Every number is text here.
    Response::json(
        200,
        &json!({
            "access_token": granted.access,
            "client_id": client.id,
            "expires_in": life.to_string(),
            "expires_on": (now + life).to_string(),
            "ext_expires_in": life.to_string(),
            "not_before": now.to_string(),
            "resource": resource,
            "token_type": "Bearer",
        }),
    )
}
