use axum::extract::{Path, State};
use axum::response::Response;

use super::draft::Draft;
use super::form::{self, Form};
use super::{add, address, deeds};
use crate::admin::Desk;
use crate::admin::form::Wrong;
use crate::admin::page::Section;
use crate::admin::problem::Problem;
use crate::admin::typed::Typed;
use crate::admin::visitor::Visitor;
use crate::config::Settings;
use crate::registry::ChangeError;
use crate::store::Version;

/// What is stored, and what is in the form.
struct Edit {
    account: String,
    version: Version,
    stored: Settings,
    draft: Draft,
}

pub(super) async fn form(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
) -> Result<Response, Problem> {
    let (version, stored, account) = read(&desk, &segment).await?;
    let draft = Draft::stored(&stored);
    Ok(Edit { account, version, stored, draft }.page(&desk, &visitor, Vec::new()))
}

pub(super) async fn save(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
    sent: Typed,
) -> Result<Response, Problem> {
    let (typed, loaded) = (Draft::typed(&sent), Draft::loaded(&sent));
    let (version, stored, account) = read(&desk, &segment).await?;
    let mut edit = Edit { account, version, stored, draft: typed };
    if sent.text("version") != version.0.to_string() {
        let clashes = edit.merge(loaded.as_ref());
        if !clashes.is_empty() {
            return Ok(edit.conflict(&desk, &visitor, &clashes));
        }
    }
    let settings = edit.draft.settings(edit.stored.clone());
    match desk.registry.edit_account(&visitor.actor(), &edit.account, version, settings).await {
        Err(ChangeError::Wrong(faults)) => Ok(edit.page(&desk, &visitor, form::wrongs(faults))),
        Err(ChangeError::Conflict { .. }) => {
            let before = Draft::stored(&edit.stored);
            (edit.version, edit.stored, edit.account) = read(&desk, &segment).await?;
            let clashes = edit.merge(Some(&before));
            Ok(edit.conflict(&desk, &visitor, &clashes))
        }
        done => deeds::answer(&desk, &visitor, &edit.account, done, edit.told(&sent)).await,
    }
}

/// What is wrong with what is typed just now.
pub(super) async fn check(
    State(desk): State<Desk>,
    _: Visitor,
    Path(segment): Path<String>,
    typed: Typed,
) -> Result<Response, Problem> {
    let account = deeds::changeable(&desk, &segment)?;
    let settings = Draft::typed(&typed).settings(Settings::new());
    let faults = desk.registry.check_account(&account, &settings).err().unwrap_or_default();
    Ok(add::answer(form::wrongs(faults)))
}

async fn read(desk: &Desk, segment: &str) -> Result<(Version, Settings, String), Problem> {
    let account = deeds::changeable(desk, segment)?;
    let found = desk.registry.account_settings(&account).await?;
    let (version, settings) = found.ok_or_else(|| Problem::missing("account", &account))?;
    Ok((version, settings, account))
}

impl Edit {
    fn page(&self, desk: &Desk, visitor: &Visitor, wrong: Vec<Wrong>) -> Response {
        self.form(desk, visitor, wrong).answer()
    }

    /// Takes over what only somebody else has changed; what both have changed is left for a person to decide.
    fn merge(&mut self, loaded: Option<&Draft>) -> Vec<&'static str> {
        let (merged, clashes) = self.draft.merged(loaded, &Draft::stored(&self.stored));
        self.draft = merged;
        clashes
    }

    /// What became of it.
    fn told(&self, sent: &Typed) -> &'static str {
        if sent.text("version") == self.version.0.to_string() {
            "The account is changed."
        } else {
            "The account is changed. What somebody else has changed meanwhile stays as well."
        }
    }

    /// What was typed stays, and beside it stands what is stored now.
    fn conflict(&self, desk: &Desk, visitor: &Visitor, clashes: &[&'static str]) -> Response {
        let now = Draft::stored(&self.stored);
        let differs = |key: &&'static str| {
            let stored = match now.value(key) {
                "" => "nothing".to_owned(),
                value => value.replace('\n', ", "),
            };
            Wrong::new(*key, format!("Stored now: {stored}"))
        };
        let wrong = clashes.iter().map(differs).collect();
        Form { conflict: true, ..self.form(desk, visitor, wrong) }.answer()
    }

    fn form(&self, desk: &Desk, visitor: &Visitor, wrong: Vec<Wrong>) -> Form {
        let path = address::path(&self.account);
        Form {
            page: visitor.page(desk, Section::Accounts, format!("Edit the account {}", self.account)),
            action: format!("{path}/edit"),
            check: Some(format!("{path}/edit/check")),
            back: path,
            button: "Save",
            version: self.version.0.to_string(),
            loaded: Draft::stored(&self.stored).told(),
            conflict: false,
            groups: form::groups(&desk.registry.declared(), &self.draft, &wrong),
            wrong,
        }
    }
}
