//! The pages of *Get token*: what will happen, and how it stands.

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use url::Url;

use super::super::Desk;
use super::super::form::{Control, Field};
use super::super::page::{Notice, Page, Section, shown};
use super::super::problem::Problem;
use super::super::tokens::address::path;
use super::super::tokens::state::for_pages;
use super::super::visitor::Visitor;
use super::{accepted, party, words};
use crate::clock;
use crate::consent::{
    self, Consent, ConsentError, Outcome, Party, Task, admin_consent_url, callback_url, redirect_url,
};
use crate::explain::Hurdle;
use crate::model::{Grant, Token};

/// What has to be known before, and the ways there are.
#[derive(Template)]
#[template(path = "authorize.html")]
struct Offer<'a> {
    page: Page,
    token: &'a Token,
    /// The token's page, and below it this one.
    back: String,
    provider: &'a str,
    redirect: String,
    /// The browser comes back by itself.
    comes_back: bool,
    admin_consent: Option<String>,
    can_device: bool,
    hurdles: &'static [Hurdle],
}

/// One that was begun.
#[derive(Template)]
#[template(path = "consent.html")]
struct Shown<'a> {
    page: Page,
    token: &'a Token,
    back: String,
    action: String,
    provider: &'a str,
    stand: Stand,
    result: Option<Notice>,
    done: bool,
    /// Where the browser is sent by itself.
    forward: Option<String>,
    admin_consent: Option<String>,
    hurdles: &'static [Hurdle],
}

/// What there is to do.
enum Stand {
    Open { url: Option<String>, redirect: String, comes_back: bool, paste: Field, pasting: bool },
    Enter { code: String, url: String, link: Option<String>, complete: Option<String>, ends: DateTime<Utc> },
    Elsewhere,
    Over,
}

/// A page that is older was come back to: whoever goes back does not want to be sent forth again.
const FRESH: TimeDelta = TimeDelta::seconds(15);

/// `GET /tokens/{name}/authorize`
pub(super) async fn offer(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
) -> Result<Response, Problem> {
    let party = party(&desk, &segment)?;
    let token = &party.token;
    let oauth = &token.provider.oauth;
    let public = desk.public_url().ok_or(ConsentError::NoAddress).map_err(|fault| unclear(&fault))?;
    let redirect = redirect_url(token, &public);
    let can_device = oauth.device.is_some() || oauth.issuer.is_some();
    let offer = Offer {
        page: visitor.page(&desk, Section::Tokens, format!("Get token {:?}", token.name)),
        token,
        back: path(&token.name),
        provider: words::provider(&token.provider),
        comes_back: redirect == callback_url(&public),
        admin_consent: admin_consent_url(token, &redirect).map(String::from),
        redirect: redirect.into(),
        can_device: can_device && token.grant.asks_a_person(),
        hurdles: words::hurdles(&token.provider),
    };
    Ok(shown(StatusCode::OK, &offer))
}

/// `GET /tokens/{name}/authorize/{id}`
pub(super) async fn consent(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path((segment, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let party = party(&desk, &segment)?;
    let looked = consent::look(desk.store.as_ref(), &id, Some(&visitor.id)).await.map_err(|fault| unclear(&fault))?;
    let seen = looked.filter(|seen| seen.token == party.token.name).ok_or_else(|| gone(&party))?;
    let pasting = query.as_deref() == Some("paste");
    Ok(shown(StatusCode::OK, &page(&desk, &visitor, &party, &seen, (&id, pasting))))
}

fn unclear(fault: &ConsentError) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Not now", format!("{fault}."), format!("{}.", fault.remedy()))
}

fn gone(party: &Party) -> Problem {
    let text = format!(
        "This consent for token {:?} is over: it was given up, or took longer than ten minutes. Nothing was changed by that.",
        party.token.name
    );
    Problem::new(StatusCode::NOT_FOUND, "It has run out", text, "Press “Get token” on the token’s page to begin again.")
}

fn page<'a>(
    desk: &Desk,
    visitor: &Visitor,
    party: &'a Party,
    seen: &Consent,
    (id, pasting): (&str, bool),
) -> Shown<'a> {
    let token = party.token.as_ref();
    let back = path(&token.name);
    let (stand, admin_consent) = stand(desk, token, seen, pasting);
    let fresh = clock::now() - seen.begun < FRESH && !pasting;
    let forward = match &stand {
        Stand::Open { url, comes_back: true, .. } if fresh => url.clone(),
        _ => None,
    };
    Shown {
        page: visitor.page(desk, Section::Tokens, format!("Get token {:?}", token.name)),
        token,
        action: format!("{back}/authorize/{id}"),
        back,
        provider: words::provider(&token.provider),
        done: matches!(seen.outcome, Outcome::Accepted(_)),
        result: result(&seen.outcome, &token.name),
        stand,
        forward,
        admin_consent,
        hurdles: words::hurdles(&token.provider),
    }
}

fn stand(desk: &Desk, token: &Token, seen: &Consent, pasting: bool) -> (Stand, Option<String>) {
    if seen.outcome != Outcome::Waiting {
        return (Stand::Over, None);
    }
    match &seen.task {
        None => (Stand::Elsewhere, None),
        Some(Task::Open { url, redirect }) => {
            let stand = Stand::Open {
                url: web(url.as_str()),
                redirect: redirect.to_string(),
                comes_back: desk.public_url().is_some_and(|public| *redirect == callback_url(&public)),
                paste: box_for(redirect),
                pasting,
            };
            (stand, admin_consent_url(token, redirect).map(String::from))
        }
        Some(Task::Enter { code, url, complete, ends }) => {
            let (code, url, link, ends) = (code.clone(), url.clone(), web(url), *ends);
            (Stand::Enter { code, url, link, complete: complete.as_deref().and_then(web), ends }, None)
        }
    }
}

/// Where somebody pastes.
fn box_for(redirect: &Url) -> Field {
    Field::new("answer", "Address of the page that could not be loaded", Control::Area)
        .hint("All of it, as it stands in the browser’s address bar; the code alone is enough, too.")
        .placeholder(format!("{redirect}?code=…&state=…"))
        .required()
}

fn result(outcome: &Outcome, token: &str) -> Option<Notice> {
    match outcome {
        Outcome::Waiting => None,
        Outcome::Accepted(grant) => Some(accepted(grant)),
        Outcome::Failed(why, remedy) => {
            Some(Notice::failed(format!("Not authorized: {why}."), for_pages(remedy, token)))
        }
        Outcome::Cancelled => {
            Some(Notice::failed("This was cancelled; nothing was changed.", "Press “Get token” to begin again."))
        }
    }
}

/// An address that may stand in a link. The provider says it, and it might be anything.
fn web(text: &str) -> Option<String> {
    let url: Url = text.parse().ok()?;
    matches!(url.scheme(), "https" | "http").then(|| url.into())
}

impl Offer<'_> {
    /// Whose account it is.
    fn who(&self) -> String {
        who(self.token)
    }

    fn needs_mailbox(&self) -> Option<Field> {
        let wanted = self.token.is_per_mailbox();
        let field = || Field::new("mailbox", "Mailbox", Control::Text("email")).value(&self.token.mailbox);
        wanted.then(|| field().hint("This token acts for many mailboxes: for which one?").required())
    }

    fn is_password(&self) -> bool {
        matches!(self.token.grant, Grant::AppPassword(_))
    }

    fn prefers_device(&self) -> bool {
        matches!(self.token.grant, Grant::DeviceCode)
    }
}

impl Shown<'_> {
    fn who(&self) -> String {
        who(self.token)
    }
}

fn who(token: &Token) -> String {
    match (token.mailbox.as_str(), token.delegate) {
        ("", _) => "the mailbox’s own account".into(),
        (mailbox, false) => mailbox.into(),
        (mailbox, true) => format!("somebody who may open {mailbox}"),
    }
}
