//! The form of an account: the same for a new one and for one that is changed.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::draft::{Draft, POLICY, TOKEN};
use crate::admin::form::{Control, Field, Wrong};
use crate::admin::page::{Page, shown};
use crate::admin::words::sentence;
use crate::model::Protocol;
use crate::registry::{ChangeError, Declared, Fault};

/// A form, ready to be shown.
#[derive(Template)]
#[template(path = "accounts/form.html")]
pub(super) struct Form {
    pub(super) page: Page,
    /// Where it is sent.
    pub(super) action: String,
    /// Where its fields are checked while it is typed.
    pub(super) check: Option<String>,
    pub(super) back: String,
    pub(super) button: &'static str,
    /// The version that was read; empty for a new account.
    pub(super) version: String,
    /// What it was loaded with, to see later what was typed.
    pub(super) loaded: String,
    /// Somebody else has changed it meanwhile.
    pub(super) conflict: bool,
    pub(super) wrong: Vec<Wrong>,
    pub(super) groups: Vec<Group>,
}

/// Fields that belong together.
pub(super) struct Group {
    pub(super) legend: &'static str,
    /// With which choices a field is shown, where scripts run; empty for always.
    pub(super) fields: Vec<(&'static str, Field)>,
}

/// Every field of its own, for what is wrong with it.
const FIELDS: [&str; 11] = [
    "name",
    TOKEN,
    "aliases",
    "protocols",
    "networks",
    "mailbox",
    "smtp_user",
    POLICY,
    "sender.addresses",
    "sender.address",
    "sender.reply_to",
];

impl Form {
    /// What is wrong is told with another status: nothing was saved.
    pub(super) fn answer(&self) -> Response {
        let status = match (self.conflict, self.wrong.is_empty()) {
            (true, _) => StatusCode::CONFLICT,
            (false, false) => StatusCode::UNPROCESSABLE_ENTITY,
            (false, true) => StatusCode::OK,
        };
        shown(status, self)
    }
}

impl Group {
    pub(super) fn new(legend: &'static str, fields: impl IntoIterator<Item = Field>, wrong: &[Wrong]) -> Self {
        Self { legend, fields: fields.into_iter().map(|field| (when(field.name), field.judged(wrong))).collect() }
    }
}

/// What a field is of use with.
fn when(field: &str) -> &'static str {
    match field {
        "password" | "again" => "how=type",
        "sender.addresses" => "sender.policy=require",
        "sender.address" | "sender.reply_to" => "sender.policy=rewrite",
        _ => "",
    }
}

/// The settings of an account.
pub(super) fn groups(declared: &Declared, draft: &Draft, wrong: &[Wrong]) -> Vec<Group> {
    let filled = |field: Field| {
        let value = draft.value(field.name);
        field.value(value)
    };
    vec![
        Group::new("At the provider", upstream(declared, draft).map(filled), wrong),
        Group::new("Who may use it", limits().map(filled), wrong),
        Group::new("As whom it may send", sender().map(filled), wrong),
    ]
}

/// What was found wrong, each beside its field.
pub(super) fn wrongs(faults: Vec<Fault>) -> Vec<Wrong> {
    faults.into_iter().map(|Fault { key, text }| placed(&key, &text)).collect()
}

/// Why nothing was changed.
pub(super) fn refused(error: ChangeError) -> Vec<Wrong> {
    match error {
        ChangeError::Wrong(faults) => wrongs(faults),
        ChangeError::Exists { .. } | ChangeError::OtherName { .. } => vec![Wrong::new("name", told(&error))],
        other => vec![Wrong::new("", told(&other))],
    }
}

/// A sentence, and the next step.
pub(super) fn told(error: &ChangeError) -> String {
    format!("{} {}", sentence(&error.to_string()), sentence(&error.remedy()))
}

fn placed(key: &str, text: &str) -> Wrong {
    let key = if key == "sender" { POLICY } else { key };
    // What is said to those who write files.
    let text = match text.split_once("; declare it as [") {
        Some((text, _)) => text,
        None if key == TOKEN && text.starts_with("`token` is missing") => "Choose one; without it no mail flows",
        None => text,
    };
    match FIELDS.iter().find(|field| **field == key) {
        Some(field) => Wrong::new(*field, sentence(text)),
        None => Wrong::new("", format!("{key}: {text}")),
    }
}

fn upstream(declared: &Declared, draft: &Draft) -> [Field; 3] {
    let hint = match declared.tokens.as_slice() {
        [] => "There is none yet. Add one first, on the page Tokens.",
        _ => "By which the account logs in at the provider. Tokens are added on the page Tokens.",
    };
    [
        Field::new(TOKEN, "Token", Control::Choice(tokens(declared, draft.value(TOKEN)))).hint(hint),
        Field::text("mailbox", "Mailbox for IMAP and POP3")
            .placeholder("the token's mailbox")
            .hint("Only for a shared mailbox, or for a token that opens many: its address. Otherwise leave it empty."),
        Field::text("smtp_user", "Login for SMTP")
            .placeholder("the token's mailbox")
            .hint("Only where mail is sent by the login of somebody else: the address. Otherwise leave it empty."),
    ]
}

fn limits() -> [Field; 3] {
    let protocols = [Protocol::Imap, Protocol::Pop3, Protocol::Smtp];
    let protocols = protocols.map(|protocol| (protocol.name().to_owned(), super::view::title(protocol).to_owned()));
    [
        Field::new("aliases", "Other user names", Control::Area).hint(
            "One a line. The account answers to each of them, with the same passwords; upper and lower case are alike.",
        ),
        Field::new("protocols", "Protocols", Control::Checks(protocols.into()))
            .hint("What it may be used for. With none ticked: all that the token's provider has servers for."),
        Field::new("networks", "Networks", Control::Area).hint(
            "From where it may be used, such as 10.0.0.0/8 or 2001:db8::/32, one a line. Left empty: from anywhere.",
        ),
    ]
}

fn sender() -> [Field; 4] {
    let policies = [
        ("keep", "keep: as its messages say; the provider judges"),
        ("require", "require: only as certain addresses; other messages are refused"),
        ("rewrite", "rewrite: always as one address, whatever its messages say"),
    ];
    let policies = policies.map(|(word, label)| (word.to_owned(), label.to_owned()));
    [
        Field::new(POLICY, "Sender policy", Control::Choice(policies.into()))
            .hint("For devices and programs whose sender address the provider would refuse, choose rewrite."),
        Field::new("sender.addresses", "Addresses for require", Control::Area).hint(
            "One a line, such as sales@example.com, or *@example.com for a whole domain. Left empty: the account's own.",
        ),
        Field::text("sender.address", "Address for rewrite")
            .hint("Such as printer@example.com. Left empty: the one that it logs in with for SMTP."),
        Field::new("sender.reply_to", "With rewrite, replies go to whom the message named", Control::Check)
            .hint("Sets Reply-To to the sender that the message had, where it has none."),
    ]
}

/// All that there are, and the one that is chosen even if it is gone.
fn tokens(declared: &Declared, chosen: &str) -> Vec<(String, String)> {
    let label = |name: &str, mailbox: &str| match mailbox {
        "" => name.to_owned(),
        mailbox => format!("{name} ({mailbox})"),
    };
    let all = declared.tokens.iter().map(|token| (token.name.clone(), label(&token.name, &token.mailbox)));
    let mut all: Vec<_> = all.collect();
    all.sort();
    if !all.iter().any(|(name, _)| name == chosen) {
        let label = if chosen.is_empty() { "Choose one".to_owned() } else { format!("{chosen} (there is none)") };
        all.insert(0, (chosen.to_owned(), label));
    }
    all
}
