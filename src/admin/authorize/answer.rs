//! What becomes of a consent that is under way: somebody pastes the answer, or breaks it off.

use axum::extract::{Form, Path, State};
use axum::response::Response;
use serde::Deserialize;
use tracing::{debug, info, warn};

use super::super::Desk;
use super::super::page::Notice;
use super::super::problem::Problem;
use super::super::tokens::address::{name, path};
use super::super::visitor::Visitor;
use super::{accepted, home, refused, to};
use crate::consent::{self, Accepted, ConsentError};
use crate::registry::Actor;
use crate::store::Kind;

#[derive(Debug, Deserialize)]
pub(super) struct Pasted {
    #[serde(default)]
    answer: String,
}

/// `POST /tokens/{name}/authorize/{id}/paste`
pub(super) async fn paste(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path((segment, id)): Path<(String, String)>,
    Form(Pasted { answer }): Form<Pasted>,
) -> Response {
    let token = name(&segment).to_owned();
    let (hands, binding) = (desk.clone(), visitor.id.clone());
    let key = id.clone();
    let redeeming = async move {
        consent::pasted(hands.store.as_ref(), &key, &answer, Some(&binding), |name| (hands.find)(name)).await
    };
    match redeemed(&desk, Some(&token), redeeming).await {
        Ok(grant) => home(&desk, &visitor, &grant.token, accepted(&grant)).await,
        Err(fault) => {
            visitor.tell(&desk, refused(&fault, &token)).await;
            to(&desk, &format!("{}/authorize/{id}?paste", path(&token)))
        }
    }
}

/// Redeems for a token, as far as that is known, in a task of its own: a browser that is closed does not cut a redemption in the middle.
pub(in crate::admin) async fn redeemed(
    desk: &Desk,
    token: Option<&str>,
    redeeming: impl Future<Output = Result<Accepted, ConsentError>> + Send + 'static,
) -> Result<Accepted, ConsentError> {
    let busy = desk.busy.enter();
    let task = tokio::spawn(async move {
        let _busy = busy;
        redeeming.await
    });
    let outcome = task.await.unwrap_or(Err(ConsentError::Unknown));
    match &outcome {
        Ok(accepted) => info!(token = accepted.token, "admin.authorized"),
        // Anybody may send an answer that nobody waits for: those do not fill the log.
        Err(ConsentError::Unknown) => debug!(error = %ConsentError::Unknown, "admin.authorization_failed"),
        Err(fault) => warn!(token, error = %fault, remedy = fault.remedy(), "admin.authorization_failed"),
    }
    outcome
}

/// Breaks it off, and the trail knows whose it was. `false`: there was nothing to break off.
pub(in crate::admin) async fn cancelled(desk: &Desk, by: &Actor, id: &str) -> Result<bool, ConsentError> {
    let cancelled = consent::cancel(desk.store.as_ref(), id).await?;
    if let Some(token) = &cancelled {
        desk.registry.note(by, Kind::Token, "token.authorization_cancelled", token, "").await;
    }
    Ok(cancelled.is_some())
}

/// `POST /tokens/{name}/authorize/{id}/cancel`
pub(super) async fn cancel(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path((segment, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let token = name(&segment);
    let notice = match cancelled(&desk, &visitor.actor(), &id).await {
        Ok(true) => Notice::done("That was cancelled; nothing was changed."),
        Ok(false) => Notice::failed("There was nothing to cancel any more.", "Look whether the token is there."),
        Err(fault) => refused(&fault, token),
    };
    Ok(home(&desk, &visitor, token, notice).await)
}
