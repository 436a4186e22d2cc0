//! Tokens are added and edited.

use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use super::draft;
use super::fields::{self, Clash, FormPage, Values};
use super::keys;
use super::merge::{self, Merged};
use super::preview;
use super::wrong::wrong;
use super::{address, change, deeds};
use crate::admin::Desk;
use crate::admin::deed::to;
use crate::admin::form::Wrong;
use crate::admin::page::{Notice, Section, shown};
use crate::admin::problem::Problem;
use crate::admin::typed::Typed;
use crate::admin::visitor::Visitor;
use crate::admin::words::{capital, sentence};
use crate::config::Settings;
use crate::model::Grant;
use crate::registry::ChangeError;
use crate::store::{Kind, Version};

pub(super) async fn ask_to_add(Shared(desk): Shared<Desk>, visitor: Visitor) -> Response {
    shown(StatusCode::OK, &adding(&desk, &visitor, &Values::Fresh, Vec::new()))
}

pub(super) async fn add(Shared(desk): Shared<Desk>, visitor: Visitor, typed: Typed) -> Result<Response, Problem> {
    let name = typed.text("name");
    let (settings, mut faults) = draft::settings(&typed, &Settings::new());
    match desk.registry.may_add_token(name).await {
        Ok(()) => {}
        Err(ChangeError::Store(fault)) => return Err(fault.into()),
        Err(fault) => faults.push(taken(&fault)),
    }
    faults = judged(&desk, name, &settings, faults);
    if faults.is_empty() {
        match desk.registry.add_token(&visitor.actor(), name, settings).await {
            Ok(token) => {
                visitor
                    .tell(
                        &desk,
                        Notice {
                            next: Some(change::first_step(&token)),
                            ..Notice::done(format!("The token {name} is added."))
                        },
                    )
                    .await;
                let secret = typed.text("refresh_token");
                if matches!(token.grant, Grant::RefreshToken) && !secret.is_empty() {
                    return Ok(deeds::import_for(&desk, &visitor, &token, secret.into()).await);
                }
                return Ok(to(&desk, &address::path(name)));
            }
            Err(ChangeError::Store(fault)) => return Err(fault.into()),
            Err(ChangeError::Wrong(all)) => faults = wrong(&all),
            Err(fault) => faults.push(taken(&fault)),
        }
    }
    let again = adding(&desk, &visitor, &Values::Again(&typed, &Settings::new()), faults);
    Ok(shown(StatusCode::UNPROCESSABLE_ENTITY, &again))
}

pub(super) async fn ask_to_edit(
    Shared(desk): Shared<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
) -> Result<Response, Problem> {
    let name = address::name(&segment);
    let (version, settings) = stored(&desk, name).await?;
    let form = editing(&desk, &visitor, name, (version, &Values::Stored(&settings)), Vec::new()).await;
    Ok(shown(StatusCode::OK, &form))
}

pub(super) async fn edit(
    Shared(desk): Shared<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
    typed: Typed,
) -> Result<Response, Problem> {
    let declared = desk.registry.declared();
    let name = address::name(&segment);
    let (version, before) = stored(&desk, name).await?;
    let seen = typed.text("version").parse().map_or(version, Version);
    let (settings, faults) = draft::settings(&typed, &before);
    let faults = judged(&desk, name, &settings, faults);
    if !faults.is_empty() {
        let form = again(&desk, &visitor, name, (seen, &typed, &before), faults).await;
        return Ok(shown(StatusCode::UNPROCESSABLE_ENTITY, &form));
    }
    let was = declared.find(name).ok().cloned();
    match desk.registry.edit_token(&visitor.actor(), name, seen, settings).await {
        Ok(token) => {
            let notice = change::told(&desk, was.as_deref(), &token, &before).await;
            visitor.tell(&desk, notice).await;
            Ok(to(&desk, &address::path(name)))
        }
        Err(ChangeError::Conflict { .. }) => {
            let (version, now) = stored(&desk, name).await?;
            let mut typed = typed;
            let merged = merge::merge(&mut typed, &now);
            let mut form = editing(&desk, &visitor, name, (version, &Values::Again(&typed, &now)), Vec::new()).await;
            form.clash = Some(clash(&desk, name, merged).await);
            Ok(shown(StatusCode::CONFLICT, &form))
        }
        Err(ChangeError::Wrong(all)) => {
            let form = again(&desk, &visitor, name, (seen, &typed, &before), wrong(&all)).await;
            Ok(shown(StatusCode::UNPROCESSABLE_ENTITY, &form))
        }
        Err(ChangeError::Store(fault)) => Err(fault.into()),
        Err(fault) => {
            let text = format!("Nothing was changed: {fault}.");
            Err(Problem::new(StatusCode::CONFLICT, "Not changed", text, fault.remedy()))
        }
    }
}

/// `POST /tokens/lint`: what is wrong with each field by now, what is worth knowing of it, and what it stands for while empty.
pub(super) async fn lint(Shared(desk): Shared<Desk>, _visitor: Visitor, typed: Typed) -> Result<Json<Value>, Problem> {
    let was = typed.text("was");
    let before = if was.is_empty() { Settings::new() } else { stored(&desk, was).await?.1 };
    let name = if was.is_empty() { typed.text("name") } else { was };
    let (settings, mut faults) = draft::settings(&typed, &before);
    if was.is_empty() && !name.is_empty() {
        match desk.registry.may_add_token(name).await {
            Err(ChangeError::Store(fault)) => return Err(fault.into()),
            Err(fault) => faults.push(taken(&fault)),
            Ok(()) => {}
        }
    }
    let mut answer = Map::new();
    for fault in judged(&desk, name, &settings, faults) {
        answer.entry(fault.field).or_insert(Value::String(fault.text));
    }
    let preview = preview::preview(&desk, &settings);
    // Beside a mistake, what else there is to say would only be in its way.
    let said = |name: &str| if answer.contains_key(name) { String::new() } else { preview.note_of(name) };
    let notes: Vec<_> = keys::all().filter(|key| !key.is.is_secret()).map(|key| (key.name, said(key.name))).collect();
    answer.insert("notes".into(), texts(notes.into_iter()));
    answer.insert("defaults".into(), texts(preview.defaults.iter().cloned()));
    Ok(Json(answer.into()))
}

fn texts(all: impl Iterator<Item = (&'static str, String)>) -> Value {
    all.map(|(field, text)| (field.to_owned(), Value::String(text))).collect::<Map<_, _>>().into()
}

/// All that is wrong: what the form itself noticed comes first, and nothing is told twice of a field.
fn judged(desk: &Desk, name: &str, settings: &Settings, own: Vec<Wrong>) -> Vec<Wrong> {
    let found = desk.registry.check_token(name, settings).err().map(|faults| wrong(&faults)).unwrap_or_default();
    let mut all = own;
    for fault in found {
        let same = |known: &Wrong| known.field.trim_end_matches(keys::FILE) == fault.field.trim_end_matches(keys::FILE);
        if fault.field.is_empty() || !all.iter().any(same) {
            all.push(fault);
        }
    }
    all
}

fn taken(fault: &ChangeError) -> Wrong {
    Wrong::new("name", sentence(&format!("{fault}: {}", fault.remedy())))
}

/// The settings of the store, or why they cannot be edited here. What cannot be read is typed anew.
async fn stored(desk: &Desk, name: &str) -> Result<(Version, Settings), Problem> {
    if let Some(place) = desk.config.token_place(name) {
        return Err(Problem::in_file("token", name, &place));
    }
    match desk.registry.token_settings(name).await {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(Problem::missing("token", name)),
        Err(_) => Ok((desk.store.record(Kind::Token, name).await?.version, Settings::new())),
    }
}

fn adding(desk: &Desk, visitor: &Visitor, values: &Values<'_>, wrong: Vec<Wrong>) -> FormPage {
    FormPage {
        page: visitor.page(desk, Section::Tokens, "Add a token"),
        action: "/tokens/add".to_owned(),
        back: "/tokens".to_owned(),
        was: String::new(),
        version: String::new(),
        loaded: String::new(),
        granted: false,
        groups: fields::parts(desk, values, &wrong, true),
        wrong,
        clash: None,
        redirect: preview::callback(desk),
        button: "Add the token",
    }
}

/// As it was sent, with what is wrong.
async fn again(
    desk: &Desk,
    visitor: &Visitor,
    name: &str,
    (seen, typed, before): (Version, &Typed, &Settings),
    wrong: Vec<Wrong>,
) -> FormPage {
    let form = editing(desk, visitor, name, (seen, &Values::Again(typed, before)), wrong).await;
    FormPage { loaded: typed.text(merge::LOADED).to_owned(), ..form }
}

async fn editing(
    desk: &Desk,
    visitor: &Visitor,
    name: &str,
    (version, values): (Version, &Values<'_>),
    wrong: Vec<Wrong>,
) -> FormPage {
    let path = address::path(name);
    let loaded = match values {
        Values::Stored(settings) | Values::Again(_, settings) => merge::loaded(settings),
        Values::Fresh => String::new(),
    };
    let state = desk.store.token(name).await.map(|stored| stored.state).unwrap_or_default();
    FormPage {
        page: visitor.page(desk, Section::Tokens, format!("Edit the token {name}")),
        action: format!("{path}/edit"),
        back: path,
        was: name.to_owned(),
        version: version.0.to_string(),
        loaded,
        granted: state.refresh.is_some(),
        groups: fields::parts(desk, values, &wrong, false),
        wrong,
        clash: None,
        redirect: preview::callback(desk),
        button: "Save",
    }
}

/// Who has changed it meanwhile, and what of it; secrets are not told.
async fn clash(desk: &Desk, name: &str, merged: Merged) -> Clash {
    const LATEST: usize = 100;
    let deeds = desk.store.deeds(None, LATEST).await.unwrap_or_default();
    let last = deeds.iter().find(|noted| noted.deed.subject == name && noted.deed.what.starts_with("token."));
    let by = last.map_or_else(
        || "Somebody else".to_owned(),
        |noted| {
            let from = if noted.deed.from.is_empty() { String::new() } else { format!(" from {}", noted.deed.from) };
            format!("{}{from}, {}", capital(&noted.deed.who), noted.deed.at.format("%Y-%m-%d %H:%M:%S UTC"))
        },
    );
    Clash { by, merged }
}
