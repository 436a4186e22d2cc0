//! *Get token*: a person gives a grant in a browser, by pasting where it ended, or by a code on another device; and what needs
//! nobody is fetched at once.

mod answer;
mod fetch;
mod show;
#[cfg(test)]
mod tests;
mod words;

pub(super) use answer::{cancelled, redeemed};
pub(super) use words::{accepted, refused};

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::Desk;
use super::deed::to;
use super::page::Notice;
use super::problem::Problem;
use super::tokens::address::{name, path};
use super::visitor::Visitor;
use crate::consent::{By, ConsentError, Party, begin, redirect_url};
use crate::model::Grant;
use crate::registry::Actor;

pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/tokens/{name}/authorize", get(show::offer).post(start))
        .route("/tokens/{name}/authorize/{id}", get(show::consent))
        .route("/tokens/{name}/authorize/{id}/paste", post(answer::paste))
        .route("/tokens/{name}/authorize/{id}/cancel", post(answer::cancel))
        .route("/tokens/{name}/refresh", post(fetch::refresh))
}

/// What the form says.
#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(default)]
    way: Way,
    /// Of a service account: for which mailbox.
    #[serde(default)]
    mailbox: String,
}

/// How a person gives the grant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Way {
    /// As the token's grant has it.
    #[default]
    Usual,
    /// This browser is sent to the provider.
    Browser,
    /// Another browser is; the address is shown.
    Paste,
    /// A code is entered on another device.
    Device,
}

/// `POST /tokens/{name}/authorize`: begins it, and shows how it goes on at an address of its own.
async fn start(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
    Form(asked): Form<Asked>,
) -> Result<Response, Problem> {
    let party = party(&desk, &segment)?;
    let token = &party.token;
    if !token.grant.asks_a_person() {
        return Ok(fetch::fetched(&desk, &visitor, token, &asked.mailbox).await);
    }
    let place = path(&token.name);
    Ok(match begun(&desk, &visitor, &party, asked.way).await {
        Ok(id) if asked.way == Way::Paste => to(&desk, &format!("{place}/authorize/{id}?paste")),
        Ok(id) => to(&desk, &format!("{place}/authorize/{id}")),
        Err(fault) => {
            visitor.tell(&desk, refused(&fault, &token.name)).await;
            to(&desk, &format!("{place}/authorize"))
        }
    })
}

async fn begun(desk: &Desk, visitor: &Visitor, party: &Party, way: Way) -> Result<String, ConsentError> {
    let by = by(visitor);
    let usual = matches!(party.token.grant, Grant::DeviceCode);
    if way == Way::Device || way == Way::Usual && usual {
        return desk.devices.begin(party, &by).await;
    }
    let redirect = desk.public_url().map(|public| redirect_url(&party.token, &public));
    let redirect = redirect.or_else(|| party.token.redirect_uri.clone()).ok_or(ConsentError::NoAddress)?;
    Ok(begin(desk.store.as_ref(), party, redirect, &by).await?.id)
}

/// The answer is taken from the session that began it, and from no other.
fn by(visitor: &Visitor) -> By {
    let Actor { who, from } = visitor.actor();
    By { who, from, binding: Some(visitor.id.clone()) }
}

fn party(desk: &Desk, segment: &str) -> Result<Party, Problem> {
    let name = name(segment);
    (desk.find)(name).ok_or_else(|| Problem::missing("token", name))
}

/// Back to the page of a token, with what became of it.
pub(super) async fn home(desk: &Desk, visitor: &Visitor, token: &str, notice: Notice) -> Response {
    visitor.tell(desk, notice).await;
    to(desk, &path(token))
}
