//! The form of a token.

use askama::Template;

use super::draft::{self, ASSERTION};
use super::keys::{self, GROUPS, Is, Key};
use super::merge::Merged;
use super::preview::{self, Preview};
use crate::admin::Desk;
use crate::admin::form::{Control, Field, Wrong};
use crate::admin::page::Page;
use crate::admin::typed::Typed;
use crate::config::Settings;

#[derive(Template)]
#[template(path = "tokens/form.html")]
pub(super) struct FormPage {
    pub(super) page: Page,
    /// Where it is sent to, and where one goes instead; below the root.
    pub(super) action: String,
    pub(super) back: String,
    /// The token that is edited; empty for a new one.
    pub(super) was: String,
    /// As it was seen.
    pub(super) version: String,
    /// What it was loaded with, to see later what was typed.
    pub(super) loaded: String,
    /// Somebody has signed in for it.
    pub(super) granted: bool,
    pub(super) wrong: Vec<Wrong>,
    pub(super) clash: Option<Clash>,
    pub(super) groups: Vec<Part>,
    /// Where browsers have to come back to, as it has to be registered.
    pub(super) redirect: Option<String>,
    pub(super) button: &'static str,
}

/// A group of fields as it is shown.
pub(super) struct Part {
    legend: &'static str,
    intro: &'static str,
    folded: bool,
    open: bool,
    /// The group of what is copied from and to the portal.
    is_app: bool,
    fields: Vec<(String, Field)>,
}

/// Somebody else has changed it meanwhile.
pub(super) struct Clash {
    /// Who and when, as far as the trail tells.
    pub(super) by: String,
    pub(super) merged: Merged,
}

/// What the fields show.
pub(super) enum Values<'a> {
    /// A new token.
    Fresh,
    /// As it is stored.
    Stored(&'a Settings),
    /// As it was typed, over what is stored.
    Again(&'a Typed, &'a Settings),
}

/// What a new token begins with.
const FRESH: [(&str, &str); 4] = [
    ("provider", "microsoft"),
    ("grant", "authorization_code"),
    ("proof", "client_secret"),
    ("protocols", "smtp imap pop3"),
];

pub(super) fn parts(desk: &Desk, values: &Values<'_>, wrong: &[Wrong], is_new: bool) -> Vec<Part> {
    let settings = match values {
        Values::Fresh => fresh(),
        Values::Stored(settings) => (*settings).clone(),
        Values::Again(typed, before) => draft::settings(typed, before).0,
    };
    let preview = preview::preview(desk, &settings);
    let shown = |key: &&Key| is_new || !matches!(key.name, "name" | "refresh_token");
    let of_group = |group: &'static keys::Group| {
        let fields: Vec<_> =
            group.keys.iter().filter(shown).map(|key| field(desk, key, values, &preview, wrong)).collect();
        Part {
            legend: group.legend,
            intro: group.intro,
            folded: group.folded,
            open: fields.iter().any(|(_, field)| !field.value.is_empty() || field.error.is_some()),
            is_app: group.keys.iter().any(|key| key.name == "client_id"),
            fields,
        }
    };
    GROUPS.iter().map(of_group).collect()
}

fn field(desk: &Desk, key: &'static Key, values: &Values<'_>, preview: &Preview, wrong: &[Wrong]) -> (String, Field) {
    let value = match values {
        Values::Fresh => FRESH.iter().find(|(name, _)| *name == key.name).map_or("", |(_, value)| value).to_owned(),
        Values::Stored(settings) => draft::shown(key, settings),
        Values::Again(typed, _) => draft::shown_again(key, typed),
    };
    let field = Field::new(key.name, key.label, control(desk, key, &value, values))
        .value(value)
        .hint(key.hint)
        .note(note(key, values, preview))
        .placeholder(preview.default_of(key.name))
        .judged(wrong);
    // Beside a mistake, what else there is to say would only be in its way.
    let field = if field.error.is_some() && !key.is.is_secret() { field.note("") } else { field };
    let field = if key.name == "name" { field.required() } else { field };
    (key.when.told(), field)
}

fn control(desk: &Desk, key: &Key, value: &str, values: &Values<'_>) -> Control {
    let pair = |(value, label): &(&str, &str)| ((*value).to_owned(), (*label).to_owned());
    match key.is {
        Is::Text => Control::Text("text"),
        Is::Url => Control::Text("url"),
        Is::Day => Control::Text("date"),
        Is::Secret => Control::Text("password"),
        Is::Words | Is::SecretText => Control::Area,
        Is::SecretFile => Control::File,
        Is::Flag => Control::Check,
        Is::Protocols => Control::Checks(
            [("smtp", "Sending (SMTP)"), ("imap", "Reading (IMAP)"), ("pop3", "Reading (POP3)")]
                .iter()
                .map(pair)
                .collect(),
        ),
        Is::Provider => Control::Choice(providers(desk, value)),
        Is::Choice(all) => {
            let mut all: Vec<_> = all.iter().map(pair).collect();
            let before = match values {
                Values::Stored(settings) | Values::Again(_, settings) => draft::proof(settings),
                Values::Fresh => "",
            };
            if key.name == "proof" && before == ASSERTION {
                all.push((ASSERTION.to_owned(), "A federated assertion, read from the file that is set".to_owned()));
            }
            Control::Choice(all)
        }
    }
}

/// The providers that can be chosen. A cloud of Microsoft is a choice of its own.
fn providers(desk: &Desk, chosen: &str) -> Vec<(String, String)> {
    const KNOWN: [(&str, &str); 5] = [
        ("microsoft", "Microsoft 365 (Entra ID, Exchange Online)"),
        ("outlook.com", "Outlook.com, Hotmail, Live (personal accounts)"),
        ("google", "Google (Gmail, Workspace)"),
        ("yahoo", "Yahoo"),
        ("fastmail", "Fastmail"),
    ];
    let names = desk.config.provider_names();
    let known = KNOWN.iter().map(|(name, label)| ((*name).to_owned(), (*label).to_owned()));
    let is_other = |name: &&String| {
        !KNOWN.iter().any(|(known, _)| known == *name) && (!name.starts_with("microsoft-") || *name == chosen)
    };
    let others =
        names.iter().filter(is_other).map(|name| (name.clone(), format!("{name} (of the configuration file)")));
    known.filter(|(name, _)| names.contains(name)).chain(others).collect()
}

/// What is to be known of a field as it stands.
fn note(key: &Key, values: &Values<'_>, preview: &Preview) -> String {
    let setting = key.name.trim_end_matches(keys::FILE);
    let stored = match values {
        Values::Stored(settings) | Values::Again(_, settings) => settings.contains_key(setting),
        Values::Fresh => false,
    };
    let again = match values {
        Values::Again(typed, _) => !typed.exact(key.name).is_empty() || typed.file(key.name).is_some(),
        _ => false,
    };
    match (key.is, again, stored) {
        (Is::SecretFile, true, _) => "Choose the file again: it was not kept.".to_owned(),
        (Is::Secret | Is::SecretText, true, _) => "Type it again: secrets are never sent back to a page.".to_owned(),
        (is, _, true) if is.is_secret() => "One is stored. Empty keeps it.".to_owned(),
        (is, ..) if is.is_secret() => String::new(),
        _ => preview.note_of(key.name),
    }
}

fn fresh() -> Settings {
    let texts = FRESH.iter().filter(|(name, _)| matches!(*name, "provider" | "grant"));
    texts.map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
}
