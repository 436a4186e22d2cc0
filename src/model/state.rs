use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};

use super::Quarantine;

/// An access token and the end of its life. Cheap to clone; never printed.
#[derive(Clone, Debug)]
pub struct AccessToken {
    secret: Arc<SecretString>,
    expires_at: DateTime<Utc>,
}

impl AccessToken {
    /// A token that a provider issued.
    #[must_use]
    pub fn new(secret: SecretString, expires_at: DateTime<Utc>) -> Self {
        Self { secret: Arc::new(secret), expires_at }
    }

    /// What is presented upstream.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// When the provider said it ends.
    #[must_use]
    pub const fn expires_at(&self) -> DateTime<Utc> {
        self.expires_at
    }

    /// The same by a clock that is ahead by so much.
    #[must_use]
    pub fn later(&self, ahead: TimeDelta) -> Self {
        Self { secret: Arc::clone(&self.secret), expires_at: self.expires_at + ahead }
    }
}

/// Two are the same when they would be presented alike.
impl PartialEq for AccessToken {
    fn eq(&self, other: &Self) -> bool {
        self.secret.expose_secret() == other.secret.expose_secret()
    }
}

/// What the store keeps of a token. Its transitions consume it; none of them destroys good material (law 3).
#[derive(Clone, Debug, Default)]
pub struct TokenState {
    /// The current access token, good or expired.
    pub access: Option<AccessToken>,
    /// The refresh token in use.
    pub refresh: Option<SecretString>,
    /// Refresh tokens that the provider has declared dead, or that others have replaced, kept all the same.
    pub quarantined: Option<Quarantine>,
    /// Scopes that the provider granted, separated by blanks.
    pub scopes: Option<String>,
    /// Who issued the refresh token, and to which client ([`super::Token::binding`]).
    pub bound_to: Option<String>,
    /// Who signed in, as far as the provider said so.
    pub identity: Option<String>,
    /// When the grant was given or imported.
    pub authorized_at: Option<DateTime<Utc>>,
    /// When the refresh token ends, where the provider says so.
    pub refresh_ends_at: Option<DateTime<Utc>>,
    /// The last success.
    pub refreshed_at: Option<DateTime<Utc>>,
    /// What has been wrong since the last success.
    pub trouble: Option<Trouble>,
}

/// Why a token could not be refreshed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Whose turn it is.
    pub class: TroubleClass,
    /// One line for the operator: who said what, and what it means.
    pub summary: String,
    /// The next step.
    pub remedy: String,
    /// The first failure in a row.
    pub since: DateTime<Utc>,
    /// How many in a row.
    pub failures: u32,
    /// No attempt before this time.
    pub retry_at: DateTime<Utc>,
}

/// Whose turn it is after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleClass {
    /// Nobody's: the next attempt may succeed.
    Transient,
    /// The administrator's: registration or configuration has to change.
    Configuration,
    /// The user's: the grant has ended and has to be given again.
    Ended,
}

impl TroubleClass {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Transient, Self::Configuration, Self::Ended];

    /// The name in the store and in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Configuration => "configuration",
            Self::Ended => "ended",
        }
    }
}

/// What a provider answered to a token request.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The new access token.
    pub access: AccessToken,
    /// A new refresh token; without one the old stays in use.
    pub refresh: Option<SecretString>,
    /// Granted scopes, where the provider says them.
    pub scopes: Option<String>,
    /// When the refresh token ends, where the provider says so.
    pub refresh_ends_at: Option<DateTime<Utc>>,
    /// Who signed in, where the provider says so.
    pub identity: Option<Identity>,
}

impl Granted {
    /// The same by a clock that is ahead by so much.
    #[must_use]
    pub fn later(self, ahead: TimeDelta) -> Self {
        let refresh_ends_at = self.refresh_ends_at.and_then(|ends| ends.checked_add_signed(ahead));
        Self { access: self.access.later(ahead), refresh_ends_at, ..self }
    }
}

/// Who signed in: every address-like claim of an id token, the most telling first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity(pub Vec<String>);

impl Identity {
    /// Whether this mailbox is among them.
    #[must_use]
    pub fn is(&self, mailbox: &str) -> bool {
        self.0.iter().any(|known| known.eq_ignore_ascii_case(mailbox.trim()))
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.first().map_or("somebody unknown", String::as_str))
    }
}

/// The longest that a refresh token is left unused.
const KEEP_ALIVE: TimeDelta = TimeDelta::days(3);
/// No endpoint is obeyed that asks for more.
pub const LONGEST_BACK_OFF: TimeDelta = TimeDelta::hours(24);
/// How far two looks at a clock that is being slewed may differ.
const CLOCK_SLACK: TimeDelta = TimeDelta::minutes(2);

/// Most that is taken off the life of a token, so that it does not expire on its way.
const MARGIN: TimeDelta = TimeDelta::seconds(60);

impl TokenState {
    /// A refresh token from elsewhere, for this client. The one in use before goes to quarantine.
    #[must_use]
    pub fn imported(self, refresh: SecretString, binding: String, now: DateTime<Utc>) -> Self {
        Self {
            bound_to: Some(binding),
            authorized_at: Some(now),
            quarantined: Quarantine::without(self.set_aside().quarantined, &refresh),
            refresh: Some(refresh),
            ..Self::default()
        }
    }

    /// A grant that a person has just given. What was held before goes to quarantine.
    #[must_use]
    pub fn authorized(self, granted: Granted, binding: String, now: DateTime<Utc>) -> Self {
        let aside = self.set_aside().quarantined;
        // Where this very grant is there already.
        let aside = granted.refresh.iter().fold(aside, Quarantine::without);
        let before = Self { quarantined: aside, ..Self::default() };
        let identity = granted.identity.as_ref().map(ToString::to_string);
        let renewed = before.renewed(granted, now);
        Self { bound_to: Some(binding), authorized_at: Some(now), identity, ..renewed }
    }

    /// The refresh token in use goes to quarantine.
    #[must_use]
    pub fn set_aside(mut self) -> Self {
        match self.refresh.take() {
            Some(refresh) => {
                let bound_to = self.bound_to.clone();
                self.kept(refresh, bound_to)
            }
            None => self,
        }
    }

    /// Keeps a refresh token beside the one in use.
    #[must_use]
    pub fn kept(self, refresh: SecretString, bound_to: Option<String>) -> Self {
        Self { quarantined: Some(Quarantine::with(self.quarantined, refresh, bound_to)), ..self }
    }

    /// Takes a quarantined refresh token, which has proved good, into use again.
    #[must_use]
    pub fn reinstated(self, refresh: &SecretString) -> Self {
        Self { quarantined: Quarantine::without(self.quarantined, refresh), refresh: Some(refresh.clone()), ..self }
    }

    /// The provider granted a token. The old refresh token is replaced only by a new one.
    #[must_use]
    pub fn renewed(self, granted: Granted, now: DateTime<Utc>) -> Self {
        Self {
            access: Some(granted.access),
            refresh: granted.refresh.or(self.refresh),
            scopes: granted.scopes.or(self.scopes),
            refresh_ends_at: granted.refresh_ends_at.or(self.refresh_ends_at),
            refreshed_at: Some(now),
            trouble: None,
            ..self
        }
    }

    /// An attempt failed. All material stays; a grant that has ended loses its refresh token to quarantine.
    #[must_use]
    pub fn failed(self, trouble: Trouble) -> Self {
        let ended = self.trouble.as_ref().is_some_and(|before| before.class == TroubleClass::Ended);
        if ended && self.refresh.is_none() && self.quarantined.is_some() && trouble.class != TroubleClass::Ended {
            // What is in quarantine was tried in vain: nothing but a person's consent helps still.
            return self;
        }
        let first = self.trouble.as_ref();
        let (since, failures) =
            first.map_or((trouble.since, 1), |first| (first.since, first.failures.saturating_add(1)));
        let kept = if trouble.class == TroubleClass::Ended { self.set_aside() } else { self };
        Self { trouble: Some(Trouble { since, failures, ..trouble }), ..kept }
    }

    /// The access token, if it has life enough left to be used: a minute, or a quarter of a life that is short. One that
    /// was obtained in the future was obtained while the clock was wrong, and so is its expiry.
    #[must_use]
    pub fn usable(&self, now: DateTime<Utc>) -> Option<&AccessToken> {
        let sane = self.refreshed_at.is_none_or(|at| at - now <= CLOCK_SLACK);
        self.access.as_ref().filter(|access| sane && access.expires_at - now > self.margin(MARGIN))
    }

    /// When to refresh: so long ahead of expiry, but never in the first half of its life; and at the latest after
    /// [`KEEP_ALIVE`], so that a refresh token never dies of idleness.
    #[must_use]
    pub fn due(&self, ahead: TimeDelta) -> Option<DateTime<Utc>> {
        let expiry = self.access.as_ref()?.expires_at - self.margin(ahead).max(self.margin(MARGIN));
        let idle = self.refreshed_at.filter(|_| self.refresh.is_some()).map(|at| at + KEEP_ALIVE);
        Some(idle.map_or(expiry, |idle| idle.min(expiry)))
    }

    /// Until when no attempt is to be made. A time that lies further ahead than any back-off was noted while the clock was
    /// wrong, and so was a trouble that began in the future.
    #[must_use]
    pub fn held_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let Trouble { retry_at: until, since, .. } = *self.trouble.as_ref()?;
        let sane = since - now <= CLOCK_SLACK && until - now <= LONGEST_BACK_OFF;
        (until > now && sane).then_some(until)
    }

    /// `most`, or the part of a short life that stands for it.
    fn margin(&self, most: TimeDelta) -> TimeDelta {
        let part = if most > MARGIN { 2 } else { 4 };
        let life = self.access.as_ref().zip(self.refreshed_at).map(|(access, since)| access.expires_at - since);
        life.map_or(most, |life| most.min(life / part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn granted(refresh: Option<&str>, life: i64) -> Granted {
        Granted {
            access: AccessToken::new("at".into(), at(life)),
            refresh: refresh.map(Into::into),
            scopes: None,
            refresh_ends_at: None,
            identity: None,
        }
    }

    fn imported(refresh: &str) -> TokenState {
        TokenState::default().imported(refresh.into(), "host client".into(), at(0))
    }

    fn trouble(class: TroubleClass, seconds: i64) -> Trouble {
        Trouble {
            class,
            summary: "x".into(),
            remedy: "y".into(),
            since: at(seconds),
            failures: 1,
            retry_at: at(seconds + 1),
        }
    }

    fn secret(secret: Option<&SecretString>) -> Option<&str> {
        secret.map(secrecy::ExposeSecret::expose_secret)
    }

    /// What is in quarantine, the newest first.
    fn aside(state: &TokenState) -> Vec<&str> {
        let all = state.quarantined.iter().flat_map(Quarantine::all);
        all.map(|kept| kept.refresh.expose_secret()).collect()
    }

    #[test]
    fn the_old_refresh_token_stays_until_there_is_a_new_one() {
        let state = imported("r1").renewed(granted(None, 3600), at(0));
        assert_eq!(secret(state.refresh.as_ref()), Some("r1"));
        let state = state.renewed(granted(Some("r2"), 3600), at(0));
        assert_eq!(secret(state.refresh.as_ref()), Some("r2"));
    }

    #[test]
    fn only_an_ended_grant_is_quarantined_and_nothing_is_destroyed() {
        let state = imported("r1").renewed(granted(None, 3600), at(0));
        let state = state.failed(trouble(TroubleClass::Transient, 1)).failed(trouble(TroubleClass::Configuration, 2));
        assert_eq!(secret(state.refresh.as_ref()), Some("r1"));
        assert_eq!(state.trouble.as_ref().map(|t| (t.since, t.failures)), Some((at(1), 2)));
        let state = state.failed(trouble(TroubleClass::Ended, 3)).failed(trouble(TroubleClass::Ended, 4));
        assert_eq!((secret(state.refresh.as_ref()), aside(&state)), (None, vec!["r1"]));
        assert!(state.usable(at(5)).is_some(), "the access token lives on");
        let state = state.imported("r2".into(), "host client".into(), at(6));
        assert_eq!((secret(state.refresh.as_ref()), aside(&state)), (Some("r2"), vec!["r1"]));
    }

    #[test]
    fn a_grant_that_has_ended_is_not_merely_failing_after_an_outage() {
        let ended = imported("r1").failed(trouble(TroubleClass::Ended, 1));
        let tried = ended.clone().failed(trouble(TroubleClass::Transient, 2));
        assert_eq!(tried.trouble, ended.trouble);
        assert_eq!(aside(&tried), ["r1"]);
        let password = TokenState::default().failed(trouble(TroubleClass::Ended, 1));
        let down = password.failed(trouble(TroubleClass::Transient, 2));
        assert_eq!(down.trouble.map(|trouble| trouble.class), Some(TroubleClass::Transient), "it is tried again");
    }

    #[test]
    fn margins_shrink_with_short_lives() {
        let hour = TokenState::default().renewed(granted(None, 3600), at(0));
        assert!(hour.usable(at(3539)).is_some() && hour.usable(at(3541)).is_none());
        assert_eq!(hour.due(TimeDelta::seconds(300)), Some(at(3300)));
        let short = TokenState::default().renewed(granted(None, 4), at(0));
        assert!(short.usable(at(2)).is_some() && short.usable(at(3)).is_none());
        assert_eq!(short.due(TimeDelta::seconds(300)), Some(at(2)));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let mut granted = granted(Some("s3cret"), 1);
        granted.access = AccessToken::new("s3cret".into(), at(1));
        let state = imported("s3cret").renewed(granted.clone(), at(0));
        assert!(!format!("{state:?} {granted:?}").contains("s3cret"));
    }

    #[test]
    fn by_another_clock_all_of_a_grant_ends_at_another_time() {
        let granted = Granted { refresh_ends_at: Some(at(90)), ..granted(None, 60) };
        let later = granted.clone().later(TimeDelta::seconds(5));
        assert_eq!(later.access.expires_at(), granted.access.expires_at() + TimeDelta::seconds(5));
        assert_eq!(later.refresh_ends_at, Some(at(95)));
    }

    #[test]
    fn a_new_grant_keeps_the_old_one_aside() {
        let state = imported("r1").authorized(granted(Some("r2"), 3600), "host client".into(), at(5));
        assert_eq!((secret(state.refresh.as_ref()), aside(&state)), (Some("r2"), vec!["r1"]));
        let state = state.authorized(granted(Some("r2"), 3600), "host client".into(), at(5));
        assert_eq!(aside(&state), ["r1"], "the same grant once more is none to keep");
        let ended = state.failed(trouble(TroubleClass::Ended, 6));
        assert_eq!((secret(ended.refresh.as_ref()), aside(&ended)), (None, vec!["r2", "r1"]));
        let healed = ended.reinstated(&"r1".into());
        assert_eq!((secret(healed.refresh.as_ref()), aside(&healed)), (Some("r1"), vec!["r2"]));
    }

    /// The wrong text was pasted: what was good before must be there still.
    #[test]
    fn an_import_that_proves_dead_displaces_nothing_that_was_good() {
        let mut state = imported("good").imported("dead".into(), "host client".into(), at(1));
        state = state.failed(trouble(TroubleClass::Ended, 2));
        assert_eq!(aside(&state), ["dead", "good"]);
        for (number, other) in ["1", "2", "3"].into_iter().enumerate() {
            state = state.imported(other.into(), format!("{number} other"), at(3));
        }
        assert_eq!((secret(state.refresh.as_ref()), aside(&state)), (Some("3"), vec!["2", "1", "dead", "good"]));
        let state = state.failed(trouble(TroubleClass::Ended, 4));
        assert_eq!(aside(&state), ["3", "2", "1", "dead"], "bounded");
        let ours: Vec<_> = state.quarantined.iter().flat_map(|kept| kept.of_client("host client")).collect();
        assert_eq!(ours.iter().map(|kept| kept.expose_secret()).collect::<Vec<_>>(), ["dead"], "others stay here");
    }

    #[test]
    fn a_clock_that_was_wrong_holds_nothing_up() {
        let state = imported("r1").renewed(granted(None, 3600), at(0));
        let before = at(-86_400);
        assert!(state.usable(before).is_none(), "obtained tomorrow: its expiry is no good either");
        let state = state.failed(trouble(TroubleClass::Transient, 90 * 86_400));
        assert_eq!(state.held_until(at(0)), None, "nobody backs off for three months");
        assert_eq!(state.held_until(at(90 * 86_400)), Some(at(90 * 86_400 + 1)));
        assert_eq!(state.held_until(at(90 * 86_400 - 3600)), None, "an hour that was skipped and taken back");
    }

    #[test]
    fn a_refresh_token_is_used_every_few_days() {
        let year = imported("r1").renewed(granted(None, 365 * 86_400), at(0));
        assert_eq!(year.due(TimeDelta::minutes(5)), Some(at(3 * 86_400)));
        let app_only = TokenState::default().renewed(granted(None, 365 * 86_400), at(0));
        assert!(app_only.due(TimeDelta::minutes(5)) > Some(at(300 * 86_400)));
    }
}
