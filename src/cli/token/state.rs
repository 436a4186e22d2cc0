use chrono::{DateTime, Utc};
use serde_json::json;

use super::super::workshop::Workshop;
use crate::clock;
use crate::model::{AccessToken, Standing, Token, TokenState, Trouble, TroubleClass};

/// What is told of a token; nothing of it is secret.
pub(super) struct State {
    pub(super) name: String,
    pub(super) provider: String,
    pub(super) grant: &'static str,
    pub(super) mailbox: String,
    pub(super) word: &'static str,
    pub(super) expires_at: Option<DateTime<Utc>>,
    pub(super) refreshed_at: Option<DateTime<Utc>>,
    pub(super) trouble: Option<Trouble>,
}

impl State {
    /// Of all tokens; a service account's once for each mailbox that it was used for.
    pub(super) async fn all(shop: &Workshop) -> anyhow::Result<Vec<Self>> {
        let names = shop.store.names().await?;
        let mut states = Vec::new();
        for token in &shop.declared.tokens {
            let own = token.state_name(&token.mailbox);
            let mut of_token: Vec<_> =
                names.iter().filter(|name| Token::of_state(name).0 == token.name).cloned().collect();
            if of_token.is_empty() {
                of_token.push(own);
            }
            for name in of_token {
                states.push(Self::read(shop, token, &name).await);
            }
        }
        Ok(states)
    }

    /// One that cannot be read says so, and the others are told all the same.
    async fn read(shop: &Workshop, token: &Token, name: &str) -> Self {
        let user = Token::of_state(name).1.unwrap_or(&token.mailbox);
        match shop.store.token(name).await {
            Ok(stored) => Self::of(token, user, &stored.state, clock::now()),
            Err(fault) => {
                let mut state = Self::of(token, user, &TokenState::default(), clock::now());
                state.word = "unreadable";
                state.trouble = Some(Trouble {
                    class: TroubleClass::Configuration,
                    summary: fault.to_string(),
                    remedy: format!(
                        "if it cannot be restored, drop it with `gatepost token forget {}` and give the grant again",
                        token.name
                    ),
                    since: clock::now(),
                    failures: 1,
                    retry_at: clock::now(),
                });
                state
            }
        }
    }

    pub(super) fn of(token: &Token, user: &str, state: &TokenState, now: DateTime<Utc>) -> Self {
        let expires_at = state.access.as_ref().map(AccessToken::expires_at);
        Self {
            name: token.name.clone(),
            provider: token.provider.name.clone(),
            grant: token.grant.name(),
            mailbox: user.to_owned(),
            word: Standing::of(token, state, now).word(),
            expires_at,
            refreshed_at: state.refreshed_at,
            trouble: state.trouble.clone(),
        }
    }

    pub(super) fn json(&self) -> serde_json::Value {
        json!({
            "name": self.name,
            "provider": self.provider,
            "grant": self.grant,
            "mailbox": self.mailbox,
            "state": self.word,
            "expires_at": self.expires_at.map(|at| at.to_rfc3339()),
            "refreshed_at": self.refreshed_at.map(|at| at.to_rfc3339()),
            "error": self.trouble.as_ref().map(|trouble| &trouble.summary),
            "remedy": self.trouble.as_ref().map(|trouble| &trouble.remedy),
        })
    }

    pub(super) fn columns(&self) -> [String; 6] {
        let expires = self.expires_at.map_or_else(|| "-".to_owned(), time);
        let mailbox = if self.mailbox.is_empty() { "(any)".to_owned() } else { self.mailbox.clone() };
        [self.name.clone(), self.provider.clone(), self.grant.to_owned(), mailbox, self.word.to_owned(), expires]
    }
}

/// A time as people read it.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
