//! Passwords of an account: given, shown once, revoked.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use chrono::NaiveDate;
use secrecy::ExposeSecret as _;

use super::address::{self, path};
use super::draft::words;
use super::form::{self, Form, Group};
use super::fresh::{self, Fresh, Kept};
use super::password::{self, Chosen};
use super::servers::{self, Server};
use super::{deeds, view};
use crate::admin::Desk;
use crate::admin::confirm::confirm;
use crate::admin::form::{Control, Field, Wrong};
use crate::admin::page::{Notice, Page, Section, shown};
use crate::admin::problem::Problem;
use crate::admin::typed::Typed;
use crate::admin::visitor::Visitor;
use crate::admin::words::sentence;
use crate::clock;
use crate::model::{Account, Protocol};
use crate::registry::{ChangeError, Terms, Which};

/// A password that an account was given just now.
pub(super) struct Made<'a> {
    pub(super) account: &'a str,
    pub(super) label: Option<&'a str>,
    pub(super) chosen: Chosen,
}

#[derive(Template)]
#[template(path = "accounts/password.html")]
struct Once {
    page: Page,
    account: String,
    path: String,
    /// Label and password, if it was not shown before.
    given: Option<(Option<String>, String)>,
    /// What is typed beside it.
    servers: Vec<Server>,
}

/// Where a password that was made up is shown.
pub(super) fn once(desk: &Desk, account: &str) -> String {
    format!("{}{}/password", desk.root(), path(account))
}

impl Made<'_> {
    /// On to the page that shows it, or to the account's.
    pub(super) async fn answer(self, desk: &Desk, visitor: &Visitor, fresh: &Fresh, done: &str) -> Response {
        let Self { account, label, chosen } = self;
        let mut notice = Notice::done(done);
        let to = match chosen {
            Chosen::MadeUp(password) => {
                let (visitor, label) = (visitor.id.clone(), label.map(str::to_owned));
                let kept = Kept { visitor, account: account.to_owned(), label, password, at: clock::now() };
                if !fresh::keep(desk, fresh, kept).await {
                    let next = "Give the account another password, and revoke this one.";
                    notice =
                        Notice::failed(format!("{done} But it cannot be shown: the store would not keep it."), next);
                }
                once(desk, account)
            }
            Chosen::Typed(_) => format!("{}{}", desk.root(), path(account)),
        };
        visitor.tell(desk, notice).await;
        Redirect::to(&to).into_response()
    }
}

/// Shows the password that was made up, if this is the first time. A HEAD takes nothing: nobody would see it.
pub(super) async fn show_once(
    State(desk): State<Desk>,
    Extension(fresh): Extension<Fresh>,
    visitor: Visitor,
    method: Method,
    Path(segment): Path<String>,
) -> Response {
    let declared = desk.registry.declared();
    let account = address::name(&segment).to_owned();
    let is_seen = method == Method::GET;
    let taken = if is_seen { fresh::take(&desk, &fresh, &visitor.id, &account).await } else { None };
    let label = taken.as_ref().and_then(|kept| kept.label.as_deref());
    let servers = address::find(&declared, &account).map(|account| beside(&desk, account, label)).unwrap_or_default();
    let given = taken.map(|kept| (kept.label, kept.password.expose_secret().to_owned()));
    let page = visitor.page(&desk, Section::Accounts, format!("New password of {account}"));
    let status = if given.is_some() { StatusCode::OK } else { StatusCode::GONE };
    shown(status, &Once { page, path: path(&account), account, given, servers })
}

/// The servers that a password is for.
fn beside(desk: &Desk, account: &Account, label: Option<&str>) -> Vec<Server> {
    let mut account = account.clone();
    let own = account.passwords.iter().find(|password| password.label.as_deref() == label);
    let own = own.map(|password| password.protocols.clone()).unwrap_or_default();
    account.protocols.retain(|protocol| own.is_empty() || own.contains(protocol));
    servers::servers(desk, &account)
}

pub(super) async fn form(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
) -> Result<Response, Problem> {
    let account = deeds::changeable(&desk, &segment)?;
    let terms = Terms::default();
    Ok(page(&desk, &visitor, &account, (&terms, password::MADE_UP), Vec::new()))
}

pub(super) async fn give(
    State(desk): State<Desk>,
    Extension(fresh): Extension<Fresh>,
    visitor: Visitor,
    Path(segment): Path<String>,
    typed: Typed,
) -> Result<Response, Problem> {
    let account = deeds::changeable(&desk, &segment)?;
    let terms = terms(&typed);
    let mut wrong = match desk.registry.may_give_password(&account, &terms).await {
        Ok(()) => Vec::new(),
        Err(error) => refused(error)?,
    };
    if terms.label.is_none() {
        wrong = vec![Wrong::new("label", "It is missing: type what the password is for, such as scanner or phone.")];
    }
    wrong.extend(terms.expires.as_deref().and_then(over));
    let chosen = Chosen::of(&typed).inspect_err(|fault| wrong.push(fault.clone())).ok();
    let again = |wrong| Ok(page(&desk, &visitor, &account, (&terms, typed.text(password::HOW)), wrong));
    let Some(chosen) = chosen.filter(|_| wrong.is_empty()) else { return again(wrong) };
    match desk.registry.give_password(&visitor.actor(), &account, chosen.password(), terms.clone()).await {
        Ok(()) => {
            let made = Made { account: &account, label: terms.label.as_deref(), chosen };
            Ok(made.answer(&desk, &visitor, &fresh, "The account has the new password.").await)
        }
        Err(error) => again(refused(error)?),
    }
}

/// `?label=…` or `?mark=…`: asks before it is revoked.
pub(super) async fn ask(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let account = deeds::changeable(&desk, &segment)?;
    let query = query.unwrap_or_default();
    let what = match which(&query) {
        Which::Label(label) => format!("the password “{label}”"),
        Which::Plain(_) => "this password, which has no label,".to_owned(),
    };
    let page = visitor.page(&desk, Section::Accounts, format!("Revoke a password of {account}?"));
    let text = format!("Programs that log in with {what} are refused from then on, and their sessions end at once.");
    let path = path(&account);
    let action = format!("{path}/passwords/revoke?{query}");
    Ok(confirm(page, text, "Revoke it", action, format!("{path}#passwords")))
}

pub(super) async fn revoke(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let account = deeds::changeable(&desk, &segment)?;
    let which = which(&query.unwrap_or_default());
    let revoked = desk.registry.revoke_password(&visitor.actor(), &account, which).await;
    deeds::answer(&desk, &visitor, &account, revoked, "The password is revoked.").await
}

fn which(query: &str) -> Which {
    let asked = Typed::of(query.as_bytes());
    match asked.text("mark") {
        "" => Which::Label(asked.text("label").to_owned()),
        mark => Which::Plain(mark.to_owned()),
    }
}

fn terms(typed: &Typed) -> Terms {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Terms {
        label: some(typed.text("label")),
        protocols: typed.all("protocols").into_iter().map(str::to_owned).collect(),
        networks: words(typed.text("networks")).into_iter().map(str::to_owned).collect(),
        expires: some(typed.text("expires")),
        keep_old: true,
    }
}

/// A day that has begun already: what is no day is found wrong elsewhere.
fn over(expires: &str) -> Option<Wrong> {
    let day = NaiveDate::parse_from_str(expires, "%Y-%m-%d").ok()?;
    let text = "That day has begun already: the password would be refused at once. Choose a later one.";
    (day <= clock::now().date_naive()).then(|| Wrong::new("expires", text))
}

/// What a form can tell; a store that fails is a problem.
fn refused(error: ChangeError) -> Result<Vec<Wrong>, Problem> {
    const FIELDS: [&str; 5] = ["label", "protocols", "networks", "expires", "password"];
    match error {
        ChangeError::Store(fault) => Err(fault.into()),
        ChangeError::Wrong(faults) => Ok(faults
            .into_iter()
            .map(|fault| match FIELDS.iter().find(|field| **field == fault.key) {
                Some(field) => Wrong::new(*field, sentence(&fault.text)),
                None => Wrong::new("", format!("{}: {}", fault.key, fault.text)),
            })
            .collect()),
        other => Ok(vec![Wrong::new("", form::told(&other))]),
    }
}

fn page(desk: &Desk, visitor: &Visitor, account: &str, (terms, how): (&Terms, &str), wrong: Vec<Wrong>) -> Response {
    let groups = vec![
        Group::new("What it is for", fields(terms), &wrong),
        Group::new("The password", password::fields(how), &wrong),
    ];
    let action = format!("{}/passwords/add", path(account));
    let form = Form {
        page: visitor.page(desk, Section::Accounts, format!("A new password for {account}")),
        check: None,
        action,
        back: format!("{}#passwords", path(account)),
        button: "Give it this password",
        version: String::new(),
        loaded: String::new(),
        conflict: false,
        wrong,
        groups,
    };
    form.answer()
}

fn fields(terms: &Terms) -> [Field; 4] {
    let protocols = [Protocol::Imap, Protocol::Pop3, Protocol::Smtp];
    let protocols = protocols.map(|protocol| (protocol.name().to_owned(), view::title(protocol).to_owned()));
    [
        Field::text("label", "Label").required().value(terms.label.clone().unwrap_or_default()).hint(
            "What or who it is for, such as scanner or phone: log lines and the list of sessions show it. A password that \
             has this label already is replaced.",
        ),
        Field::new("protocols", "Protocols", Control::Checks(protocols.into()))
            .value(terms.protocols.join(" "))
            .hint("With none ticked: all that the account is for."),
        Field::new("networks", "Networks", Control::Area)
            .value(terms.networks.join("\n"))
            .hint("From where it may be used, such as 10.1.2.3 or 10.0.0.0/8, one a line. Left empty: from wherever the account may."),
        Field::new("expires", "Expires", Control::Text("date"))
            .value(terms.expires.clone().unwrap_or_default())
            .placeholder("YYYY-MM-DD")
            .hint("From the beginning of that day (UTC) it is refused. Left empty: it never expires."),
    ]
}
