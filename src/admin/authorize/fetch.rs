//! What needs nobody: a new access token now.

use axum::extract::{Form, Path, State};
use axum::response::Response;
use serde::Deserialize;
use tracing::warn;

use super::super::Desk;
use super::super::page::Notice;
use super::super::problem::Problem;
use super::super::tokens::state::for_pages;
use super::super::visitor::Visitor;
use super::{home, party};
use crate::model::{Grant, Token};
use crate::store::Kind;
use crate::token::TokenError;

/// What the form says.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    /// Of a service account: for which mailbox.
    #[serde(default)]
    mailbox: String,
}

/// `POST /tokens/{name}/refresh`
pub(super) async fn refresh(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
    Form(asked): Form<Asked>,
) -> Result<Response, Problem> {
    let party = party(&desk, &segment)?;
    Ok(fetched(&desk, &visitor, &party.token, &asked.mailbox).await)
}

/// Gets a token and goes back to its page with the outcome.
pub(super) async fn fetched(desk: &Desk, visitor: &Visitor, token: &Token, mailbox: &str) -> Response {
    let user = if mailbox.trim().is_empty() { &token.mailbox } else { mailbox.trim() };
    let notice = match unfit(token, user) {
        Some(notice) => notice,
        None => got(desk, visitor, token, user).await,
    };
    home(desk, visitor, &token.name, notice).await
}

fn unfit(token: &Token, user: &str) -> Option<Notice> {
    if matches!(token.grant, Grant::AppPassword(_)) {
        let text =
            format!("Token {:?} is an app password: there is nothing to get, and it does not expire.", token.name);
        return Some(Notice::failed(text, "Test an account that uses it, to see whether the provider takes it."));
    }
    let missing = token.is_per_mailbox() && user.is_empty();
    missing.then(|| Notice::failed(format!("Token {:?} acts for many mailboxes.", token.name), "Say for which."))
}

/// Where the provider was not asked, or has not answered.
fn next(fault: &TokenError, token: &Token) -> &'static str {
    match fault {
        TokenError::Moved { .. } if token.grant.asks_a_person() => {
            "Press \"Get token\" and sign in, or change the settings back."
        }
        TokenError::Moved { .. } => "Import a refresh token of this client, or change the settings back.",
        TokenError::Disabled(_) => "Enable it first.",
        _ => "See the token’s page.",
    }
}

async fn got(desk: &Desk, visitor: &Visitor, token: &Token, user: &str) -> Notice {
    let (name, from) = (&token.name, &visitor.from);
    match desk.tokens.refresh(name, user).await {
        Ok(access) => {
            desk.registry.note(&visitor.actor(), Kind::Token, "token.refreshed", name, user).await;
            let until = access.expires_at().format("%Y-%m-%d %H:%M UTC");
            Notice::done(format!("The provider gave a new access token for {name:?}; it is good until {until}."))
        }
        Err(fault) => {
            warn!(token = name, user, from, error = %fault, "admin.refresh_failed");
            desk.registry.note(&visitor.actor(), Kind::Token, "token.refresh_failed", name, user).await;
            // What another endpoint once said is no reason now.
            let asked = matches!(fault, TokenError::Unavailable { .. } | TokenError::NeedsAuthorization { .. });
            let state = if asked { desk.tokens.state(name, user).await.ok() } else { None };
            match state.and_then(|state| state.trouble) {
                Some(trouble) => {
                    Notice::failed(format!("No new token: {}.", trouble.summary), for_pages(&trouble.remedy, name))
                }
                None => Notice::failed(
                    format!("No new token: {}.", for_pages(&fault.to_string(), name)),
                    next(&fault, token),
                ),
            }
        }
    }
}
