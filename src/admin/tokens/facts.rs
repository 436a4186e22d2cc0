//! What is known of a token beside how it is.

use chrono::{DateTime, Utc};

use super::state::{ending_name, for_pages};
use super::words;
use crate::admin::figures::Moment;
use crate::admin::words::capital;
use crate::config::Settings;
use crate::model::{Grant, Token, TokenState, deadlines, not_granted};

/// Something that comes to its end.
#[derive(Debug)]
pub(super) struct End {
    pub(super) what: String,
    pub(super) at: Moment,
    pub(super) remedy: String,
}

pub(super) fn facts(
    token: &Token,
    state: &TokenState,
    settings: Option<&Settings>,
    now: DateTime<Utc>,
) -> Vec<(&'static str, String)> {
    let Token { provider, client_id, scopes, .. } = token;
    let set = |key: &str| settings.and_then(|settings| settings.get(key)?.as_str()).unwrap_or_default().to_owned();
    let moment = |at: Option<DateTime<Utc>>| at.map(|at| told(&Moment::new(at, now))).unwrap_or_default();
    let missing = state.scopes.as_deref().map(|granted| not_granted(scopes, granted).join(" "));
    let has_client = !matches!(token.grant, Grant::ServiceAccount(_) | Grant::AppPassword(_));
    let url = |url: &Option<url::Url>| url.as_ref().filter(|_| has_client).map(ToString::to_string).unwrap_or_default();
    let mut facts = vec![
        ("Provider", provider.name.clone()),
        ("How it is obtained", format!("{} ({})", words::grant(&token.grant), token.grant.name())),
        ("Mailbox", words::mailbox(token, 0)),
        ("Directory (tenant) ID", set("tenant")),
        ("Client ID", client_id.clone()),
        ("Client proves itself by", proof(token, has_client)),
        ("Service account", service_account(token)),
        ("Scopes asked for", scopes.join(" ")),
        ("Scopes granted", state.scopes.clone().unwrap_or_default()),
        ("Asked for and not granted", missing.unwrap_or_default()),
        ("Authorization URL", url(&provider.oauth.authorization)),
        ("Token URL", url(&provider.oauth.token)),
        ("Who signed in", state.identity.clone().unwrap_or_default()),
        ("Authorized", moment(state.authorized_at)),
        ("Refresh token", words::refresh_token(token, state).unwrap_or_default().to_owned()),
        ("Issued by and to", state.bound_to.clone().unwrap_or_default()),
    ];
    if token.delegate {
        facts.push(("Delegate", "somebody else than the mailbox may sign in".to_owned()));
    }
    if token.testing {
        facts.push(("Google app", "in Testing: its grants end after seven days".to_owned()));
    }
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

fn proof(token: &Token, has_client: bool) -> String {
    if has_client { words::proof(&token.client_authentication).to_owned() } else { String::new() }
}

fn service_account(token: &Token) -> String {
    match &token.grant {
        Grant::ServiceAccount(account) => account.email.clone(),
        _ => String::new(),
    }
}

/// What ends, the first one first.
pub(super) fn ends(token: &Token, state: &TokenState, now: DateTime<Utc>) -> Vec<End> {
    let mut all = deadlines(token, state);
    all.sort_by_key(|deadline| deadline.at);
    let end = |deadline: &crate::model::Deadline| End {
        what: capital(ending_name(deadline.kind)),
        at: Moment::new(deadline.at, now),
        remedy: capital(&for_pages(deadline.kind.remedy(), &token.name)),
    };
    all.iter().map(end).collect()
}

fn told(moment: &Moment) -> String {
    format!("{} ({})", moment.plain(), moment.distance)
}
