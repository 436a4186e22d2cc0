use std::time::Duration;

use super::Held;

/// A replica, as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its mark: another one with each start.
    pub owner: String,
    /// Among how many it divides a limit that it has no row of; 0: it has no basic part yet.
    pub counted: u32,
    /// It was found dead, and what it has sent counts for a little longer.
    pub dead: bool,
    /// For how long its lease has been over.
    pub over: Option<Duration>,
}

/// A sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Whose.
    pub owner: String,
    /// Grows with the questions and beats of a replica.
    pub number: i64,
    /// How long its lease lasts from now on.
    pub lease: Duration,
    /// Among how many it divides, as far as it knows.
    pub believes: u32,
    /// Among how many it could divide: everything beyond such a part has a row.
    pub could: u32,
    /// It has been in touch with the store for a while, and so have the others that live: it may say who is dead.
    pub buries: bool,
    /// It has ended.
    pub leaves: bool,
}

/// What a beat says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many holders there are.
    pub holders: u32,
    /// Among how many this one divides.
    pub counted: u32,
    /// It was believed dead, and holds nothing any more.
    pub lapsed: bool,
    /// Its rows, if it may not know them.
    pub rows: Option<Vec<Held>>,
}

/// What is to be written at a beat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// It was not there, or dead: its rows go, and it begins anew.
    pub lapsed: bool,
    /// Those that are found dead.
    pub dead: Vec<String>,
    /// Those of which nothing is left, rows included.
    pub gone: Vec<String>,
    /// How many holders are left, with this one.
    pub holders: u32,
    /// Among how many it divided until now.
    pub before: u32,
    /// Among how many it divides from now on. Where that makes its parts greater, every limit that has rows first gets one for
    /// it, of the part it had.
    pub counted: u32,
}

/// For how long after its end what a holder has sent counts: a minute, and a margin for clocks that do not run alike.
const LASTS: Duration = Duration::from_secs(65);

/// Takes note of a beat.
///
/// Invariant: whoever has a basic part counts at least as many as there are that have one. A newcomer gets one when all others
/// count it; nobody counts fewer than there are.
#[must_use]
pub fn turn(beat: &Beat, all: &[Holder]) -> Turn {
    let mine = all.iter().find(|holder| holder.owner == beat.owner && !holder.dead);
    let others = || all.iter().filter(|holder| holder.owner != beat.owner);
    let is_gone = |holder: &&Holder| holder.dead && holder.over.is_some_and(|over| over > LASTS);
    let is_over = |holder: &&Holder| beat.buries && !holder.dead && holder.over.is_some();
    let owners = |which: &dyn Fn(&&Holder) -> bool| others().filter(which).map(|holder| holder.owner.clone()).collect();
    let left: Vec<_> = others().filter(|holder| !is_gone(holder)).collect();
    let holders = u32::try_from(left.len()).unwrap_or(u32::MAX).saturating_add(1);
    let before = mine.map_or(0, |mine| mine.counted);
    let all_count = left.iter().all(|other| other.counted == 0 || other.counted >= holders);
    let counted = match before {
        // All that it has sent has a row.
        _ if beat.leaves && beat.could == u32::MAX => 0,
        before if before >= holders && !all_count => before,
        // More are counted than before: that makes its parts smaller, so it must have seen to it.
        before if before > 0 && before < holders => {
            if beat.could >= holders {
                holders
            } else {
                before
            }
        }
        0 if !all_count || beat.could < holders => 0,
        _ => holders,
    };
    Turn { lapsed: mine.is_none(), dead: owners(&is_over), gone: owners(&is_gone), holders, before, counted }
}
