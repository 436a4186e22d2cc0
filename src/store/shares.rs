//! Limits over all replicas: who may use how many units of what. Pure: a store loads the rows, lets these functions decide,
//! and writes what they say, all under a lock of its own.
//!
//! A *holder* is a replica. Of every limit it has a basic part without asking: the limit divided by the number of holders that
//! it counts. Whoever needs more asks, and from then on that limit has a *row* for each holder that takes part, in place of its
//! basic part.
//!
//! Invariant: of every limit, rows of holders and basic parts of those without a row are together never more than the limit.
//! What breaks if it doesn't: the provider refuses the mailbox.

mod holders;
mod settle;

pub use holders::{Beat, Holder, Standing, Turn, turn};
pub use settle::{Row, Settled, settle};

use std::sync::Arc;

/// What a replica wants of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The limit.
    pub name: Arc<str>,
    /// How many units there are of it, over all replicas.
    pub most: u32,
    /// Whether a unit counts for a minute after its use, also if its holder has died: messages.
    pub lasting: bool,
    /// Units that it holds and keeps; the others go back.
    pub keep: u32,
    /// Units that somebody waits for.
    pub need: u32,
    /// Units for those to come, if nobody needs them.
    pub wish: u32,
    /// It needs no more than its basic part.
    pub leaves: bool,
}

/// What it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The limit.
    pub name: Arc<str>,
    /// How many units it holds now; `None`: its basic part.
    pub units: Option<u32>,
    /// How many units other replicas wait for beyond those that are free.
    pub wanted: u32,
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shared {
    /// In the order of the asks.
    Given(Vec<Given>),
    /// The replica was believed dead, and has to beat first to know what it holds.
    Lapsed,
}

/// What others wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// How many holders there are.
    pub holders: u32,
    /// Limits of which units are waited for.
    pub wants: Vec<Want>,
}

/// Somebody waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// The limit.
    pub name: String,
    /// As in [`Ask::most`].
    pub most: u32,
    /// As in [`Ask::lasting`].
    pub lasting: bool,
    /// How many units others wait for.
    pub units: u32,
}

/// A row that a holder has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The limit.
    pub name: String,
    /// As in [`Ask::most`].
    pub most: u32,
    /// As in [`Ask::lasting`].
    pub lasting: bool,
    /// How many.
    pub units: u32,
}

/// The part of a limit that a holder has without asking who counts so many; 0 counts nobody yet, and so has none.
#[must_use]
pub const fn basic_part(most: u32, counted: u32) -> u32 {
    match most.checked_div(counted) {
        Some(part) => part,
        None => 0,
    }
}
