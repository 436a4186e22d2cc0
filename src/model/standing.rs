use chrono::{DateTime, TimeDelta, Utc};

use super::{Grant, Token, TokenState, TroubleClass};

/// How a token is: what is declared and what is held, taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It logs in.
    Good,
    /// It has not been asked for yet; nobody has to do anything for it.
    Unused,
    /// An app password, which is only ever tried.
    Password,
    /// Refreshing fails, and is tried again.
    Failing,
    /// The grant has ended and has to be given again.
    Ended,
    /// Nobody has given the grant yet.
    Ungranted,
    /// The refresh token has not been brought yet.
    NotImported,
    /// What is held belongs to another endpoint or client than is declared now; it is never sent.
    Changed,
    /// Somebody has switched it off.
    Disabled,
}

impl Standing {
    /// How it is now.
    #[must_use]
    pub fn of(token: &Token, state: &TokenState, now: DateTime<Utc>) -> Self {
        let moved = !token.owns(state);
        match (&token.grant, &state.trouble, &state.refresh) {
            _ if token.disabled => Self::Disabled,
            (Grant::AppPassword(_), ..) => Self::Password,
            (grant, _, Some(_)) if moved && grant.lives_by_refresh() => Self::Changed,
            (_, Some(trouble), _) if trouble.class == TroubleClass::Ended => Self::Ended,
            (_, Some(_), _) => Self::Failing,
            (Grant::RefreshToken, None, None) => Self::NotImported,
            (grant, None, None) if grant.lives_by_refresh() => Self::Ungranted,
            _ if state.usable(now).is_some() => Self::Good,
            _ => Self::Unused,
        }
    }

    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Good,
        Self::Unused,
        Self::Password,
        Self::Failing,
        Self::Ended,
        Self::Ungranted,
        Self::NotImported,
        Self::Changed,
        Self::Disabled,
    ];

    /// Whether a login is served now. `usable`: there is an access token with life enough left.
    #[must_use]
    pub const fn serves(self, usable: bool) -> bool {
        match self {
            Self::Good | Self::Unused | Self::Password => true,
            Self::Failing | Self::Ended => usable,
            Self::Ungranted | Self::NotImported | Self::Changed | Self::Disabled => false,
        }
    }

    /// For programs.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Unused => "unused",
            Self::Password => "password",
            Self::Failing => "failing",
            Self::Ended => "ended",
            Self::Ungranted => "ungranted",
            Self::NotImported => "not_imported",
            Self::Changed => "changed",
            Self::Disabled => "disabled",
        }
    }

    /// In a word or two.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Unused => "not used yet",
            Self::Password => "password",
            Self::Failing => "failing",
            Self::Ended | Self::Ungranted => "needs authorization",
            Self::NotImported => "needs import",
            Self::Changed => "changed",
            Self::Disabled => "disabled",
        }
    }
}

/// When the service will refresh the token for a user next; never what only a person can give. `ahead`: of its expiry, see
/// [`spread`].
#[must_use]
pub fn next_refresh(
    token: &Token,
    user: &str,
    state: &TokenState,
    ahead: TimeDelta,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let given = !token.grant.lives_by_refresh() || state.refresh.is_some();
    let nobody = token.is_per_mailbox() && user.is_empty();
    let never = matches!(Standing::of(token, state, now), Standing::Password | Standing::Changed | Standing::Disabled);
    if !given || nobody || never {
        return None;
    }
    let due = state.due(spread(ahead, &token.state_name(user))).unwrap_or(now).max(now);
    Some(state.held_until(now).map_or(due, |held| held.max(due)))
}

/// How long ahead of its expiry a token is refreshed. Spread a little by the name of its state, so that tokens that were made
/// together are not refreshed together for ever.
#[must_use]
pub fn spread(ahead: TimeDelta, state_name: &str) -> TimeDelta {
    ahead + ahead * i32::from(state_name.bytes().fold(0_u8, u8::wrapping_add)) / (4 * 255)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{AccessToken, Granted, Provider, Trouble};

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn token(grant: Grant) -> Token {
        Token { client_id: "client".into(), ..Token::bare("support", Arc::new(Provider::default()), grant) }
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
        let (summary, remedy) = ("x".to_owned(), "y".to_owned());
        state.failed(Trouble { class, summary, remedy, since: at(1), failures: 1, retry_at: at(60) })
    }

    #[test]
    fn what_is_declared_and_held_has_one_word() {
        let code = token(Grant::AuthorizationCode);
        let app = token(Grant::ClientCredentials);
        let good = held(&code);
        let other = Token { client_id: "another".into(), ..code.clone() };
        for (token, state, expected) in [
            (&code, TokenState::default(), Standing::Ungranted),
            (&code, good.clone(), Standing::Good),
            (&other, good.clone(), Standing::Changed),
            (&code, failed(good.clone(), TroubleClass::Transient), Standing::Failing),
            (&code, failed(good.clone(), TroubleClass::Ended), Standing::Ended),
            (&app, TokenState::default(), Standing::Unused),
            (&Token { disabled: true, ..code.clone() }, good.clone(), Standing::Disabled),
            (&super::tests::token(Grant::RefreshToken), TokenState::default(), Standing::NotImported),
            (&super::tests::token(Grant::AppPassword("x".into())), TokenState::default(), Standing::Password),
        ] {
            assert_eq!(Standing::of(token, &state, at(10)), expected);
        }
    }

    #[test]
    fn the_next_refresh_is_told_only_where_there_will_be_one() {
        let code = token(Grant::AuthorizationCode);
        let ahead = TimeDelta::minutes(10);
        let next = |token: &Token, state: &TokenState| next_refresh(token, "", state, ahead, at(10));
        let good = held(&code);
        assert_eq!(next(&code, &good), Some(at(3600) - spread(ahead, "support")));
        assert_eq!(
            next(&code, &failed(good.clone(), TroubleClass::Transient)),
            Some(at(3600) - spread(ahead, "support"))
        );
        assert_eq!(next(&code, &TokenState::default()), None, "nobody has given it");
        assert_eq!(next(&code, &failed(good.clone(), TroubleClass::Ended)), None, "only a person can");
        assert_eq!(next(&Token { client_id: "another".into(), ..code }, &good), None, "it is another's");
        assert_eq!(next(&token(Grant::ClientCredentials), &TokenState::default()), Some(at(10)), "at once");
        let down = failed(TokenState::default(), TroubleClass::Transient);
        assert_eq!(next(&token(Grant::ClientCredentials), &down), Some(at(60)), "held back");
    }
}
