//! A token's state as a row: what is sealed, and how times are written.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::keys::Keys;
use super::seal::Seal;
use super::{Place, SealError, Sketch, StoreError};
use crate::model::{AccessToken, Quarantine, Quarantined, TokenState, Trouble, TroubleClass};

/// The columns of a state, in the order of [`COLUMNS`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) access_token: Option<Vec<u8>>,
    pub(super) expires_at: Option<i64>,
    pub(super) refresh_token: Option<Vec<u8>>,
    pub(super) quarantined_token: Option<Vec<u8>>,
    pub(super) scopes: Option<String>,
    pub(super) bound_to: Option<String>,
    pub(super) identity: Option<String>,
    pub(super) authorized_at: Option<i64>,
    pub(super) refresh_ends_at: Option<i64>,
    pub(super) refreshed_at: Option<i64>,
    pub(super) trouble_class: Option<String>,
    pub(super) trouble_summary: Option<String>,
    pub(super) trouble_remedy: Option<String>,
    pub(super) trouble_since: Option<i64>,
    pub(super) trouble_failures: Option<i64>,
    pub(super) retry_at: Option<i64>,
}

/// Names of the columns that hold a state.
pub(super) const COLUMNS: &str = "access_token, expires_at, refresh_token, quarantined_token, scopes, bound_to, identity, \
    authorized_at, refresh_ends_at, refreshed_at, trouble_class, trouble_summary, trouble_remedy, trouble_since, \
    trouble_failures, retry_at";

/// The same in their order, without what they hold: sealed columns are empty where there is something, and texts are left out.
/// Any database understands it.
pub(super) const OUTLINE: &str = "substr(access_token, 1, 0) AS access_token, expires_at, \
    substr(refresh_token, 1, 0) AS refresh_token, substr(quarantined_token, 1, 0) AS quarantined_token, NULL AS scopes, \
    NULL AS bound_to, NULL AS identity, authorized_at, refresh_ends_at, refreshed_at, trouble_class, \
    NULL AS trouble_summary, NULL AS trouble_remedy, trouble_since, trouble_failures, retry_at";

/// The same with what people are told of it.
pub(super) const SKETCH: &str = "substr(access_token, 1, 0) AS access_token, expires_at, \
    substr(refresh_token, 1, 0) AS refresh_token, substr(quarantined_token, 1, 0) AS quarantined_token, NULL AS scopes, \
    bound_to, identity, authorized_at, refresh_ends_at, refreshed_at, trouble_class, trouble_summary, trouble_remedy, \
    trouble_since, trouble_failures, retry_at";

/// What is sealed, opened.
struct Secrets {
    access: Option<SecretString>,
    refresh: Option<SecretString>,
    quarantined: Option<Quarantine>,
}

impl Row {
    pub(super) fn seal(token: &str, state: &TokenState, seal: &Seal) -> Result<Self, StoreError> {
        let sealed = |column, secret: Option<&SecretString>| {
            let place = Place { table: "tokens", row: token, column };
            let sealing = secret.map(|secret| seal.seal(place, secret.expose_secret().as_bytes()));
            sealing.transpose().map_err(|fault| StoreError::Sealed { what: shown(token), fault })
        };
        let trouble = state.trouble.as_ref();
        Ok(Self {
            access_token: sealed("access_token", state.access.as_ref().map(AccessToken::secret))?,
            expires_at: state.access.as_ref().map(|access| access.expires_at().timestamp_millis()),
            refresh_token: sealed("refresh_token", state.refresh.as_ref())?,
            quarantined_token: sealed("quarantined_token", state.quarantined.as_ref().map(written).as_ref())?,
            scopes: state.scopes.as_deref().map(plain),
            bound_to: state.bound_to.as_deref().map(plain),
            identity: state.identity.as_deref().map(plain),
            authorized_at: state.authorized_at.map(|at| at.timestamp_millis()),
            refresh_ends_at: state.refresh_ends_at.map(|at| at.timestamp_millis()),
            refreshed_at: state.refreshed_at.map(|at| at.timestamp_millis()),
            trouble_class: trouble.map(|trouble| trouble.class.name().to_owned()),
            trouble_summary: trouble.map(|trouble| plain(&trouble.summary)),
            trouble_remedy: trouble.map(|trouble| plain(&trouble.remedy)),
            trouble_since: trouble.map(|trouble| trouble.since.timestamp_millis()),
            trouble_failures: trouble.map(|trouble| i64::from(trouble.failures)),
            retry_at: trouble.map(|trouble| trouble.retry_at.timestamp_millis()),
        })
    }

    pub(super) fn open(self, token: &str, keys: &Keys) -> Result<TokenState, StoreError> {
        let opened = |column, envelope: Option<&Vec<u8>>| {
            let place = Place { table: "tokens", row: token, column };
            let opening = envelope.map(|envelope| {
                let value = keys.open(place, envelope)?;
                let text = std::str::from_utf8(&value).map_err(|_| SealError::Malformed)?;
                Ok(SecretString::from(text))
            });
            opening.transpose().map_err(|fault| StoreError::Sealed { what: shown(token), fault })
        };
        let secrets = Secrets {
            access: opened("access_token", self.access_token.as_ref())?,
            refresh: opened("refresh_token", self.refresh_token.as_ref())?,
            quarantined: opened("quarantined_token", self.quarantined_token.as_ref())?
                .and_then(|list| listed(list, self.bound_to.as_ref())),
        };
        self.with(token, secrets)
    }

    /// Without opening what is sealed: a secret is empty where there is one. `fault`: why none opens.
    pub(super) fn sketch_of(self, name: String, fault: Option<&SealError>) -> (String, Sketch) {
        let sealed = [&self.access_token, &self.refresh_token, &self.quarantined_token];
        let [access, refresh, quarantined] = sealed.map(|sealed| sealed.as_ref().map(|_| SecretString::default()));
        let is_sealed = access.is_some() || refresh.is_some() || quarantined.is_some();
        if let Some(fault) = fault.filter(|_| is_sealed) {
            let unopened = StoreError::Sealed { what: shown(&name), fault: *fault };
            return (name, Err(unopened));
        }
        let quarantined = quarantined.map(|empty| Quarantine::with(None, empty, None));
        let sketch = self.with(&name, Secrets { access, refresh, quarantined });
        (name, sketch)
    }

    fn with(self, token: &str, secrets: Secrets) -> Result<TokenState, StoreError> {
        let inconsistent = |fault: &str| StoreError::Inconsistent { what: shown(token), fault: fault.to_owned() };
        let access = match (secrets.access, self.expires_at) {
            (Some(secret), Some(expires_at)) => {
                let expires_at = time(expires_at).ok_or_else(|| inconsistent("expires_at is no time"))?;
                Some(AccessToken::new(secret, expires_at))
            }
            (None, None) => None,
            _ => return Err(inconsistent("an access token without its expiry, or the other way round")),
        };
        Ok(TokenState {
            access,
            refresh: secrets.refresh,
            quarantined: secrets.quarantined,
            scopes: self.scopes.clone(),
            bound_to: self.bound_to.clone(),
            identity: self.identity.clone(),
            authorized_at: self.authorized_at.and_then(time),
            refresh_ends_at: self.refresh_ends_at.and_then(time),
            refreshed_at: self.refreshed_at.and_then(time),
            trouble: self.trouble().map_err(inconsistent)?,
        })
    }

    pub(super) fn trouble(self) -> Result<Option<Trouble>, &'static str> {
        let Some(name) = self.trouble_class else { return Ok(None) };
        let class =
            TroubleClass::ALL.into_iter().find(|class| class.name() == name).ok_or("trouble_class is unknown")?;
        let times = self.trouble_since.and_then(time).zip(self.retry_at.and_then(time));
        let (since, retry_at) = times.ok_or("trouble without its times")?;
        let failures =
            self.trouble_failures.and_then(|count| u32::try_from(count).ok()).ok_or("trouble without a count")?;
        let (summary, remedy) = (self.trouble_summary.unwrap_or_default(), self.trouble_remedy.unwrap_or_default());
        Ok(Some(Trouble { class, summary, remedy, since, failures, retry_at }))
    }
}

const fn time(milliseconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(milliseconds)
}

/// What came from elsewhere may hold the one character that PostgreSQL's texts cannot: a rotated refresh token could not be saved
/// beside it.
pub(super) fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A state's name as people know it.
fn shown(state_name: &str) -> String {
    match crate::model::Token::of_state(state_name) {
        (token, Some(user)) => format!("token {token:?} ({user})"),
        (token, None) => format!("token {token:?}"),
    }
}

/// An entry of a quarantine, as it is sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    refresh: String,
    bound_to: Option<String>,
}

fn written(quarantine: &Quarantine) -> SecretString {
    let kept =
        |one: &Quarantined| Kept { refresh: one.refresh.expose_secret().to_owned(), bound_to: one.bound_to.clone() };
    let all: Vec<_> = quarantine.all().iter().map(kept).collect();
    serde_json::json!(all).to_string().into()
}

/// Before there was a list, the bare refresh token stood there; it was the row's client's.
fn listed(list: SecretString, bound_to: Option<&String>) -> Option<Quarantine> {
    match serde_json::from_str::<Vec<Kept>>(list.expose_secret()) {
        Ok(all) => Quarantine::of(
            all.into_iter().map(|one| Quarantined { refresh: one.refresh.into(), bound_to: one.bound_to }).collect(),
        ),
        Err(_) => Some(Quarantine::with(None, list, bound_to.cloned())),
    }
}
