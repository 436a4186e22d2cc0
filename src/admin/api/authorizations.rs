use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::super::Desk;
use super::super::authorize::{cancelled, redeemed};
use super::refusal::Refusal;
use super::tokens::rfc;
use crate::consent::{self, By, Consent, ConsentError, Outcome, Party, Task, redirect_url};
use crate::model::Grant;
use crate::registry::Actor;

/// How a person consents.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Method {
    /// In a browser, which comes back to the service or whose address is pasted.
    Browser,
    /// With a code that is entered elsewhere.
    Device,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Without one, as the token's grant has it.
    method: Option<Method>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pasted {
    answer: String,
}

/// A person's consent is begun; whoever asked shows the person where to go, and asks again what became of it.
pub(super) async fn begin(
    State(desk): State<Desk>,
    Extension(by): Extension<Actor>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let asked: Asked = if body.is_empty() { Asked::default() } else { read(&body)? };
    let unknown = || Refusal::missing(format!("there is no token {name:?}"), "GET /api/v1/tokens lists all");
    let party = (desk.find)(&name).ok_or_else(unknown)?;
    let by = By { who: by.who, from: by.from, binding: None };
    let usual = if matches!(party.token.grant, Grant::DeviceCode) { Method::Device } else { Method::Browser };
    let id = match asked.method.unwrap_or(usual) {
        Method::Browser => in_browser(&desk, &party, &by).await?,
        Method::Device => desk.devices.begin(&party, &by).await?,
    };
    let Json(shown) = show(State(desk), Path(id)).await?;
    Ok((StatusCode::CREATED, Json(shown)))
}

async fn in_browser(desk: &Desk, party: &Party, by: &By) -> Result<String, Refusal> {
    let public = desk.config.admin.as_ref().and_then(|admin| admin.public_url.as_ref());
    let public = public.ok_or_else(|| {
        let error = "nobody knows where the browser would come back to: [admin] has no `public_url`";
        Refusal::new(StatusCode::CONFLICT, error, "write it, register its address + oauth/callback, and try again")
    })?;
    let redirect = redirect_url(&party.token, public);
    Ok(consent::begin(desk.store.as_ref(), party, redirect, by).await?.id)
}

pub(super) async fn show(State(desk): State<Desk>, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let consent = consent::look(desk.store.as_ref(), &id, None).await?;
    let consent = consent.ok_or(ConsentError::Unknown)?;
    Ok(Json(whole(&id, &consent)))
}

/// What a person copied from a browser that could not come back.
pub(super) async fn answer(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let Pasted { answer } = read(&body)?;
    let (working, about) = (desk.clone(), id.clone());
    let redeeming = async move {
        consent::pasted(working.store.as_ref(), &about, &answer, None, |name| (working.find)(name)).await
    };
    let token = consent::look(desk.store.as_ref(), &id, None).await?.map(|consent| consent.token);
    redeemed(&desk, token.as_deref(), redeeming).await?;
    show(State(desk), Path(id)).await
}

pub(super) async fn cancel(
    State(desk): State<Desk>,
    Extension(by): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    if cancelled(&desk, &by, &id).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ConsentError::Unknown.into())
}

fn whole(id: &str, consent: &Consent) -> Value {
    let (state, accepted, failed) = match &consent.outcome {
        Outcome::Waiting => ("waiting", None, None),
        Outcome::Accepted(accepted) => ("accepted", Some(accepted), None),
        Outcome::Failed(why, remedy) => ("failed", None, Some((why, remedy))),
        Outcome::Cancelled => ("cancelled", None, None),
    };
    json!({
        "id": id,
        "token": consent.token,
        "begun_at": rfc(Some(consent.begun)),
        "state": state,
        "signed_in": accepted.and_then(|accepted| accepted.identity.as_ref()),
        "remarks": accepted.map(|accepted| accepted.remarks.clone()).unwrap_or_default(),
        "error": failed.map(|(why, _)| why),
        "remedy": failed.map(|(_, remedy)| remedy),
        "task": consent.task.as_ref().map(task),
    })
}

fn task(task: &Task) -> Value {
    match task {
        Task::Open { url, redirect } => json!({ "method": "browser", "url": url, "redirect_uri": redirect }),
        Task::Enter { code, url, complete, ends } => json!({
            "method": "device",
            "url": url,
            "complete_url": complete,
            "code": code,
            "ends_at": rfc(Some(*ends)),
        }),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    // An object first: serde would take a list for one as well. What was sent may hold a code: it is not shown.
    let object: Result<Map<String, Value>, _> = serde_json::from_slice(body);
    let read = object.and_then(|object| serde_json::from_value(Value::Object(object)));
    read.map_err(|_| {
        Refusal::malformed("the body is not the JSON that is wanted here", "look it up in /api/openapi.json")
    })
}
