//! Who else serves: what is counted or listed on a page is of the one replica that has made it, and it says so.

use super::Desk;
use super::page::{Badge, Tone};
use crate::replicas::{Line, State};

/// A replica on a page.
pub(super) struct Row {
    pub(super) name: String,
    /// The one that has made the page.
    pub(super) own: bool,
    pub(super) badge: Badge,
    pub(super) version: String,
    pub(super) sessions: u64,
    pub(super) before_login: u64,
    pub(super) wrong: Vec<String>,
}

/// All of them; none where there is only one.
pub(super) fn rows(desk: &Desk) -> Vec<Row> {
    let lines = desk.health.replicas().lines();
    if lines.len() < 2 { Vec::new() } else { lines.into_iter().map(Row::of).collect() }
}

/// The name of this one, where there may be others.
pub(super) fn own(desk: &Desk) -> Option<String> {
    let replicas = desk.health.replicas();
    replicas.are_several().then(|| replicas.name().to_owned())
}

impl Row {
    fn of(line: Line) -> Self {
        let Line { name, own, state, version, facts, twin, instance, .. } = line;
        let name = if twin { format!("{name} [{instance}]") } else { name };
        let sessions = facts.sessions.values().sum();
        Self { name, own, badge: badge(state), version, sessions, before_login: facts.before_login, wrong: facts.wrong }
    }

    /// Where it is not the one that has made the page.
    pub(super) fn is_other(&self) -> bool {
        !self.own
    }
}

fn badge(state: State) -> Badge {
    match state {
        State::Up => Badge::new(Tone::Good, "up"),
        State::Stopping => Badge::new(Tone::Idle, "stopping"),
        State::Silent => Badge::new(Tone::Bad, "silent"),
        State::Unknown => Badge::new(Tone::Warn, "unknown: the store cannot be asked"),
    }
}
