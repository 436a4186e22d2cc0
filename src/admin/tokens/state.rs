//! How a token is, in words and colour. Every page that shows a token says it with this.

use chrono::{DateTime, TimeDelta, Utc};

use super::super::page::{Badge, Tone};
use super::super::words::capital;
use super::labels::labelled;
use crate::model::{
    AccessToken, Deadline, DeadlineKind, Grant, Standing, Token, TokenState, TroubleClass, deadlines, next_refresh,
};
use crate::store::Sketch;

/// What is told of a token for a mailbox; nothing of it is secret.
#[derive(Clone, Debug)]
pub(in crate::admin) struct State {
    pub(in crate::admin) badge: Badge,
    /// What that means: a sentence.
    pub(in crate::admin) sentence: String,
    /// What has gone wrong, and since when; the provider's words may be in it.
    pub(in crate::admin) error: Option<String>,
    /// What to do now: a sentence without its full stop; none where nobody has to do anything.
    pub(in crate::admin) next: Option<String>,
    /// Of the access token.
    pub(in crate::admin) expires_at: Option<DateTime<Utc>>,
    pub(in crate::admin) refreshed_at: Option<DateTime<Utc>>,
    pub(in crate::admin) next_refresh: Option<DateTime<Utc>>,
    /// Somebody has to do something.
    pub(in crate::admin) needs_you: bool,
    /// Programs can log in with it now, whatever is to be done.
    pub(in crate::admin) serves: bool,
    /// Whatever a person has to give or bring was there once.
    pub(in crate::admin) was_got: bool,
}

impl State {
    /// Of what the store has of it. `ahead`: how long ahead of its expiry a token is refreshed.
    pub(in crate::admin) fn of(
        token: &Token,
        user: &str,
        sketch: &Sketch,
        ahead: TimeDelta,
        now: DateTime<Utc>,
    ) -> Self {
        match sketch {
            Ok(state) => Self::readable(token, user, state, (ahead, now)),
            Err(fault) => Self {
                error: Some(fault.to_string()),
                next: Some("Restore the store from a backup; or forget what this token holds, and get it again".into()),
                ..Self::plain(Badge::new(Tone::Bad, "unreadable"), "What the store has of it cannot be read.".into())
            },
        }
    }

    /// Of a token whose settings in the store cannot be read.
    pub(super) fn unusable() -> Self {
        let next = "Open it: its settings can be mended, or the token forgotten";
        let sentence = "Its settings in the store cannot be used; logins with it are put off.";
        Self { next: Some(next.into()), ..Self::plain(Badge::new(Tone::Bad, "unusable"), sentence.into()) }
    }

    fn readable(token: &Token, user: &str, state: &TokenState, (ahead, now): (TimeDelta, DateTime<Utc>)) -> Self {
        let standing = Standing::of(token, state, now);
        let usable = state.usable(now).is_some();
        let soon = ending(token, state, now).filter(|_| standing != Standing::Disabled);
        let (tone, sentence) = told(standing, token, usable);
        let told = Self {
            error: error(standing, token, state),
            next: next(standing, token, state),
            expires_at: state.access.as_ref().map(AccessToken::expires_at).filter(|_| standing != Standing::Password),
            refreshed_at: state.refreshed_at,
            next_refresh: next_refresh(token, user, state, ahead, now),
            needs_you: matches!(tone, Tone::Bad | Tone::Warn),
            serves: standing.serves(usable),
            was_got: state.refreshed_at.is_some() || matches!(standing, Standing::Unused | Standing::Password),
            ..Self::plain(Badge::new(tone, standing.word()), sentence)
        };
        match soon {
            Some(deadline) if !told.needs_you => told.ending(token, deadline, now),
            _ => told,
        }
    }

    fn plain(badge: Badge, sentence: String) -> Self {
        let (error, next, expires_at, refreshed_at, next_refresh) = (None, None, None, None, None);
        let (needs_you, serves, was_got) = (true, false, false);
        Self { badge, sentence, error, next, expires_at, refreshed_at, next_refresh, needs_you, serves, was_got }
    }

    /// It is well, but not for long.
    fn ending(self, token: &Token, deadline: Deadline, now: DateTime<Utc>) -> Self {
        let what = ending_name(deadline.kind);
        let day = deadline.at.format("%Y-%m-%d");
        let (tone, word, sentence) = if deadline.at > now {
            (Tone::Warn, "ends soon", format!("It works, but {what} ends on {day}."))
        } else {
            (Tone::Bad, "overdue", format!("{} ended on {day}: the next refresh may fail.", capital(what)))
        };
        let next = Some(for_pages(&capital(deadline.kind.remedy()), &token.name));
        Self { badge: Badge::new(tone, word), sentence, next, needs_you: true, ..self }
    }
}

fn told(standing: Standing, token: &Token, usable: bool) -> (Tone, String) {
    let per_mailbox = token.is_per_mailbox() && token.mailbox.is_empty();
    let (tone, sentence) = match standing {
        Standing::Good => (Tone::Good, "It works, and is refreshed by itself ahead of its expiry."),
        Standing::Unused if per_mailbox => {
            (Tone::Idle, "Each mailbox gets an access token of its own when an account first logs in.")
        }
        Standing::Unused => (Tone::Idle, "There is no access token at the moment; one is asked for at the next login."),
        Standing::Password => (Tone::Good, "An app password is used as it is. Nothing of it expires here."),
        Standing::Failing if usable => (Tone::Warn, "Logins still work, but it could not be refreshed."),
        Standing::Failing => (Tone::Bad, "It could not be refreshed, and programs are told to try again later."),
        Standing::Ended if usable => {
            (Tone::Bad, "The grant has ended; logins work only until the access token expires.")
        }
        Standing::Ended => {
            (Tone::Bad, "The grant has ended; programs are told to try again later until somebody gives it again.")
        }
        Standing::Ungranted => {
            (Tone::Warn, "Nobody has signed in for it yet; until then programs are told to try again later.")
        }
        Standing::NotImported => {
            (Tone::Warn, "No refresh token has been imported yet; until then programs are told to try again later.")
        }
        Standing::Disabled => (
            Tone::Idle,
            "It is switched off: it is not refreshed, and the programs of its accounts are told to try again later.",
        ),
        Standing::Changed => {
            (Tone::Bad, "Its grant was issued by another endpoint or to another client than is set now.")
        }
    };
    (tone, sentence.to_owned())
}

fn error(standing: Standing, token: &Token, state: &TokenState) -> Option<String> {
    if standing == Standing::Changed {
        let bound_to = state.bound_to.as_deref().unwrap_or("an unknown endpoint");
        return Some(format!("it was issued by and to {bound_to:?}, and is now set to {:?}", token.binding()));
    }
    let trouble = state.trouble.as_ref().filter(|_| standing != Standing::Password)?;
    let since = trouble.since.format("%Y-%m-%d %H:%M UTC");
    Some(format!("{} (since {since}, {} in a row)", trouble.summary, trouble.failures))
}

fn next(standing: Standing, token: &Token, state: &TokenState) -> Option<String> {
    let trouble = state.trouble.as_ref().map(|trouble| capital(&for_pages(&trouble.remedy, &token.name)));
    match standing {
        Standing::Good | Standing::Unused | Standing::Password => None,
        Standing::Failing if state.trouble.as_ref().is_some_and(|trouble| trouble.class == TroubleClass::Transient) => {
            trouble.map(|remedy| waiting(&remedy, state))
        }
        Standing::Failing | Standing::Ended => trouble,
        Standing::Disabled => Some("Enable it again, or give its accounts another token".into()),
        Standing::Ungranted => Some("Press \"Get token\" and sign in as the mailbox".into()),
        Standing::NotImported => Some("Import the refresh token on this token's page".into()),
        Standing::Changed if matches!(token.grant, Grant::RefreshToken) => {
            Some("Import a refresh token of the new client, or take the change back".into())
        }
        Standing::Changed => Some("Press \"Get token\" and sign in again, or take the change back".into()),
    }
}

/// What may help where it does not pass by itself.
fn waiting(remedy: &str, state: &TokenState) -> String {
    let unanswered = state.trouble.as_ref().is_some_and(|trouble| trouble.summary.contains("did not answer"));
    let then = match remedy {
        remedy if !remedy.starts_with("Nothing") => remedy,
        _ if unanswered => {
            "See whether this machine reaches the provider (network, firewall, DNS), and whether its address is right"
        }
        _ => "See whether the provider tells of an outage",
    };
    format!("It is tried again by itself. If it stays so: {then}")
}

/// What ends so soon that somebody has to be told: what ends first.
fn ending(token: &Token, state: &TokenState, now: DateTime<Utc>) -> Option<Deadline> {
    const SOON: i64 = 14;
    let reached = |deadline: &Deadline| deadline.step(now, deadline.kind.since(state)).is_some_and(|step| step <= SOON);
    deadlines(token, state).into_iter().filter(reached).min_by_key(|deadline| deadline.at)
}

/// What ends, within a sentence.
pub(in crate::admin) const fn ending_name(kind: DeadlineKind) -> &'static str {
    match kind {
        DeadlineKind::ClientSecret => "the client secret",
        DeadlineKind::ClientCertificate => "the client certificate",
        DeadlineKind::Idle => "the unused refresh token",
        DeadlineKind::RefreshToken => "the refresh token",
        DeadlineKind::Testing => "the grant of an app in Testing",
    }
}

/// What is told to people at a command line, for those before a page.
pub(in crate::admin) fn for_pages(remedy: &str, token: &str) -> String {
    const BUTTONS: [(&str, &str); 7] = [
        ("authorize", "\"Get token\""),
        ("enable", "\"Enable\""),
        ("add", "\"Add a token\""),
        ("refresh", "\"Refresh now\""),
        ("import", "\"Import a refresh token\""),
        ("forget", "\"Forget\""),
        ("show", "this token's page"),
    ];
    let mut text = remedy.replace("{token}", token).replace(" --paste`", "`");
    text = text.replace("`gatepost token list`", "the page of tokens");
    let show = format!("`gatepost token show {token}`");
    text = text.replace(&format!("with {show}"), "on this token's page");
    for (verb, button) in BUTTONS {
        let command = format!("`gatepost token {verb} {token}`");
        text = text.replace(&format!("run {command}"), &format!("press {button}"));
        text = text.replace(&format!("Then {command}"), &format!("Then press {button}")).replace(&command, button);
    }
    labelled(&text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{Granted, Provider, Trouble};
    use crate::store::StoreError;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn token(grant: Grant) -> Token {
        Token::bare("support", Arc::new(Provider::default()), grant)
    }

    fn held(token: &Token) -> TokenState {
        let granted = Granted {
            access: AccessToken::new("at".into(), at(3600)),
            refresh: Some("rt".into()),
            scopes: None,
            refresh_ends_at: None,
            identity: None,
        };
        TokenState::default().authorized(granted, token.binding(), at(0))
    }

    fn failed(state: TokenState, class: TroubleClass) -> TokenState {
        let remedy = "run `gatepost token authorize support` and sign in".to_owned();
        state.failed(Trouble { class, summary: "no".into(), remedy, since: at(1), failures: 1, retry_at: at(60) })
    }

    fn state(token: &Token, state: TokenState, now: i64) -> State {
        State::of(token, &token.mailbox, &Ok(state), TimeDelta::minutes(10), at(now))
    }

    #[test]
    fn a_glance_tells_who_has_to_do_what() {
        let code = token(Grant::AuthorizationCode);
        let good = held(&code);
        let well = state(&code, good.clone(), 10);
        assert_eq!((well.badge.tone, well.needs_you, well.next), (Tone::Good, false, None));
        assert!(well.next_refresh.is_some_and(|at| Some(at) < well.expires_at));
        let shaky = state(&code, failed(good.clone(), TroubleClass::Transient), 10);
        assert_eq!((shaky.badge.tone, shaky.needs_you), (Tone::Warn, true));
        assert!(shaky.next.unwrap().contains("tried again by itself"));
        let mut waiting = failed(good.clone(), TroubleClass::Transient);
        let trouble = waiting.trouble.as_mut().unwrap();
        (trouble.summary, trouble.remedy) =
            ("x did not answer: y".into(), "nothing; it is tried again by itself".into());
        let next = state(&code, waiting, 10).next.unwrap();
        assert!(next.contains("reaches the provider") && !next.to_lowercase().contains("nothing"), "{next}");
        let down = state(&code, failed(good.clone(), TroubleClass::Transient), 4000);
        assert_eq!(down.badge.tone, Tone::Bad, "nobody can log in any more");
        let ended = state(&code, failed(good.clone(), TroubleClass::Ended), 4000);
        assert_eq!(ended.next.unwrap(), "Press \"Get token\" and sign in");
        let new = state(&code, TokenState::default(), 10);
        assert_eq!((new.badge.text.as_str(), new.needs_you), ("needs authorization", true));
        let moved = state(&Token { client_id: "other".into(), ..code }, good, 10);
        assert!(moved.error.unwrap().contains("other"));
        let broken = Err(StoreError::Closed);
        let broken = State::of(&token(Grant::DeviceCode), "", &broken, TimeDelta::minutes(1), at(0));
        assert_eq!((broken.badge.text.as_str(), broken.needs_you), ("unreadable", true));
    }

    #[test]
    fn what_ends_soon_is_told_while_all_is_well_still() {
        let secret_ends = |days: i64| Token { secret_ends: Some(at(days * 86_400)), ..token(Grant::AuthorizationCode) };
        let told = |token: &Token| state(token, held(token), 10);
        assert_eq!(told(&secret_ends(60)).badge.tone, Tone::Good);
        let soon = told(&secret_ends(5));
        assert_eq!((soon.badge.text.as_str(), soon.needs_you), ("ends soon", true));
        assert!(soon.sentence.contains("the client secret ends on 20"), "{}", soon.sentence);
        assert_eq!(told(&secret_ends(-1)).badge.text, "overdue");
        for days in [5, -1] {
            let off = told(&Token { disabled: true, ..secret_ends(days) });
            assert_eq!((off.badge.text.as_str(), off.needs_you, off.serves), ("disabled", false, false));
            assert!(off.sentence.contains("switched off"), "{}", off.sentence);
        }
    }

    #[test]
    fn remedies_speak_of_buttons() {
        for (remedy, said) in [
            ("run `gatepost token authorize support` and accept", "press \"Get token\" and accept"),
            (
                "publish the app, then run `gatepost token authorize {token}`",
                "publish the app, then press \"Get token\"",
            ),
            ("use `gatepost token authorize support --paste` instead", "use \"Get token\" instead"),
            ("enable it with `gatepost token enable support`, or give", "enable it with \"Enable\", or give"),
            ("see `gatepost token list`", "see the page of tokens"),
            (
                "check `token_url`, or `issuer`: is it right?",
                "check \"Access token URL\", or the issuer of the provider in the configuration file: is it right?",
            ),
            (
                "check the token's URLs with `gatepost token show support`",
                "check the token's URLs on this token's page",
            ),
        ] {
            assert_eq!(for_pages(remedy, "support"), said);
        }
    }
}
