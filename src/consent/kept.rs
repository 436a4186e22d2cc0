//! What the store keeps of a consent under way, sealed.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Accepted, By, ConsentError, Party};
use crate::clock;
use crate::store::{Kind, Record, Saved, Store};

/// How long a person may take; multi-factor authentication needs its time. As long its outcome can be read.
pub(super) const PATIENCE: Duration = Duration::from_mins(10);

#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) token: String,
    pub(super) by: By,
    /// The hash of what alone entitles to bring the answer.
    pub(super) bound: Option<String>,
    pub(super) begun: DateTime<Utc>,
    pub(super) way: Way,
    pub(super) answer: Option<Answer>,
}

/// How the answer comes.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Way {
    /// A browser brings it.
    Browser { url: Url, verifier: String, redirect: Url },
    /// The service polls for it.
    Device(Device),
}

/// A device code.
#[derive(Serialize, Deserialize)]
pub(super) struct Device {
    pub(super) secret: String,
    pub(super) user_code: String,
    pub(super) verification_url: String,
    pub(super) complete_url: Option<String>,
    pub(super) ends: DateTime<Utc>,
    /// Seconds between polls.
    pub(super) interval: u64,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// It came and is being redeemed.
    Taken,
    Accepted(Accepted),
    Failed(String, String),
    Cancelled,
}

impl Answer {
    pub(super) fn of(came_to: &Result<Accepted, ConsentError>) -> Self {
        match came_to {
            Ok(accepted) => Self::Accepted(accepted.clone()),
            Err(fault) => Self::Failed(fault.to_string(), fault.remedy()),
        }
    }
}

impl Kept {
    pub(super) fn new(party: &Party, by: &By, way: Way) -> Self {
        let bound = by.binding.as_deref().map(hash);
        Self { token: party.token.name.clone(), by: by.clone(), bound, begun: clock::now(), way, answer: None }
    }

    /// Whether somebody may bring the answer, or see what leads to it.
    pub(super) fn is_of(&self, binding: Option<&str>) -> bool {
        self.bound.as_deref().is_none_or(|bound| binding.map(hash).as_deref() == Some(bound))
    }
}

/// A name that tells nothing of what it was made from.
pub(super) fn hash(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, secret.as_bytes()))
}

pub(super) async fn kept(store: &dyn Store, id: &str) -> Result<Option<(Record, Kept)>, ConsentError> {
    let record = store.record(Kind::Authorization, id).await?;
    let content = record.content.clone()?;
    Ok(content.and_then(|content| Some((record, serde_json::from_str(&content).ok()?))))
}

/// Consents under way, and over, that are kept at a time.
const MOST: usize = 256;

/// Keeps something new.
pub(super) async fn put(store: &dyn Store, id: &str, kept: &Kept, life: Duration) -> Result<Record, ConsentError> {
    if store.records(Kind::Authorization).await?.len() >= MOST {
        return Err(ConsentError::TooMany(MOST));
    }
    let record = store.record(Kind::Authorization, id).await?;
    keep(store, record, kept, life).await
}

/// Keeps what has become of it. Whoever is first counts: another's change in between makes it unknown.
pub(super) async fn keep(
    store: &dyn Store,
    record: Record,
    kept: &Kept,
    life: Duration,
) -> Result<Record, ConsentError> {
    let next = record.with(serde_json::to_string(kept).ok());
    match store.put(next.clone(), Some(life)).await? {
        Saved::Done(version) => Ok(Record { version, ..next }),
        Saved::Conflict => Err(ConsentError::Unknown),
    }
}
