//! Keys of the API: their page.

mod ring;
mod scope;
#[cfg(test)]
mod tests;

pub use ring::{ApiKey, KeyError, Ring};
pub use scope::{NoScope, Scope};

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::Desk;
use super::confirm::confirm_one;
use super::deed::to;
use super::form::{Control, Field, Wrong};
use super::page::{Badge, Notice, Page, Section, Tone, shown};
use super::problem::Problem;
use super::visitor::Visitor;
use crate::clock;

/// For those who are signed in.
pub(super) fn routes() -> Router<Desk> {
    Router::new().route("/keys", get(list).post(add)).route("/keys/remove", get(ask).post(remove))
}

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    page: Page,
    keys: Vec<Row>,
    fields: [Field; 3],
    wrong: Vec<Wrong>,
    /// A key that was just made: its name and its secret, this once.
    made: Option<(String, String)>,
}

struct Row {
    name: String,
    scopes: String,
    made: String,
    expires: String,
    used: String,
    badge: Badge,
}

/// What was typed.
#[derive(Default)]
struct Typed {
    name: String,
    scopes: Vec<String>,
    expires: String,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

impl From<KeyError> for Problem {
    fn from(fault: KeyError) -> Self {
        match fault {
            KeyError::Store(fault) => fault.into(),
            KeyError::Unknown(name) => Self::missing("key", &name),
            other => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Not done", format!("{other}."), "Go back and mend that.")
            }
        }
    }
}

async fn list(State(desk): State<Desk>, visitor: Visitor) -> Result<Response, Problem> {
    page(&desk, &visitor, &Typed::default(), Vec::new(), None).await
}

/// The answer is the page itself and no redirect: the secret is kept nowhere that a next page could take it from. Sent again, by
/// a reload, the form is refused, for there is a key of that name.
async fn add(State(desk): State<Desk>, visitor: Visitor, body: Bytes) -> Result<Response, Problem> {
    let typed = Typed::of(&body);
    let scopes: Result<Vec<Scope>, NoScope> = typed.scopes.iter().map(|scope| scope.parse()).collect();
    let wrong = match scopes {
        Err(_) => Wrong::new("scopes", "There is no such thing that a key may do. Tick those that are offered."),
        Ok(scopes) => {
            let expires = Some(typed.expires.trim()).filter(|text| !text.is_empty());
            match desk.ring.add(&visitor.actor(), &typed.name, &scopes, expires).await {
                Ok(secret) => {
                    let made = Some((typed.name.trim().to_owned(), secret));
                    return page(&desk, &visitor, &Typed::default(), Vec::new(), made).await;
                }
                Err(KeyError::Store(fault)) => return Err(fault.into()),
                Err(KeyError::NoScope) => Wrong::new("scopes", "Tick at least one thing that it may do."),
                Err(fault) => Wrong::new(field(&fault), format!("{fault}.")),
            }
        }
    };
    page(&desk, &visitor, &typed, vec![wrong], None).await
}

async fn ask(State(desk): State<Desk>, visitor: Visitor, Query(named): Query<Named>) -> Response {
    let page = visitor.page(&desk, Section::Keys, "Remove an API key");
    let text = format!("Remove the key {:?}? Whatever uses it is refused from then on.", named.name);
    confirm_one(page, text, "Remove the key", ("name", named.name), ("/keys/remove", "/keys"))
}

async fn remove(
    State(desk): State<Desk>,
    visitor: Visitor,
    axum::extract::Form(named): axum::extract::Form<Named>,
) -> Result<Response, Problem> {
    match desk.ring.remove(&visitor.actor(), &named.name).await {
        Ok(()) => visitor.tell(&desk, Notice::done(format!("The key {:?} is removed.", named.name))).await,
        // A double click.
        Err(KeyError::Unknown(_)) => {}
        Err(fault) => return Err(fault.into()),
    }
    Ok(to(&desk, "/keys"))
}

async fn page(
    desk: &Desk,
    visitor: &Visitor,
    typed: &Typed,
    wrong: Vec<Wrong>,
    made: Option<(String, SecretString)>,
) -> Result<Response, Problem> {
    let keys = desk.ring.list().await?.iter().map(Row::of).collect();
    let status = if wrong.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let made = made.map(|(name, secret)| (name, secret.expose_secret().to_owned()));
    let page = visitor.page(desk, Section::Keys, "API keys");
    Ok(shown(status, &KeysPage { page, keys, fields: typed.fields(&wrong), wrong, made }))
}

const fn field(fault: &KeyError) -> &'static str {
    match fault {
        KeyError::Expires(_) => "expires",
        _ => "name",
    }
}

impl Typed {
    /// Several fields of one name are several scopes.
    fn of(body: &[u8]) -> Self {
        let mut typed = Self::default();
        for (name, value) in url::form_urlencoded::parse(body) {
            match name.as_ref() {
                "name" => typed.name = value.into_owned(),
                "scopes" => typed.scopes.push(value.into_owned()),
                "expires" => typed.expires = value.into_owned(),
                _ => {}
            }
        }
        typed
    }

    fn fields(&self, wrong: &[Wrong]) -> [Field; 3] {
        let name = Field::text("name", "Name").required().value(&self.name);
        let name = name.hint("What uses it, such as \"monitoring\". Logs and the audit trail show it.");
        let options = Scope::ALL.map(|scope| (scope.name().to_owned(), format!("{scope}: {}", scope.meaning())));
        let scopes = Field::new("scopes", "What it may do", Control::Checks(options.to_vec()));
        let scopes = scopes.value(self.scopes.join(" ")).hint("No more than its program needs.");
        let expires = Field::new("expires", "Good until", Control::Text("date")).value(&self.expires);
        let expires = expires.hint("The last day on which it is good; empty is without end.");
        [name.judged(wrong), scopes.judged(wrong), expires.judged(wrong)]
    }
}

impl Row {
    fn of(key: &ApiKey) -> Self {
        let time = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
        let badge =
            if key.is_good(clock::now()) { Badge::new(Tone::Good, "good") } else { Badge::new(Tone::Bad, "expired") };
        Self {
            name: key.name.clone(),
            scopes: key.scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            made: time(key.made),
            expires: key.expires.map_or_else(|| "never".to_owned(), time),
            used: key.used.map_or_else(|| "never".to_owned(), time),
            badge,
        }
    }

    /// Its name within an address.
    fn encoded(&self) -> String {
        url::form_urlencoded::byte_serialize(self.name.as_bytes()).collect()
    }
}
