//! The only shared state: what tokens hold, sealed, and who is refreshing which.
//!
//! Several processes may have it open at once (the service and the command line). Every write of a token is a
//! compare-and-swap on its version, so that no one overwrites what another has just saved.

mod changes;
mod contents;
mod copy;
mod keys;
mod outline;
mod postgres;
mod record;
mod replica;
mod row;
mod seal;
pub mod shares;
mod sql;
mod sqlite;
#[cfg(test)]
mod tests;
mod topic;
mod topics;
mod trail;
mod version;

pub use copy::{Copied, Inflow, Outflow, copy};
pub use keys::Keys;
pub use outline::Outline;
pub use postgres::{PostgresStore, Servers};
pub use record::{Kind, Record};
pub use replica::{BEAT, Beat, DEAD, FORGOTTEN, Replica};
pub use seal::{MalformedKey, Place, Seal, SealError, generate_key};
pub use sqlite::SqliteStore;
pub use topic::Topic;
pub use trail::{Deed, Noted, Use};
pub use version::Version;

use std::collections::HashSet;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::TokenState;

/// What a store does, in SQLite or PostgreSQL.
pub trait Store: Send + Sync + fmt::Debug {
    /// The state of a token, with the version to save its successor by. A token that was never saved is empty.
    fn token(&self, name: &str) -> Answer<'_, Stored>;

    /// How all tokens are that were ever saved, and why, in no order and without opening what is sealed: a secret is empty where
    /// there is one. For whoever looks at all of them; they have no version, and nothing can be saved by them.
    fn sketches(&self) -> Answer<'_, Vec<(String, Sketch)>>;

    /// When each is due, where they are sound.
    fn outlines(&self) -> Answer<'_, Vec<(String, Outline)>>;

    /// The names of all tokens that were ever saved.
    fn names(&self) -> Answer<'_, Vec<String>>;

    /// Saves a state, durably, if the version is still the one that was read.
    fn save(&self, name: &str, read: Version, state: &TokenState) -> Answer<'_, Saved>;

    /// Removes a token's state for good, with what people were told of it.
    fn forget(&self, name: &str) -> Answer<'_, ()>;

    /// All records of a kind that have not ended, in the order of their names.
    fn records(&self, kind: Kind) -> Answer<'_, Vec<Record>>;

    /// The names and versions of all records of a kind that have not ended, in the order of their names.
    fn versions(&self, kind: Kind) -> Answer<'_, Vec<(String, Version)>> {
        let records = self.records(kind);
        Box::pin(async move { Ok(records.await?.into_iter().map(|record| (record.name, record.version)).collect()) })
    }

    /// The records of these names that there are, in the order of their names.
    fn some_records(&self, kind: Kind, names: Vec<String>) -> Answer<'_, Vec<Record>> {
        let records = self.records(kind);
        Box::pin(async move {
            let names: HashSet<_> = names.into_iter().collect();
            Ok(records.await?.into_iter().filter(|record| names.contains(&record.name)).collect())
        })
    }

    /// One record; one that was never put, or has ended, is empty.
    fn record(&self, kind: Kind, name: &str) -> Answer<'_, Record>;

    /// Puts a record, or removes it, if the version is still the one that was read. It ends by itself after its life.
    fn put(&self, record: Record, life: Option<Duration>) -> Answer<'_, Saved>;

    /// Notes that people are told something of a token. `false`: they have been told before.
    fn announce(&self, token: &str, notice: &str) -> Answer<'_, bool>;

    /// What was told and begins so is over. `false`: nothing was told.
    fn withdraw(&self, token: &str, beginning: &str) -> Answer<'_, bool>;

    /// Everything that people were told and that is not over: tokens and notices.
    fn announced(&self) -> Answer<'_, Vec<(String, String)>>;

    /// Adds to the trail of what administrators did; it is bounded, and the oldest goes first.
    fn note(&self, deed: Deed) -> Answer<'_, ()>;

    /// The trail, the newest first: from before this number on, at most so many.
    fn deeds(&self, before: Option<i64>, most: usize) -> Answer<'_, Vec<Noted>>;

    /// When every password was last used that was used since.
    fn uses(&self, since: DateTime<Utc>) -> Answer<'_, Vec<Use>>;

    /// When the passwords of an account were last used.
    fn uses_of(&self, account: &str) -> Answer<'_, Vec<Use>>;

    /// Notes that passwords were used; of what was noted before, the latest counts.
    fn used(&self, uses: Vec<Use>) -> Answer<'_, ()>;

    /// Forgets when the passwords of an account were used.
    fn unused(&self, account: &str) -> Answer<'_, ()>;

    /// Takes or extends the right to refresh a token, by the store's own clock. `false`: another owner has it.
    fn lease(&self, token: &str, owner: &str, length: Duration) -> Answer<'_, bool>;

    /// Gives a lease back, if it is still this owner's.
    fn release(&self, token: &str, owner: &str) -> Answer<'_, ()>;

    /// How many statements went to a database that others share, by what they were about.
    fn statements(&self) -> Vec<(&'static str, u64)> {
        vec![("other", 0)]
    }

    /// Whether several replicas may have it open.
    fn is_shared(&self) -> bool;

    /// Notes that a replica is there, by the store's own clock.
    fn beat(&self, beat: Beat) -> Answer<'_, ()>;

    /// The replicas that were there within [`FORGOTTEN`], in the order of their names; some may be silent by now.
    fn replicas(&self) -> Answer<'_, Vec<Replica>>;

    /// A replica ends: nobody waits for it.
    fn gone(&self, instance: &str) -> Answer<'_, ()>;

    /// Gives everything that it keeps for good, as it lies there and at one moment, to [`Store::fill`] of another: see [`copy`].
    fn pour(&self, into: Outflow) -> Answer<'_, ()>;

    /// Takes over everything of another store, if it holds nothing itself: all of it, compared row by row, or nothing. It is
    /// sealed with the key that sealed the other from then on.
    fn fill(&self, from: Inflow) -> Answer<'_, Copied>;

    /// Seals everything with the last key of the ring, and has everyone seal with it from now on. Returns how many values there
    /// were. Versions grow, so that whoever has read before reads again.
    fn rekey(&self) -> Answer<'_, usize>;

    /// Grows whenever another process may have written this, a token of it was forgotten, or somebody calls [`Store::touch`].
    /// Reading it costs nothing. It may grow for what was not written: that costs who looks at it one read.
    fn changes(&self, of: Topic<'_>) -> u64;

    /// Ends when [`Store::changes`] is something else than this.
    fn changed(&self, of: Topic<'_>, seen: u64) -> Changed<'_>;

    /// Asks for units of limits, and gives units back. Whatever comes late, after a question or beat of a greater number of
    /// the same replica, is not heard.
    fn share(&self, _owner: &str, _number: i64, asks: Vec<shares::Ask>) -> Answer<'_, shares::Shared> {
        let grant = |shares::Ask { name, keep, need, wish, .. }| shares::Given {
            name,
            units: Some(keep + need + wish),
            wanted: 0,
        };
        Box::pin(async move { Ok(shares::Shared::Given(asks.into_iter().map(grant).collect())) })
    }

    /// A replica lives, and so what it holds stays its own.
    fn hold(&self, _beat: shares::Beat) -> Answer<'_, shares::Standing> {
        Box::pin(async { Ok(shares::Standing { holders: 1, counted: 1, ..Default::default() }) })
    }

    /// What other replicas wait for.
    fn wanted(&self, _owner: &str) -> Answer<'_, shares::Wanted> {
        Box::pin(async { Ok(shares::Wanted { holders: 1, wants: Vec::new() }) })
    }

    /// How far its clock is ahead of this machine's, as last seen. Several machines that share it agree on its time.
    fn clock_ahead(&self) -> TimeDelta {
        TimeDelta::zero()
    }

    /// From now on this is told of each token that another process saves, as far as the store hears of what was saved and not
    /// only that something was. It must not wait.
    fn tell(&self, _: Hearer) {}

    /// Says words to all other replicas that listen now; they are kept nowhere. None is longer than 7000 octets.
    fn say(&self, _: Vec<String>) -> Answer<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    /// From now on this hears what other replicas say. It must not wait.
    fn overhear(&self, _: Overhearer) {}

    /// What this process has written counts as if another had: whoever keeps it reads it again.
    fn touch(&self, of: Topic<'_>);
}

/// What a store method returns.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// What [`Store::changed`] returns.
pub type Changed<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What hears of a token and what became of it: [`Store::tell`]. The count is that of its changes then.
pub type Hearer = Box<dyn Fn(&str, Outline, u64) + Send + Sync>;

/// What [`Store::overhear`] takes: a word.
pub type Overhearer = Box<dyn Fn(&str) + Send + Sync>;

/// A token's state as read.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// The state.
    pub state: TokenState,
    /// Its version.
    pub version: Version,
}

/// A token's state without its secrets, or why it does not open.
pub type Sketch = Result<TokenState, StoreError>;

/// What came of a compare-and-swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a conflict means that nothing was saved"]
pub enum Saved {
    /// It is on disk.
    Done(Version),
    /// Someone else saved meanwhile; read again.
    Conflict,
}

/// What is wrong with the store, and the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or written.
    #[error("the store {file}: {fault}{}", hint(fault))]
    Database {
        /// The database file.
        file: String,
        /// What the database said.
        fault: String,
    },
    /// The database cannot be reached, or the connection to it broke.
    #[error("the store {store} is out of reach: {fault}; what is known goes on meanwhile")]
    Unreachable {
        /// The database, as people know it.
        store: String,
        /// What became of the connection.
        fault: String,
    },
    /// The schema is of a later program.
    #[error(
        "the store {file} was written by a later version of gatepost (schema {found}, this one knows {known}); update gatepost"
    )]
    TooNew {
        /// The database file.
        file: String,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A record of a later program, which cannot be sealed anew. Nothing was changed.
    #[error(
        "the store holds a record of the kind {kind:?}, which this version of gatepost does not know and so cannot seal with another key; update gatepost first"
    )]
    UnknownKind {
        /// The kind, as it is named there.
        kind: String,
    },
    /// A sealed value does not open. Nothing was changed.
    #[error("{what} in the store: {fault}")]
    Sealed {
        /// Whose.
        what: String,
        /// Why.
        fault: SealError,
    },
    /// A row that is no state.
    #[error("{what} in the store is inconsistent: {fault}")]
    Inconsistent {
        /// Whose.
        what: String,
        /// What does not fit.
        fault: String,
    },
    /// The keys do not open this store.
    #[error("the store {file}: {fault}")]
    Key {
        /// The database file.
        file: String,
        /// Why.
        fault: SealError,
    },
    /// It is to be filled with the contents of another, and holds something already.
    #[error(
        "the store {store} is not empty ({what}); copy into one that holds nothing, such as a database that was just made"
    )]
    NotEmpty {
        /// Which.
        store: String,
        /// Where there is something.
        what: &'static str,
    },
    /// What was written to it is not what came.
    #[error("the copy in {store} is another one than the store: {row}; nothing of it was kept")]
    Unlike {
        /// Which.
        store: String,
        /// The first row that is another one.
        row: String,
    },
    /// It is to be filled with the contents of another, which have not come to their end.
    #[error("the store that is copied broke off; nothing of it was kept")]
    BrokenOff,
    /// Its disk does not answer, or the server of its database.
    #[error("the store has not answered within {seconds} s; does its disk hang, or the server of its database?")]
    Late {
        /// How long it was waited.
        seconds: u64,
    },
    /// The thread of the store has ended; the process is stopping.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Nothing is wrong with what it holds: it could not be asked.
    #[must_use]
    pub const fn is_absence(&self) -> bool {
        matches!(self, Self::Database { .. } | Self::Unreachable { .. } | Self::Late { .. })
    }
}

fn hint(fault: &str) -> &'static str {
    match fault {
        fault if fault.contains("disk is full") || fault.contains("No space left") => {
            "; free some space, nothing is lost meanwhile"
        }
        fault if fault.contains("readonly") => "; check the owner and mode of the file and its directory",
        fault if fault.contains("unable to open") => "; does the directory exist, and may this user write there?",
        fault if fault.contains("permission denied for schema") => {
            "; the first start makes the tables: let this role own the database"
        }
        // As PostgreSQL counts its errors: a lock was waited for in vain, and a statement took too long.
        fault if fault.contains("(55P03)") => {
            "; the key is being changed, or somebody else holds what is to be written: try again in a moment, and see who in pg_stat_activity"
        }
        fault if fault.contains("(57014)") => {
            "; the database is too slow, or held up by somebody: see by whom in pg_stat_activity"
        }
        fault if fault.contains("locked") => "; is another program holding it open?",
        _ => "",
    }
}
