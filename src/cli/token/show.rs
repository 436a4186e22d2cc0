//! `gatepost token show`: everything of a token but its secrets.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::super::say;
use super::super::workshop::Workshop;
use super::state::{State, time};
use crate::clock;
use crate::model::{Deadline, Token, TokenState, deadlines, next_refresh, not_granted};

pub(super) async fn show(shop: &Workshop, name: &str, mailbox: Option<&str>, as_json: bool) -> anyhow::Result<()> {
    let token = shop.declared.find(name)?;
    let user = mailbox.unwrap_or(&token.mailbox);
    let stored = shop.store.token(&token.state_name(user)).await?;
    let page = Page {
        token,
        place: if shop.declared.is_stored(name) { "the store" } else { "the configuration file" },
        state: &stored.state,
        summary: State::of(token, user, &stored.state, clock::now()),
        ahead: TimeDelta::seconds(i64::try_from(shop.config.limits.refresh_ahead_seconds).unwrap_or(0)),
        now: clock::now(),
    };
    if as_json { say(serde_json::to_string_pretty(&page.json())?) } else { say(page.text().trim_end()) }
}

struct Page<'a> {
    token: &'a Token,
    place: &'static str,
    state: &'a TokenState,
    summary: State,
    ahead: TimeDelta,
    now: DateTime<Utc>,
}

impl Page<'_> {
    fn text(&self) -> String {
        let Self { token, state, summary, now, .. } = self;
        let mut lines = vec![
            ("token", token.name.clone()),
            ("declared in", self.place.to_owned()),
            ("provider", token.provider.name.clone()),
            ("grant", token.grant.name().to_owned()),
            ("mailbox", self.mailbox()),
            ("client", token.client_id.clone()),
            ("state", summary.word.to_owned()),
            ("signed in", state.identity.clone().unwrap_or_default()),
            ("authorized", moment(state.authorized_at, *now)),
            ("last refresh", moment(state.refreshed_at, *now)),
            ("expires", moment(summary.expires_at, *now)),
            ("next refresh", moment(self.next_refresh(), *now)),
            ("refresh token", self.refresh_token()),
            ("issued by", state.bound_to.clone().unwrap_or_default()),
            ("scopes", state.scopes.clone().unwrap_or_default()),
            ("asked for", if state.scopes.is_none() { token.scopes.join(" ") } else { String::new() }),
            ("not granted", self.missing().join(" ")),
        ];
        lines.extend(deadlines(token, state).iter().map(|deadline| ("ends", ends(deadline, *now))));
        if let Some(trouble) = &state.trouble {
            lines.push((
                "error",
                format!("{} (since {}, {} in a row)", trouble.summary, time(trouble.since), trouble.failures),
            ));
            lines.push(("next step", trouble.remedy.clone()));
        } else if summary.word == "disabled" {
            lines.push(("next step", format!("gatepost token enable {}", token.name)));
        } else if summary.word == "changed" {
            let remedy = format!("gatepost token authorize {}, or take the change back", token.name);
            lines.push(("error", format!("the grant belongs to another endpoint or client than {}", token.binding())));
            lines.push(("next step", remedy));
        } else if summary.word == "needs import" {
            lines.push(("next step", format!("gatepost token import {}", token.name)));
        } else if summary.word == "needs authorization" {
            lines.push(("next step", format!("gatepost token authorize {}", token.name)));
        }
        lines.retain(|(_, value)| !value.is_empty());
        lines.iter().map(|(name, value)| format!("{name:14} {value}")).collect::<Vec<_>>().join("\n")
    }

    fn json(&self) -> serde_json::Value {
        let Self { token, state, summary, .. } = self;
        let at = |time: Option<DateTime<Utc>>| time.map(|at| at.to_rfc3339());
        let mut page = summary.json();
        page["declared_in"] = self.place.into();
        page["client_id"] = token.client_id.as_str().into();
        page["signed_in"] = state.identity.clone().into();
        page["authorized_at"] = at(state.authorized_at).into();
        page["next_refresh_at"] = at(self.next_refresh()).into();
        page["refresh_token"] = self.refresh_token().into();
        page["issued_by"] = state.bound_to.clone().into();
        page["scopes_requested"] = token.scopes.clone().into();
        page["scopes_granted"] = state.scopes.clone().into();
        page["scopes_not_granted"] = self.missing().into();
        page["failing_since"] = at(state.trouble.as_ref().map(|trouble| trouble.since)).into();
        page["failures"] = state.trouble.as_ref().map_or(0, |trouble| trouble.failures).into();
        let ends = deadlines(token, state);
        page["ends"] = ends.iter().map(|end| json!({ "what": end.kind.name(), "at": end.at.to_rfc3339() })).collect();
        page
    }

    fn mailbox(&self) -> String {
        match (self.summary.mailbox.as_str(), self.token.is_per_mailbox()) {
            ("", true) => "each account's own; --mailbox ADDRESS shows one".to_owned(),
            ("", false) => "each account's own".to_owned(),
            (mailbox, _) => mailbox.to_owned(),
        }
    }

    /// When the service will try next; never for what only a person can give.
    fn next_refresh(&self) -> Option<DateTime<Utc>> {
        let Self { token, state, ahead, now, .. } = self;
        next_refresh(token, &self.summary.mailbox, state, *ahead, *now)
    }

    fn refresh_token(&self) -> String {
        let word = match (&self.token.grant, &self.state.refresh, &self.state.quarantined) {
            (grant, ..) if !grant.lives_by_refresh() => return String::new(),
            (_, Some(_), None) => "held",
            (_, Some(_), Some(_)) => "held; an older one is kept in quarantine",
            (_, None, Some(_)) => {
                "in quarantine: the provider says that the grant has ended; `gatepost token refresh` tries it again"
            }
            (_, None, None) => "none",
        };
        word.to_owned()
    }

    /// Scopes that were asked for and not given.
    fn missing(&self) -> Vec<&str> {
        self.state.scopes.as_deref().map(|granted| not_granted(&self.token.scopes, granted)).unwrap_or_default()
    }
}

fn ends(deadline: &Deadline, now: DateTime<Utc>) -> String {
    format!("{}: {}", deadline.kind.name().replace('_', " "), moment(Some(deadline.at), now))
}

/// A time, and how far it is from now.
fn moment(at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
    let Some(at) = at else { return String::new() };
    let (distance, ahead) = if at >= now { (at - now, true) } else { (now - at, false) };
    let distance = match distance.num_seconds() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds @ 7200..=172_799 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    };
    if ahead { format!("{} (in {distance})", time(at)) } else { format!("{} ({distance} ago)", time(at)) }
}
