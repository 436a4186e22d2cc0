use chrono::{DateTime, Utc};

use super::advice::{day, left, time};
use super::claims::Claims;
use super::step::{Advice, Finding};
use crate::clock;
use crate::model::{
    AccessToken, Deadline, DeadlineKind, Grant, Protocol, Token, TokenState, TroubleClass, deadlines, not_granted,
    same_scope,
};
use crate::token::{TokenError, Tokens};

/// What is held for a user of a token.
pub(super) struct Holding {
    pub(super) finding: Finding,
    /// What to log in with; none where the finding is a failure.
    pub(super) access: Option<AccessToken>,
    pub(super) claims: Claims,
    /// What may be wrong, whatever the protocol.
    pub(super) remarks: Vec<Finding>,
    missing: Vec<String>,
}

/// Obtains the token as a login would, and judges it.
pub(super) async fn examine(tokens: &Tokens, token: &Token, user: &str) -> Holding {
    let now = clock::now();
    let before = match tokens.state(&token.name, user).await {
        Ok(before) => before,
        Err(fault) => return Holding::failed(&fault, token, &TokenState::default()),
    };
    let brought = obtain(tokens, token, user, &before, now).await;
    // What cannot be read any more is at least no worse than before.
    let state = tokens.state(&token.name, user).await.unwrap_or_else(|_| before.clone());
    match brought {
        Ok(access) if matches!(token.grant, Grant::AppPassword(_)) => Holding::password(access),
        Ok(access) => {
            let refreshed = before.access.as_ref() != Some(&access);
            Holding::good(access, refreshed, token, &state, now)
        }
        Err(fault) => Holding::failed(&fault, token, &state),
    }
}

/// Whoever asks why does not want to hear of a fault that has passed: a back-off that nobody has to mend is not waited for.
async fn obtain(
    tokens: &Tokens,
    token: &Token,
    user: &str,
    before: &TokenState,
    now: DateTime<Utc>,
) -> Result<AccessToken, TokenError> {
    let held = before.held_until(now).is_some();
    let passing = before.trouble.as_ref().is_some_and(|trouble| trouble.class == TroubleClass::Transient);
    match tokens.access_token(&token.name, user).await {
        Err(TokenError::Unavailable { .. }) if held && passing => tokens.refresh(&token.name, user).await,
        answer => answer,
    }
}

impl Holding {
    fn password(access: AccessToken) -> Self {
        let finding = Finding::ok("an app password; it needs no refresh");
        let (claims, remarks, missing) = Default::default();
        Self { finding, access: Some(access), claims, remarks, missing }
    }

    fn good(access: AccessToken, refreshed: bool, token: &Token, state: &TokenState, now: DateTime<Utc>) -> Self {
        let claims = Claims::of(&access);
        let ends = access.expires_at();
        let mut detail = format!("{:?} is good until {}, for {}", token.name, time(ends), left(ends - now));
        if refreshed {
            detail += ", obtained now";
        }
        let identity = state.identity.as_ref().map(|identity| format!("signed in as {identity}"));
        for part in identity.into_iter().chain(claims.summary()) {
            detail = format!("{detail}; {part}");
        }
        let granted = state.scopes.as_deref().filter(|granted| !granted.trim().is_empty());
        let missing = granted.map(|granted| not_granted(&token.scopes, granted)).unwrap_or_default();
        let missing: Vec<_> = missing.into_iter().map(str::to_owned).collect();
        let mut remarks = claims.remarks(token);
        remarks.extend(ungranted(token, state, &missing));
        remarks.extend(ending(token, state, now));
        Self { finding: Finding::ok(detail), access: Some(access), claims, remarks, missing }
    }

    fn failed(fault: &TokenError, token: &Token, state: &TokenState) -> Self {
        let (detail, advice) = why(fault, token, state);
        let (claims, remarks, missing) = Default::default();
        Self { finding: Finding::failed(detail, advice), access: None, claims, remarks, missing }
    }

    /// A login had to refresh it once more.
    pub(super) fn replace(&mut self, fresh: AccessToken) {
        self.claims = Claims::of(&fresh);
        self.access = Some(fresh);
    }

    /// What may be wrong in this protocol, where it is not said already.
    pub(super) fn remarks_on(&self, token: &Token, protocol: Protocol) -> Vec<Finding> {
        let said = |needed: &str| self.missing.iter().any(|scope| same_scope(scope, needed));
        let lacks = self.claims.lacks(token, protocol).filter(|needed| !said(needed));
        lacks.and_then(|_| self.claims.remark_on(token, protocol)).into_iter().collect()
    }
}

/// What the store knows of a failure is more than its error says.
fn why(fault: &TokenError, token: &Token, state: &TokenState) -> (String, Advice) {
    let name = &token.name;
    match fault {
        TokenError::Empty { remedy, .. } => {
            (format!("{name:?} needs authorization"), Advice::new("it holds no grant yet", remedy))
        }
        TokenError::Moved { issued, now, .. } => {
            let cause =
                format!("it holds a grant of {issued}, and is configured for {now}: nothing was dropped or sent");
            let remedy = format!("take the change back, or run `gatepost token authorize {name}`");
            (format!("the endpoint or the client of {name:?} has changed"), Advice::new(cause, remedy))
        }
        TokenError::Disabled(_) => {
            let remedy = format!("enable it with `gatepost token enable {name}`, or give the account another token");
            (format!("{name:?} is disabled"), Advice::new("somebody has switched it off", remedy))
        }
        TokenError::Unknown(_) => {
            (format!("{name:?} is not declared any more"), Advice::new("the configuration has changed", "run it again"))
        }
        TokenError::Timeout { seconds, .. } => {
            let cause =
                format!("the token endpoint did not answer within {seconds} s, or another process is asking it");
            (format!("{name:?} could not be obtained in time"), Advice::new(cause, reachable(token)))
        }
        TokenError::Store(fault) => (
            format!("the state of {name:?} cannot be read"),
            Advice::new(fault.to_string(), "mend the store (`store.url`, `store.key`), then run it again"),
        ),
        TokenError::NeedsAuthorization { why, .. } => {
            (format!("{name:?} needs authorization"), trouble(why, token, state))
        }
        TokenError::Unavailable { why, .. } => (format!("{name:?} cannot be obtained"), trouble(why, token, state)),
    }
}

fn trouble(why: &str, token: &Token, state: &TokenState) -> Advice {
    let Some(trouble) = &state.trouble else {
        return Advice::new(why, "see `gatepost token list`");
    };
    let since = if trouble.failures > 1 {
        format!(" ({} times since {})", trouble.failures, time(trouble.since))
    } else {
        String::new()
    };
    let unanswered = trouble.class == TroubleClass::Transient && trouble.summary.contains("did not answer");
    let remedy = if unanswered { reachable(token) } else { trouble.remedy.clone() };
    Advice::new(format!("{}{since}", trouble.summary), remedy)
}

fn reachable(token: &Token) -> String {
    let host = token.provider.oauth.host();
    format!("does this machine reach {host} (firewall, DNS, clock)? It is tried again by itself")
}

fn ungranted(token: &Token, state: &TokenState, missing: &[String]) -> Option<Finding> {
    if missing.is_empty() {
        return None;
    }
    let cause = format!("the provider granted only {}", state.scopes.as_deref().unwrap_or_default());
    let remedy = format!(
        "allow it in the app registration, then run `gatepost token authorize {}`; or take it out of `scopes`",
        token.name
    );
    Some(Finding::warning(format!("{} was not granted", missing.join(" ")), Advice::new(cause, remedy)))
}

/// What ends within a month. Idleness does not count: the token has just been looked after.
fn ending(token: &Token, state: &TokenState, now: DateTime<Utc>) -> Vec<Finding> {
    let all = deadlines(token, state).into_iter().filter(|deadline| deadline.kind != DeadlineKind::Idle);
    let soon = all.filter(|deadline| {
        let consented = matches!(deadline.kind, DeadlineKind::RefreshToken | DeadlineKind::Testing);
        deadline.step(now, state.authorized_at.filter(|_| consented)).is_some()
    });
    let told = |deadline: Deadline| {
        let what = deadline.kind.name().replace('_', " ");
        let advice = Advice::new(
            format!("no token can be had any more from {} on", day(deadline.at)),
            deadline.kind.remedy().replace("{token}", &token.name),
        );
        Finding::warning(format!("its {what} ends on {}", day(deadline.at)), advice)
    };
    soon.map(told).collect()
}
