use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::draft::Draft;
use super::form::{self, Form, Group};
use super::fresh::{self, Fresh};
use super::password::{self, Chosen};
use super::{address, passwords};
use crate::admin::Desk;
use crate::admin::form::{Field, Wrong};
use crate::admin::page::Section;
use crate::admin::problem::Problem;
use crate::admin::typed::Typed;
use crate::admin::visitor::Visitor;
use crate::config::Settings;
use crate::registry::{ChangeError, Fault, Terms};

/// `?token=NAME`: the token that is chosen at first.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    token: String,
}

/// What was typed.
struct Entry {
    name: String,
    draft: Draft,
}

pub(super) async fn form(State(desk): State<Desk>, visitor: Visitor, Query(wanted): Query<Wanted>) -> Response {
    let tokens = &desk.registry.declared().tokens;
    let only = if let [only] = tokens.as_slice() { only.name.as_str() } else { "" };
    let token = if wanted.token.is_empty() { only } else { &wanted.token };
    page(&desk, &visitor, &Entry { name: String::new(), draft: Draft::new(token) }, password::MADE_UP, Vec::new())
}

pub(super) async fn add(
    State(desk): State<Desk>,
    Extension(fresh): Extension<Fresh>,
    visitor: Visitor,
    typed: Typed,
) -> Result<Response, Problem> {
    let entry = Entry::of(&typed);
    let is_there = address::find(&desk.registry.declared(), &entry.name).is_some();
    if is_there && fresh::has(&desk, &fresh, &visitor.id, &entry.name).await {
        // The second of two clicks.
        return Ok(Redirect::to(&passwords::once(&desk, &entry.name)).into_response());
    }
    let settings = entry.draft.settings(Settings::new());
    let mut wrong = form::wrongs(faults(&desk, &entry.name, &settings));
    let chosen = Chosen::of(&typed).inspect_err(|fault| wrong.push(fault.clone())).ok();
    let Some(chosen) = chosen.filter(|_| wrong.is_empty()) else {
        return Ok(page(&desk, &visitor, &entry, typed.text(password::HOW), wrong));
    };
    let first = Some((chosen.password(), Terms::default()));
    match desk.registry.add_account(&visitor.actor(), &entry.name, settings, first).await {
        Ok(()) => {
            let made = passwords::Made { account: &entry.name, label: None, chosen };
            Ok(made.answer(&desk, &visitor, &fresh, "The account is added.").await)
        }
        Err(ChangeError::Store(fault)) => Err(fault.into()),
        Err(error) => Ok(page(&desk, &visitor, &entry, typed.text(password::HOW), form::refused(error))),
    }
}

/// What is wrong with what is typed just now.
pub(super) async fn check(State(desk): State<Desk>, _: Visitor, typed: Typed) -> Response {
    let entry = Entry::of(&typed);
    let found = faults(&desk, &entry.name, &entry.draft.settings(Settings::new()));
    answer(form::wrongs(found))
}

/// By field, for the script.
pub(super) fn answer(wrong: Vec<Wrong>) -> Response {
    let wrong = wrong.into_iter().map(|Wrong { field, text }| (field, Value::String(text)));
    Json(Value::Object(wrong.collect::<Map<_, _>>())).into_response()
}

impl Entry {
    fn of(typed: &Typed) -> Self {
        Self { name: typed.text("name").to_owned(), draft: Draft::typed(typed) }
    }
}

fn faults(desk: &Desk, name: &str, settings: &Settings) -> Vec<Fault> {
    if name.is_empty() {
        let text = "it is missing; type what the program is to send as its user name".to_owned();
        return vec![Fault { key: "name".to_owned(), text }];
    }
    desk.registry.check_new_account(name, settings).err().unwrap_or_default()
}

fn page(desk: &Desk, visitor: &Visitor, entry: &Entry, how: &str, wrong: Vec<Wrong>) -> Response {
    let name = Field::text("name", "User name").required().value(&entry.name).hint(
        "What the program or device sends as its user name, such as evmail or sales@example.com. Case does not matter.",
    );
    let mut groups = vec![Group::new("Name", [name], &wrong)];
    groups.extend(form::groups(&desk.registry.declared(), &entry.draft, &wrong));
    groups.push(Group::new("First password", password::fields(how), &wrong));
    let form = Form {
        page: visitor.page(desk, Section::Accounts, "Add an account"),
        action: address::ADD.to_owned(),
        check: Some(format!("{}/check", address::ADD)),
        back: "/accounts".to_owned(),
        button: "Add the account",
        version: String::new(),
        loaded: String::new(),
        conflict: false,
        wrong,
        groups,
    };
    form.answer()
}
