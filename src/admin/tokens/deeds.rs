//! What is done to a token with one button.

use axum::extract::{Form, Path, State as Shared};
use axum::response::Response;
use secrecy::SecretString;
use serde::Deserialize;

use super::address;
use crate::admin::Desk;
use crate::admin::confirm;
use crate::admin::deed;
use crate::admin::page::{Notice, Section};
use crate::admin::problem::Problem;
use crate::admin::visitor::Visitor;
use crate::admin::words::sentence;
use crate::model::Token;
use crate::registry::ChangeError;
use crate::store::Kind;
use crate::token;

#[derive(Deserialize)]
pub(super) struct Import {
    /// No Debug: it is the secret.
    #[serde(default)]
    refresh_token: String,
}

pub(super) async fn ask_to_forget(
    Shared(desk): Shared<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
) -> Result<Response, Problem> {
    let declared = desk.registry.declared();
    let name = address::name(&segment);
    let path = address::path(name);
    let users = declared.accounts.iter().filter(|account| account.token.name == name).count();
    let used = match users {
        0 => "No account uses it.".to_owned(),
        1 => "One account uses it; its programs are told to try again later until it has another token.".to_owned(),
        users => format!(
            "{users} accounts use it; their programs are told to try again later until they have another token."
        ),
    };
    let what = if desk.config.token_place(name).is_some() {
        "What it holds is dropped for good: the access token, and the refresh token with it. Its declaration stands in the \
         configuration file and stays; it can be got again afterwards."
    } else {
        "Its settings and what it holds are dropped for good: client secret, access token and refresh token."
    };
    let text = format!("{what} The grant itself lives on at the provider until it is revoked there. {used}");
    let page = visitor.page(&desk, Section::Tokens, format!("Forget the token {name}?"));
    Ok(confirm::confirm(page, text, "Forget it", format!("{path}/forget"), path))
}

pub(super) async fn forget(
    Shared(desk): Shared<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
) -> Result<Response, Problem> {
    let name = address::name(&segment);
    let in_file = desk.config.token_place(name).is_some();
    let forgotten = match desk.registry.forget_token(&visitor.actor(), name).await {
        // Pressed twice, or by two people: it is gone, which is what they want.
        Err(ChangeError::Unknown { .. }) => Ok(()),
        forgotten => forgotten,
    };
    let (text, gone) = if in_file {
        (format!("The grant of the token {name} is forgotten."), false)
    } else {
        (format!("The token {name} and its settings are forgotten."), forgotten.is_ok())
    };
    let path = if gone { "/tokens".to_owned() } else { address::path(name) };
    deed::answer(&desk, &visitor, &path, forgotten, &text).await
}

#[derive(Deserialize)]
pub(super) struct Switch {
    #[serde(default)]
    disabled: bool,
}

pub(super) async fn disable(
    Shared(desk): Shared<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
    Form(Switch { disabled }): Form<Switch>,
) -> Result<Response, Problem> {
    let name = address::name(&segment);
    let text = if disabled {
        format!(
            "The token {name} is disabled: it is not refreshed, and programs are told to try again later until it is enabled."
        )
    } else {
        format!("The token {name} is enabled.")
    };
    let done = desk.registry.disable_token(&visitor.actor(), name, disabled).await;
    deed::answer(&desk, &visitor, &address::path(name), done, &text).await
}

pub(super) async fn import(
    Shared(desk): Shared<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
    Form(Import { refresh_token }): Form<Import>,
) -> Result<Response, Problem> {
    let declared = desk.registry.declared();
    let name = address::name(&segment);
    let token = declared.find(name).map_err(|_| Problem::missing("token", name))?;
    let text = refresh_token.trim();
    if !token.grant.lives_by_refresh() || text.is_empty() || text.chars().any(char::is_control) {
        let next = "Paste the whole refresh token, one line of text, and press the button again.";
        visitor.tell(&desk, Notice::failed("No refresh token was imported: none was pasted.", next)).await;
        return Ok(deed::to(&desk, &address::path(name)));
    }
    Ok(import_for(&desk, &visitor, token, text.into()).await)
}

/// Keeps a refresh token; what was held before is kept aside.
pub(super) async fn import_for(desk: &Desk, visitor: &Visitor, token: &Token, secret: SecretString) -> Response {
    let notice = match token::import(desk.store.as_ref(), token, secret).await {
        Ok(()) => {
            desk.registry.note(&visitor.actor(), Kind::Token, "token.imported", &token.name, "").await;
            let text =
                "The refresh token is imported. It is used at the next login, or when you press \"Refresh now\".";
            Notice::done(text)
        }
        Err(fault) => Notice::failed(sentence(&fault.to_string()), "Correct that, and import it again."),
    };
    visitor.tell(desk, notice).await;
    deed::to(desk, &address::path(&token.name))
}
