//! What is done to an account with one button.

use axum::extract::{Path, State};
use axum::response::Response;

use super::address;
use crate::admin::Desk;
use crate::admin::confirm::confirm;
use crate::admin::deed;
use crate::admin::page::Section;
use crate::admin::problem::Problem;
use crate::admin::visitor::Visitor;
use crate::registry::ChangeError;

/// The name of an account that can be changed here.
pub(super) fn changeable(desk: &Desk, segment: &str) -> Result<String, Problem> {
    let declared = desk.registry.declared();
    let name = address::name(segment);
    let account = address::find(&declared, name).ok_or_else(|| Problem::missing("account", name))?;
    match desk.config.account_place(&account.name) {
        None => Ok(account.name.clone()),
        Some(place) => Err(Problem::in_file("account", &account.name, &place.line)),
    }
}

/// Back to the account, with what became of it.
pub(super) async fn answer(
    desk: &Desk,
    visitor: &Visitor,
    account: &str,
    result: Result<(), ChangeError>,
    done: &str,
) -> Result<Response, Problem> {
    deed::answer(desk, visitor, &address::path(account), result, done).await
}

pub(super) async fn disable(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
) -> Result<Response, Problem> {
    let account = changeable(&desk, &segment)?;
    let done = desk.registry.disable_account(&visitor.actor(), &account, true).await;
    let told = "The account is disabled: its programs are refused, and its sessions end.";
    answer(&desk, &visitor, &account, done, told).await
}

pub(super) async fn enable(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
) -> Result<Response, Problem> {
    let account = changeable(&desk, &segment)?;
    let done = desk.registry.disable_account(&visitor.actor(), &account, false).await;
    answer(&desk, &visitor, &account, done, "The account is enabled: its programs may log in again.").await
}

/// Asks before it is removed, also one that cannot be used.
pub(super) async fn ask(State(desk): State<Desk>, visitor: Visitor, Path(segment): Path<String>) -> Response {
    let name = removable(&desk, &segment);
    let path = address::path(&name);
    let page = visitor.page(&desk, Section::Accounts, format!("Remove the account {name}?"));
    let text = "Its programs are refused from then on, its sessions end at once, and its passwords are gone for good. Its \
                token and the mailbox stay as they are.";
    confirm(page, text.to_owned(), "Remove it", format!("{path}/remove"), path)
}

pub(super) async fn remove(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
) -> Result<Response, Problem> {
    let name = removable(&desk, &segment);
    let removed = desk.registry.remove_account(&visitor.actor(), &name).await;
    let told = format!("The account {name} is removed.");
    deed::answer(&desk, &visitor, "/accounts", removed, &told).await
}

fn removable(desk: &Desk, segment: &str) -> String {
    let declared = desk.registry.declared();
    let name = address::name(segment);
    address::find(&declared, name).map_or(name, |account| account.name.as_str()).to_owned()
}
