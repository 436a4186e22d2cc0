//! Signing in and out, the first password, and another one.

mod attempts;
pub(super) mod cookie;
mod forms;
mod link;
mod password;
mod porter;
mod secret;
mod session;
#[cfg(test)]
mod tests;

pub use link::{LINK_LIFE, base, link_unless_given, new_link};
pub use password::{AdminPassword, PasswordError, SHORTEST, fit};
pub use porter::Porter;
pub(super) use secret::{hashed, random, same};

use axum::Extension;
use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use secrecy::SecretString;
use serde::Deserialize;

use self::forms::{Another, First, Kept, NoPassword, SignIn};
use self::porter::{Refused, Ticket};
use super::Desk;
use super::form::Wrong;
use super::guard::Caller;
use super::page::{Notice, Page, shown};
use super::problem::Problem;
use super::visitor::Visitor;
use super::words::sentence;

/// For everybody.
pub(super) fn open_routes() -> Router<Desk> {
    Router::new()
        .route("/sign-in", get(sign_in).post(signing_in))
        .route("/sign-in/kept", get(kept))
        .route("/setup", get(set_up).post(setting_up))
}

/// For those who are signed in.
pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/sign-out", post(sign_out)).route("/password", get(password_page).post(changing))
}

#[derive(Deserialize)]
struct Way {
    /// Where to go then, below the root.
    #[serde(default)]
    next: String,
    /// Something was sent in vain.
    #[serde(default)]
    expired: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    next: String,
    password: SecretString,
}

#[derive(Deserialize)]
struct Code {
    #[serde(default)]
    code: SecretString,
}

#[derive(Deserialize)]
struct FirstPassword {
    code: SecretString,
    password: SecretString,
    again: SecretString,
}

#[derive(Deserialize)]
struct NewPassword {
    old: SecretString,
    password: SecretString,
    again: SecretString,
}

async fn sign_in(
    State(desk): State<Desk>,
    visitor: Option<Visitor>,
    Query(way): Query<Way>,
) -> Result<Response, Problem> {
    if visitor.is_some() {
        return Ok(Redirect::to(&format!("{}{}", desk.root(), within(&way.next))).into_response());
    }
    let page = Page::open(desk.root(), "Sign in");
    if !desk.porter.has_password().await? {
        return Ok(shown(StatusCode::OK, &NoPassword { page }));
    }
    let page = match way.expired {
        Some(_) => page.with_notice(Notice::failed(
            "You are not signed in any more, and what you sent was not done.",
            "Sign in and do it again.",
        )),
        None => page,
    };
    Ok(shown(StatusCode::OK, &SignIn::new(page, within(&way.next), &[])))
}

async fn signing_in(
    State(desk): State<Desk>,
    Extension(caller): Extension<Caller>,
    visitor: Option<Visitor>,
    Form(entry): Form<Entry>,
) -> Result<Response, Problem> {
    let next = within(&entry.next);
    match desk.porter.sign_in(caller.ip, &entry.password).await {
        Ok(ticket) => welcome(&desk, visitor.as_ref(), &ticket, &format!("/sign-in/kept?next={}", encoded(next))).await,
        Err(refused) => {
            let (status, headers) = refusal(&refused)?;
            let wrong = [Wrong::new("password", refused.to_string())];
            let page = Page::open(desk.root(), "Sign in");
            Ok((headers, shown(status, &SignIn::new(page, next, &wrong))).into_response())
        }
    }
}

/// Where a browser comes to after it was given the cookie: it shows whether it has kept it.
async fn kept(State(desk): State<Desk>, visitor: Option<Visitor>, Query(way): Query<Way>) -> Response {
    let root = desk.root();
    match visitor {
        Some(_) => Redirect::to(&format!("{root}{}", within(&way.next))).into_response(),
        None => shown(StatusCode::OK, &Kept { page: Page::open(root, "Not signed in") }),
    }
}

async fn sign_out(
    State(desk): State<Desk>,
    Extension(caller): Extension<Caller>,
    visitor: Visitor,
) -> Result<Response, Problem> {
    desk.porter.sign_out(&visitor, caller.ip).await?;
    let forget = AppendHeaders([(SET_COOKIE, cookie::taken())]);
    Ok((forget, Redirect::to(&format!("{}/sign-in", desk.root()))).into_response())
}

async fn set_up(State(desk): State<Desk>, Query(code): Query<Code>) -> Result<Response, Problem> {
    use secrecy::ExposeSecret as _;
    if !desk.porter.link_is_good(code.code.expose_secret()).await? {
        return Err(dead_link(&desk).await?);
    }
    let page = Page::open(desk.root(), "Choose a password");
    Ok(shown(StatusCode::OK, &First::new(page, &code.code, &[])))
}

async fn setting_up(
    State(desk): State<Desk>,
    Extension(caller): Extension<Caller>,
    visitor: Option<Visitor>,
    Form(sent): Form<FirstPassword>,
) -> Result<Response, Problem> {
    use secrecy::ExposeSecret as _;
    let code = sent.code.expose_secret();
    let chosen = match forms::agree(&sent.password, &sent.again) {
        Ok(()) => desk.porter.set_up(caller.ip, code, &sent.password).await.map_err(in_form),
        Err(wrong) => Err(Ok(wrong)),
    };
    match chosen {
        Ok(ticket) => welcome(&desk, visitor.as_ref(), &ticket, "/sign-in/kept?next=/").await,
        Err(Err(Refused::Link)) => Err(dead_link(&desk).await?),
        Err(Err(refused)) => Err(refusal(&refused).err().unwrap_or_else(|| unexpected(&refused))),
        Err(Ok(wrong)) => {
            let page = Page::open(desk.root(), "Choose a password");
            Ok(shown(StatusCode::UNPROCESSABLE_ENTITY, &First::new(page, &sent.code, &[wrong])))
        }
    }
}

async fn password_page(State(desk): State<Desk>, visitor: Visitor) -> Result<Response, Problem> {
    desk.porter.changeable().map_err(|fault| in_file(&fault))?;
    Ok(shown(StatusCode::OK, &Another::new(visitor.frame(&desk, "Change the password"), &[])))
}

async fn changing(
    State(desk): State<Desk>,
    Extension(caller): Extension<Caller>,
    visitor: Visitor,
    Form(sent): Form<NewPassword>,
) -> Result<Response, Problem> {
    desk.porter.changeable().map_err(|fault| in_file(&fault))?;
    let changed = match forms::agree(&sent.password, &sent.again) {
        Ok(()) => desk.porter.change(caller.ip, &sent.old, &sent.password).await.map_err(in_form),
        Err(wrong) => Err(Ok(wrong)),
    };
    let wrong = match changed {
        Ok(ticket) => return changed_to(&desk, &visitor, caller, &ticket).await,
        Err(Ok(wrong)) => wrong,
        Err(Err(refused)) => {
            refusal(&refused)?;
            Wrong::new("old", refused.to_string())
        }
    };
    let page = visitor.frame(&desk, "Change the password");
    Ok(shown(StatusCode::UNPROCESSABLE_ENTITY, &Another::new(page, &[wrong])))
}

async fn changed_to(desk: &Desk, visitor: &Visitor, caller: Caller, ticket: &Ticket) -> Result<Response, Problem> {
    use secrecy::ExposeSecret as _;
    if let Some(new) = desk.porter.visitor(ticket.expose_secret(), caller.ip).await? {
        let notice = Notice::done("The password is changed. Everybody else who was signed in is signed out.");
        desk.porter.tell(&new, Some(notice)).await?;
    }
    welcome(desk, Some(visitor), ticket, "/").await
}

/// A new cookie takes the place of any old one.
async fn welcome(desk: &Desk, before: Option<&Visitor>, ticket: &Ticket, to: &str) -> Result<Response, Problem> {
    if let Some(before) = before {
        desk.porter.replace(before).await?;
    }
    let cookie = AppendHeaders([(SET_COOKIE, cookie::given(ticket))]);
    Ok((cookie, Redirect::to(&format!("{}{to}", desk.root()))).into_response())
}

/// A page of ours below the root, or else the overview: never an address of elsewhere, which would begin with two slashes (to a
/// browser, backslashes are slashes), nor the way back here.
fn within(next: &str) -> &str {
    let path = next.strip_prefix('/').filter(|rest| !rest.starts_with(['/', '\\']));
    let plain = path.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_graphic() && c != '\\'));
    if plain && !next.starts_with("/sign-") { next } else { "/" }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What is said in the form, to the field that it is about; or the refusal itself.
fn in_form(refused: Refused) -> Result<Wrong, Refused> {
    match refused {
        Refused::Password(fault @ (PasswordError::Short | PasswordError::Long)) => {
            Ok(Wrong::new("password", sentence(&fault.to_string())))
        }
        other => Err(other),
    }
}

/// How a refusal is answered where it is told in a form; what is no fault of the form is a problem.
fn refusal(refused: &Refused) -> Result<(StatusCode, HeaderMap), Problem> {
    let mut headers = HeaderMap::new();
    let status = match refused {
        Refused::Wrong | Refused::Unset => StatusCode::FORBIDDEN,
        Refused::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
        Refused::TooMany(wait) => {
            headers.insert(RETRY_AFTER, (wait.as_secs() + 1).into());
            StatusCode::TOO_MANY_REQUESTS
        }
        Refused::Password(PasswordError::Store(fault)) => return Err(fault.clone().into()),
        Refused::Password(_) | Refused::Link => return Err(unexpected(refused)),
    };
    Ok((status, headers))
}

fn unexpected(refused: &Refused) -> Problem {
    let text = sentence(&refused.to_string());
    Problem::new(StatusCode::CONFLICT, "Nothing was changed", text, "Go to the sign-in page.")
}

fn in_file(fault: &PasswordError) -> Problem {
    let text = sentence(&fault.to_string());
    Problem::new(StatusCode::CONFLICT, "Not here", text, "Change it in that file.")
}

async fn dead_link(desk: &Desk) -> Result<Problem, Problem> {
    if desk.porter.has_password().await? {
        let text = "A password has been set already, and links are for the first one alone.";
        let next = "Sign in with it. Who has forgotten it runs `gatepost admin password` where the service runs.";
        return Ok(Problem::new(StatusCode::GONE, "This link is used up", text, next));
    }
    let next = "Run `gatepost admin link` where the service runs: it prints a fresh one.";
    Ok(Problem::new(StatusCode::GONE, "This link is not good", Refused::Link.to_string(), next))
}
