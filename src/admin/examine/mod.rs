//! *Test*: every step of an account's way to its provider, as it finishes; and a test message with the upstream's own answer.

mod kept;
#[cfg(test)]
mod tests;

pub(super) use kept::look;
pub use kept::published;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::Desk;
use super::accounts::address;
use super::deed::to;
use super::form::{Control, Field, Wrong};
use super::page::{Badge, Notice, Page, Section, Tone, shown};
use super::problem::Problem;
use super::tokens::state::for_pages;
use super::visitor::Visitor;
use super::words::capital;
use crate::doctor::{Crowded, End, Outcome, Recipient, Seen, Stage, Step, Work, sender as sender_of};
use crate::model::{Account, Protocol};
use crate::registry::Actor;
use crate::store::Kind;

pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/accounts/{name}/test", get(offer).post(begin))
        .route("/accounts/{name}/test/{id}", get(progress))
}

/// What the form says.
#[derive(Debug, Deserialize)]
struct Asked {
    /// Where a test message goes; without one the account is examined.
    to: Option<String>,
}

#[derive(Template)]
#[template(path = "test.html")]
struct Shown {
    page: Page,
    account: String,
    back: String,
    /// What is asked of a message.
    to: Field,
    wrong: Vec<Wrong>,
    protocols: String,
    may_send: bool,
    round: Option<Round>,
}

/// An examination as it is shown.
struct Round {
    sending: Option<String>,
    steps: Vec<Line>,
    /// How it ended; none while it goes on.
    verdict: Option<Notice>,
    /// The upstream's own words for the message.
    answer: Option<String>,
}

/// A step as it is shown.
struct Line {
    badge: Badge,
    protocol: String,
    what: &'static str,
    took: String,
    detail: String,
    advice: Option<(String, String)>,
}

/// `GET /accounts/{name}/test`
async fn offer(State(desk): State<Desk>, visitor: Visitor, Path(place): Path<String>) -> Result<Response, Problem> {
    let account = find(&desk, &place)?;
    Ok(shown(StatusCode::OK, &page(&desk, &visitor, &account, None)))
}

/// `POST /accounts/{name}/test`: begins it, and shows how it goes on at an address of its own.
async fn begin(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(place): Path<String>,
    Form(asked): Form<Asked>,
) -> Result<Response, Problem> {
    let account = find(&desk, &place)?;
    let work = match asked.to.as_deref().map(Recipient::parse) {
        None => Work::Examine,
        Some(Ok(to)) => Work::Send(to),
        Some(Err(fault)) => return Ok(mistyped(&desk, &visitor, &account, asked.to, &fault.to_string())),
    };
    let path = address::path(&account.name);
    match begun(&desk, &visitor.actor(), &account, work).await {
        Ok(id) => Ok(to(&desk, &format!("{path}/test/{id}"))),
        Err(crowded) => {
            visitor.tell(&desk, Notice::failed(format!("Not begun: {crowded}."), "Try again in a minute.")).await;
            Ok(to(&desk, &format!("{path}/test")))
        }
    }
}

/// Begins it, and the trail knows who has asked for it.
pub(super) async fn begun(desk: &Desk, by: &Actor, account: &Account, work: Work) -> Result<String, Crowded> {
    let (what, detail) = match &work {
        Work::Examine => ("account.tested", String::new()),
        Work::Send(to) => ("account.test_message", format!("to {}", to.as_str())),
    };
    let id = desk.rounds.begin(account, work)?;
    desk.registry.note(by, Kind::Account, what, &account.name, &detail).await;
    Ok(id)
}

fn mistyped(desk: &Desk, visitor: &Visitor, account: &Account, to: Option<String>, fault: &str) -> Response {
    let mut page = page(desk, visitor, account, None);
    page.wrong = vec![Wrong::new("to", fault)];
    page.to = page.to.value(to.unwrap_or_default()).judged(&page.wrong);
    shown(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// `GET /accounts/{name}/test/{id}`
async fn progress(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path((place, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let account = find(&desk, &place)?;
    let seen = look(&desk, &id).await?.filter(|seen| seen.account == account.name).ok_or_else(|| {
        let text = "This test was forgotten: its result is kept for some minutes, and not across a restart.";
        Problem::new(StatusCode::NOT_FOUND, "Not found", text, "Test the account again.")
    })?;
    let page = page(&desk, &visitor, &account, Some(round(seen, &account)));
    Ok(shown(StatusCode::OK, &page))
}

fn find(desk: &Desk, place: &str) -> Result<Account, Problem> {
    let declared = desk.registry.declared();
    let name = address::name(place);
    address::find(&declared, name).cloned().ok_or_else(|| Problem::missing("account", name))
}

fn page(desk: &Desk, visitor: &Visitor, account: &Account, round: Option<Round>) -> Shown {
    let sending = round.as_ref().and_then(|round| round.sending.clone());
    let to = Field::new("to", "Send a test message to", Control::Text("email"))
        .value(sending.unwrap_or_default())
        .placeholder("you@example.com")
        .hint(format!("One small message, sent as {}.", sender(account)))
        .required();
    let protocols: Vec<_> = account.protocols.iter().map(|protocol| protocol.name().to_uppercase()).collect();
    Shown {
        page: visitor.page(desk, Section::Accounts, format!("Test account {:?}", account.name)),
        account: account.name.clone(),
        back: address::path(&account.name),
        to,
        wrong: Vec::new(),
        protocols: protocols.join(", "),
        may_send: account.protocols.contains(&Protocol::Smtp),
        round,
    }
}

fn sender(account: &Account) -> String {
    sender_of(account).unwrap_or_else(|| "an address that its sender policy has yet to name".into())
}

fn round(seen: Seen, account: &Account) -> Round {
    let Seen { work, steps, end, .. } = seen;
    let sending = match &work {
        Work::Examine => None,
        Work::Send(to) => Some(to.as_str().to_owned()),
    };
    let answer = steps.iter().rfind(|step| step.stage == Stage::Message).map(|step| step.detail.clone());
    let verdict = end.map(|end| verdict(end, &work, account));
    Round { sending, steps: steps.iter().map(|step| line(step, &account.token.name)).collect(), verdict, answer }
}

fn verdict(end: End, work: &Work, account: &Account) -> Notice {
    let End::Done(found) = end else {
        return Notice::failed("The test was cut off: the service stopped, or it took too long.", "Test it again.");
    };
    let bad = "See the step that failed, its cause and the next step.";
    match (work, found.failed) {
        (Work::Send(to), 0) => Notice {
            next: Some(format!(
                "Look whether it arrives at {}: what a provider takes it may still send back.",
                to.as_str()
            )),
            ..Notice::done("The provider took the message.")
        },
        (Work::Send(_), _) => Notice::failed("The message was not sent.", bad),
        (Work::Examine, 0) if found.chains == 0 => Notice::failed(
            format!("Account {:?} has no protocol that could be tried.", account.name),
            "Look at its protocols, and at its provider’s servers.",
        ),
        (Work::Examine, 0) => Notice::done(format!("{} tried, and all of them work.", logins(found.chains))),
        (Work::Examine, failed) => Notice::failed(format!("{failed} of {} failed.", logins(found.chains)), bad),
    }
}

fn logins(count: usize) -> String {
    if count == 1 { "1 login".into() } else { format!("{count} logins") }
}

fn line(step: &Step, token: &str) -> Line {
    let (tone, word) = match step.outcome {
        Outcome::Ok => (Tone::Good, "ok"),
        Outcome::Warning => (Tone::Warn, "warning"),
        Outcome::Failed => (Tone::Bad, "failed"),
    };
    let advice = step.advice.as_ref().filter(|_| !step.known);
    Line {
        badge: Badge::new(tone, word),
        protocol: step.protocol.map_or_else(String::new, |protocol| protocol.name().to_uppercase()),
        what: what(step.stage),
        took: if step.known { "known".into() } else { format!("{} ms", step.took.as_millis()) },
        detail: step.detail.clone(),
        advice: advice.map(|advice| (advice.cause.clone(), capital(&for_pages(&advice.remedy, token)))),
    }
}

/// A step for people.
const fn what(stage: Stage) -> &'static str {
    match stage {
        Stage::Account => "Account",
        Stage::Dns => "Name",
        Stage::Tcp => "Connection",
        Stage::Tls => "TLS",
        Stage::Token => "Token",
        Stage::Sasl => "Login",
        Stage::Command => "First command",
        Stage::Mail => "Sender",
        Stage::Rcpt => "Recipient",
        Stage::Data => "Message announced",
        Stage::Message => "Message sent",
    }
}
