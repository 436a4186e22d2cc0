use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::super::Desk;
use super::refusal::Refusal;
use super::tokens::rfc;
use crate::model::{Account, Password, Protocol};
use crate::registry::Actor;

pub(super) async fn list(State(desk): State<Desk>) -> Json<Value> {
    let declared = desk.registry.declared();
    let all: Vec<_> = declared.accounts.iter().map(|account| whole(&desk, account)).collect();
    Json(json!({ "accounts": all }))
}

pub(super) async fn show(State(desk): State<Desk>, Path(name): Path<String>) -> Result<Json<Value>, Refusal> {
    let account = find(&desk, &name)?;
    desk.activity.uses.look_up(desk.store.as_ref(), &account.name).await;
    Ok(Json(whole(&desk, &account)))
}

pub(super) async fn disable(
    desk: State<Desk>,
    by: Extension<Actor>,
    name: Path<String>,
) -> Result<Json<Value>, Refusal> {
    switch(desk, by, name, true).await
}

pub(super) async fn enable(
    desk: State<Desk>,
    by: Extension<Actor>,
    name: Path<String>,
) -> Result<Json<Value>, Refusal> {
    switch(desk, by, name, false).await
}

async fn switch(
    State(desk): State<Desk>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
    disabled: bool,
) -> Result<Json<Value>, Refusal> {
    desk.registry.disable_account(&by, &name, disabled).await?;
    show(State(desk), Path(name)).await
}

/// By any of its user names.
pub(super) fn find(desk: &Desk, name: &str) -> Result<Account, Refusal> {
    let declared = desk.registry.declared();
    let found = declared.accounts.iter().find(|account| account.answers_to(name)).cloned();
    found.ok_or_else(|| Refusal::missing(format!("there is no account {name:?}"), "GET /api/v1/accounts lists all"))
}

fn whole(desk: &Desk, account: &Account) -> Value {
    let last = desk.activity.uses.last(&account.name);
    let declared = if desk.config.account_place(&account.name).is_some() { "file" } else { "store" };
    json!({
        "name": account.name,
        "aliases": account.aliases,
        "token": account.token.name,
        "protocols": protocols(&account.protocols),
        "networks": texts(&account.networks),
        "mailbox": account.mailbox,
        "smtp_user": account.smtp_user,
        "sender_policy": account.sender.name(),
        "disabled": account.disabled,
        "declared": declared,
        "open_sessions": desk.activity.roll.open_of(&account.name),
        "last_login": rfc(last.login),
        "last_message": rfc(last.message),
        "passwords": account.passwords.iter().map(|password| secretless(desk, account, password)).collect::<Vec<_>>(),
    })
}

/// Never its hash.
fn secretless(desk: &Desk, account: &Account, password: &Password) -> Value {
    let used = desk.activity.uses.password(&account.name, password.label.as_deref());
    json!({
        "label": password.label,
        "protocols": protocols(&password.protocols),
        "networks": texts(&password.networks),
        "expires": rfc(password.expires),
        "last_used": rfc(used),
    })
}

fn protocols(all: &[Protocol]) -> Vec<&'static str> {
    all.iter().map(|protocol| protocol.name()).collect()
}

fn texts(all: &[impl ToString]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}
