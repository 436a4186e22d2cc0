//! The one replica of a store that is not shared: what it says of itself is kept in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::super::{Beat, Replica};
use super::schema::SCHEMA;

/// Who has beaten, when for the first time, and when last.
#[derive(Debug, Default)]
pub(super) struct Alone(Mutex<Option<(Beat, Instant, Instant)>>);

impl Alone {
    pub(super) fn beat(&self, beat: Beat) {
        let (now, mut last) = (Instant::now(), self.lock());
        let begun =
            last.as_ref().filter(|(known, ..)| known.instance == beat.instance).map_or(now, |&(_, begun, _)| begun);
        *last = Some((beat, begun, now));
    }

    pub(super) fn replicas(&self) -> Vec<Replica> {
        let replica = |(beat, begun, last): &(Beat, Instant, Instant)| Replica {
            beat: beat.clone(),
            schema: SCHEMA,
            age: begun.elapsed(),
            silent: last.elapsed(),
        };
        self.lock().iter().map(replica).collect()
    }

    pub(super) fn gone(&self, instance: &str) {
        self.lock().take_if(|(beat, ..)| beat.instance == instance);
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Beat, Instant, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
