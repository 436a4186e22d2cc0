use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};

use super::facts::{self, End};
use super::standing::rank;
use super::state::State;
use super::{address, ahead, list};
use crate::admin::figures::Moment;
use crate::admin::page::{Badge, Page, Section, Tone, shown};
use crate::admin::problem::Problem;
use crate::admin::visitor::Visitor;
use crate::admin::{Desk, accounts};
use crate::clock;
use crate::consent::redirect_url;
use crate::model::{Grant, Token, TokenState};
use crate::registry::Declared;
use crate::store::{Sketch, StoreError};

#[derive(Template)]
#[template(path = "tokens/show.html")]
struct Show {
    page: Page,
    name: String,
    /// The address of this page.
    base: String,
    /// Where the file declares it; it can be changed here where none does.
    place: Option<String>,
    /// For each mailbox, those in trouble first.
    now: Vec<Now>,
    more_mailboxes: usize,
    facts: Vec<(&'static str, String)>,
    ends: Vec<End>,
    redirect: Option<String>,
    accounts: Vec<(String, String)>,
    more_accounts: usize,
    /// Adds one.
    add_account: String,
    can: Can,
    disabled: bool,
}

/// How it is for a mailbox.
struct Now {
    /// Empty where one state serves all.
    mailbox: String,
    state: State,
    expires: Option<Moment>,
    refreshed: Option<Moment>,
    next_refresh: Option<Moment>,
}

/// What can be done with it.
struct Can {
    /// A person is asked.
    consent: bool,
    refresh: Refresh,
    import: bool,
}

/// Whether the provider is asked for a new access token, without anybody.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refresh {
    Never,
    Now,
    /// For one of many mailboxes.
    Of,
}

#[derive(Template)]
#[template(path = "tokens/unusable.html")]
struct Unusable {
    page: Page,
    base: String,
    badge: Badge,
    reasons: Vec<String>,
}

/// Accounts and mailboxes that a page tells.
const MOST: usize = 100;

pub(super) async fn show(
    Shared(desk): Shared<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
) -> Result<Response, Problem> {
    let declared = desk.registry.declared();
    let name = address::name(&segment);
    let page = visitor.page(&desk, Section::Tokens, format!("Token {name}"));
    let base = format!("{}{}", desk.root(), address::path(name));
    let Ok(token) = declared.find(name) else {
        if !list::unusable(&desk, &declared).await?.contains(name) {
            return Err(Problem::missing("token", name));
        }
        let quoted = format!("{name:?}");
        let reasons = declared.broken.iter().filter(|text| text.contains(&quoted)).cloned().collect();
        let badge = Badge::new(Tone::Bad, "unusable");
        return Ok(shown(StatusCode::OK, &Unusable { page, base, badge, reasons }));
    };
    let show = Show::of(&desk, &declared, token, (page, base)).await?;
    Ok(shown(StatusCode::OK, &show))
}

impl Show {
    async fn of(
        desk: &Desk,
        declared: &Declared,
        token: &Arc<Token>,
        (page, base): (Page, String),
    ) -> Result<Self, Problem> {
        let states = states(desk, token).await?;
        let time = clock::now();
        let mut now: Vec<_> = states.iter().map(|(name, sketch)| Now::of(desk, token, name, sketch, time)).collect();
        now.sort_by_key(|one| rank(&one.state));
        let settings = desk.registry.token_settings(&token.name).await.ok().flatten();
        let own = match &states[..] {
            [(_, Ok(state))] => state.clone(),
            _ => TokenState::default(),
        };
        let users: Vec<_> = declared.accounts.iter().filter(|account| account.token.name == token.name).collect();
        let account = |name: &str| (name.to_owned(), format!("{}{}", desk.root(), accounts::address::path(name)));
        Ok(Self {
            page,
            name: token.name.clone(),
            base,
            place: desk.config.token_place(&token.name),
            more_mailboxes: now.len().saturating_sub(MOST),
            now: now.into_iter().take(MOST).collect(),
            facts: facts::facts(token, &own, settings.map(|(_, settings)| settings).as_ref(), time),
            ends: facts::ends(token, &own, time),
            redirect: redirect(desk, token),
            accounts: users.iter().take(MOST).map(|user| account(&user.name)).collect(),
            add_account: accounts::address::adding(&token.name),
            more_accounts: users.len().saturating_sub(MOST),
            can: Can::of(token, &own),
            disabled: token.disabled,
        })
    }
}

/// How it is for each mailbox, by the names of its states; nothing yet is one, too. Of one alone all is told.
pub(in crate::admin) async fn states(desk: &Desk, token: &Token) -> Result<Vec<(String, Sketch)>, StoreError> {
    let mut several = Vec::new();
    if token.is_per_mailbox() {
        several = desk.store.sketches().await?;
        several.retain(|(name, _)| Token::of_state(name).0 == token.name);
        several.sort_by(|one, other| one.0.cmp(&other.0));
    }
    if several.len() > 1 {
        return Ok(several);
    }
    let name = several.pop().map_or_else(|| token.state_name(&token.mailbox), |(name, _)| name);
    let sketch = desk.store.token(&name).await.map(|stored| stored.state);
    Ok(vec![(name, sketch)])
}

/// As it has to be registered at the provider.
fn redirect(desk: &Desk, token: &Token) -> Option<String> {
    let public = desk.public_url()?;
    matches!(token.grant, Grant::AuthorizationCode).then(|| redirect_url(token, &public).to_string())
}

impl Now {
    fn of(desk: &Desk, token: &Token, name: &str, sketch: &Sketch, now: DateTime<Utc>) -> Self {
        let mailbox = Token::of_state(name).1.unwrap_or_default().to_owned();
        let user = if mailbox.is_empty() { &token.mailbox } else { &mailbox };
        let state = State::of(token, user, sketch, ahead(desk), now);
        let moment = |at: Option<DateTime<Utc>>| at.map(|at| Moment::new(at, now));
        Self {
            expires: moment(state.expires_at),
            refreshed: moment(state.refreshed_at),
            next_refresh: moment(state.next_refresh),
            mailbox,
            state,
        }
    }
}

impl Can {
    fn of(token: &Token, state: &TokenState) -> Self {
        let per_mailbox = token.is_per_mailbox() && token.mailbox.is_empty();
        let nothing = token.grant.lives_by_refresh() && state.refresh.is_none() && state.quarantined.is_none();
        let password = matches!(token.grant, Grant::AppPassword(_));
        let refresh = match (password || nothing || token.disabled, per_mailbox) {
            (true, _) => Refresh::Never,
            (false, true) => Refresh::Of,
            (false, false) => Refresh::Now,
        };
        Self {
            consent: token.grant.asks_a_person() && !token.disabled,
            refresh,
            import: token.grant.lives_by_refresh(),
        }
    }
}
