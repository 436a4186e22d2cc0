use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, HeaderValue, REFERRER_POLICY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use url::form_urlencoded;

use super::Desk;
use super::authorize::{accepted, home, redeemed, refused};
use super::deed::to;
use super::page::{Page, shown};
use super::tokens::address::path;
use super::visitor::Visitor;
use crate::consent::{Accepted, Consent, ConsentError, id_of, look, returned};
use crate::oauth::Returned;

/// What is told to a browser of which nothing is known: it belongs to whoever consented for the command line.
#[derive(Template)]
#[template(path = "callback.html")]
struct Told {
    page: Page,
    text: String,
    next: String,
}

/// `GET /oauth/callback?code=…&state=…`: where a provider sends the browser back to. Whoever began it with the pages comes back
/// to them; others are told here.
pub(super) async fn callback(
    State(desk): State<Desk>,
    visitor: Option<Visitor>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let mut response = match Returned::query(&query) {
        _ if is_approval(&query) => approved(&desk, &query),
        Some(answer) => answered(&desk, visitor, answer).await,
        None => {
            let text = "This address takes the answer of a provider’s consent page, and this was none.";
            told(&desk, StatusCode::BAD_REQUEST, "Nothing to do", text, "")
        }
    };
    keep_to_itself(response.headers_mut());
    response
}

/// The address holds a code: no other page hears of it, and no cache keeps it.
fn keep_to_itself(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

async fn answered(desk: &Desk, visitor: Option<Visitor>, answer: Returned) -> Response {
    let binding = visitor.as_ref().map(|visitor| visitor.id.clone());
    let id = id_of(&answer);
    let consent = match &id {
        Some(id) => look(desk.store.as_ref(), id, binding.as_deref()).await.ok().flatten(),
        None => None,
    };
    let hands = desk.clone();
    let token = consent.as_ref().map(|consent| consent.token.as_str());
    let outcome = redeemed(desk, token, async move {
        returned(hands.store.as_ref(), answer, binding.as_deref(), |name| (hands.find)(name)).await
    });
    let outcome = outcome.await;
    match (visitor, id, consent.filter(Consent::is_ours)) {
        (Some(visitor), Some(id), Some(consent)) => came_back(desk, &visitor, &id, &consent, outcome).await,
        _ => stranger(desk, outcome),
    }
}

/// Of a consent that the pages began.
async fn came_back(
    desk: &Desk,
    visitor: &Visitor,
    id: &str,
    consent: &Consent,
    outcome: Result<Accepted, ConsentError>,
) -> Response {
    let token = &consent.token;
    match outcome {
        Ok(grant) => home(desk, visitor, token, accepted(&grant)).await,
        // It came before, as after a step back: its page says what became of it.
        Err(ConsentError::Unknown) => to(desk, &format!("{}/authorize/{id}", path(token))),
        Err(fault) => home(desk, visitor, token, refused(&fault, token)).await,
    }
}

/// Of a consent that the command line began, of another session's, or of none.
fn stranger(desk: &Desk, outcome: Result<Accepted, ConsentError>) -> Response {
    match outcome {
        Ok(accepted) => {
            let who = accepted.identity.map(|who| format!(" {who} signed in.")).unwrap_or_default();
            let text = format!("Token {:?} is authorized.{who} You can close this page.", accepted.token);
            told(desk, StatusCode::OK, "Done", &text, &accepted.remarks.join("; "))
        }
        Err(fault) => {
            let status =
                if matches!(fault, ConsentError::Unknown) { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
            let here = desk.public_url().map_or_else(|| "their public_url".to_owned(), String::from);
            let next = fault.remedy().replace("their public_url", &here);
            told(desk, status, "Not authorized", &format!("{fault}."), &next)
        }
    }
}

/// Microsoft's answer to who consented for a whole tenant; it brings no code.
fn is_approval(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "admin_consent")
}

fn approved(desk: &Desk, query: &str) -> Response {
    let declined = Returned::query(query).and_then(|answer| answer.outcome.err());
    match declined {
        None => {
            let text = "The app is approved for this tenant. You can close this page.";
            told(desk, StatusCode::OK, "Approved", text, "Whoever keeps Gatepost can get the token now")
        }
        Some(declined) => {
            let next = "Open the admin consent address again as an administrator of the tenant, and accept";
            told(desk, StatusCode::BAD_REQUEST, "Not approved", &format!("{declined}."), next)
        }
    }
}

fn told(desk: &Desk, status: StatusCode, title: &str, text: &str, next: &str) -> Response {
    let page = Page::open(desk.root(), title);
    shown(status, &Told { page, text: text.to_owned(), next: next.to_owned() })
}
