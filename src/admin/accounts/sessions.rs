//! Sessions of an account that are open now.

use axum::extract::{Path, RawForm, State};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::sent::Sent;
use super::{address, view};
use crate::activity::Seen;
use crate::admin::Desk;
use crate::admin::page::Notice;
use crate::admin::problem::Problem;
use crate::admin::visitor::Visitor;
use crate::store::Kind;

/// One of them.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) protocol: &'static str,
    pub(super) peer: String,
    pub(super) since: view::Moment,
    pub(super) password: String,
}

/// As many as an account's page shows; the others are on the page of sessions.
const SHOWN: usize = 20;

/// The first of them, and how many there are.
pub(super) fn of(desk: &Desk, account: &str) -> (Vec<Row>, usize) {
    let lines = desk.activity.roll.lines();
    let own = lines.iter().filter(|line| line.login.account.name == account);
    (own.take(SHOWN).map(|line| Row::of(line.seen())).collect(), desk.activity.roll.open_of(account))
}

impl Row {
    fn of(seen: Seen) -> Self {
        let password = match seen.label {
            Some(label) => label,
            None if seen.guest => "none: let in without a login".to_owned(),
            None => "without a label".to_owned(),
        };
        let (protocol, since) = (view::title(seen.protocol), view::Moment::of(seen.since));
        Self { id: seen.id, protocol, peer: seen.peer, since, password }
    }
}

/// Ends one session of this account: its program may log in again.
pub(super) async fn end(
    State(desk): State<Desk>,
    visitor: Visitor,
    Path(segment): Path<String>,
    RawForm(body): RawForm,
) -> Result<Response, Problem> {
    let declared = desk.registry.declared();
    let name = address::name(&declared, &segment);
    let sent = Sent::of(&body);
    let line = desk.activity.roll.line(sent.text("session")).filter(|line| line.login.account.name == name);
    let notice = match line {
        Some(line) if desk.activity.roll.end(sent.text("session")) => {
            let Row { id, protocol, peer, .. } = Row::of(line.seen());
            let detail = format!("{id}, {protocol} from {peer}");
            desk.registry.note(&visitor.actor(), Kind::Account, "session.ended", name, &detail).await;
            Notice::done("The session is ended. Its program may log in again; to prevent that, revoke its password.")
        }
        _ => Notice::failed("This session is over already.", "Look at the sessions that are open now."),
    };
    visitor.tell(&desk, notice).await;
    Ok(Redirect::to(&format!("{}{}#sessions", desk.root(), address::path(name))).into_response())
}
