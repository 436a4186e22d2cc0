use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Facts;
use crate::store::{DEAD, Replica};

/// A replica as people see it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// This run of it.
    pub instance: String,
    /// The one that was asked.
    pub own: bool,
    /// Whether it is there.
    pub state: State,
    /// Of the program.
    pub version: String,
    /// The newest schema of the store that it knows.
    pub schema: i64,
    /// Since it began, in seconds.
    pub age_seconds: u64,
    /// Since it was heard last, in seconds.
    pub silent_seconds: u64,
    /// Another one that is there has the same name.
    pub twin: bool,
    /// What it says of itself.
    pub facts: Facts,
}

/// Whether a replica is there.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was heard a moment ago.
    Up,
    /// It is about to end.
    Stopping,
    /// It has not been heard for too long.
    Silent,
    /// The store cannot be asked.
    Unknown,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Up, Self::Stopping, Self::Silent, Self::Unknown];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Stopping => "stopping",
            Self::Silent => "silent",
            Self::Unknown => "unknown",
        }
    }
}

/// Of a look that is so old.
pub(super) fn lines(own: &str, all: &[Replica], since: Duration, unheard: bool) -> Vec<Line> {
    all.iter().map(|replica| line(own, all, replica, since, unheard)).collect()
}

fn line(own: &str, all: &[Replica], replica: &Replica, since: Duration, unheard: bool) -> Line {
    let Replica { beat, schema, age, silent } = replica;
    let (facts, own) = (Facts::read(&beat.facts), beat.instance == own);
    let same = |other: &Replica| other.beat.name == beat.name && other.beat.instance != beat.instance;
    let state = match () {
        // It speaks of itself.
        () if own => {
            if facts.stopping {
                State::Stopping
            } else {
                State::Up
            }
        }
        () if unheard => State::Unknown,
        () if *silent + since >= DEAD => State::Silent,
        () if facts.stopping => State::Stopping,
        () => State::Up,
    };
    Line {
        name: beat.name.clone(),
        instance: beat.instance.clone(),
        own,
        state,
        version: beat.version.clone(),
        schema: *schema,
        age_seconds: (*age + since).as_secs(),
        silent_seconds: if own { 0 } else { (*silent + since).as_secs() },
        twin: replica.is_live() && all.iter().any(|other| same(other) && other.is_live()),
        facts,
    }
}
