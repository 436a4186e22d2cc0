//! Whose time counts where several machines share a store: the database's.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

use super::fault::Fault;
use super::link::{Link, Values};
use crate::clock;

/// How far the database's clock is ahead of this machine's.
#[derive(Debug, Default)]
pub(super) struct Ahead(AtomicI64);

/// What is less is taken for the way there and back; and a time that moves with each look would be none to compare by.
const NOTED: i64 = 1000;
/// An answer that took longer tells too little, in milliseconds.
const VAGUE: i64 = 4000;

impl Ahead {
    pub(super) fn get(&self) -> TimeDelta {
        TimeDelta::milliseconds(self.0.load(Ordering::Relaxed))
    }

    /// By a statement that returns the time.
    pub(super) async fn ask(&self, link: &mut Link, statement: &str, values: Values<'_>) -> Result<(), Fault> {
        let asked = clock::now();
        if let Some(row) = link.row(statement, values).await? {
            self.heard(row.try_get(0)?, asked, clock::now());
        }
        Ok(())
    }

    /// It said this time, in Unix milliseconds, to a question that was asked and answered then.
    pub(super) fn heard(&self, said: i64, asked: DateTime<Utc>, answered: DateTime<Utc>) {
        let (asked, answered) = (asked.timestamp_millis(), answered.timestamp_millis());
        let ahead = said - i64::midpoint(asked, answered);
        if !(0..=VAGUE).contains(&(answered - asked)) || (ahead - self.0.load(Ordering::Relaxed)).abs() < NOTED {
            return;
        }
        self.0.store(if ahead.abs() < NOTED { 0 } else { ahead }, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_800_000_000_000 + millis).unwrap()
    }

    #[test]
    fn it_is_known_to_about_a_second_and_does_not_waver() {
        let ahead = Ahead::default();
        let heard = |said: i64, asked, answered| {
            ahead.heard(1_800_000_000_000 + said, at(asked), at(answered));
            ahead.get().num_milliseconds()
        };
        assert_eq!(heard(600, 0, 20), 0);
        assert_eq!(heard(300_010, 0, 20), 300_000);
        assert_eq!(heard(300_700, 0, 20), 300_000, "the way there was longer");
        assert_eq!(heard(0, 0, 9000), 300_000, "it could have been said at any time of these nine seconds");
        assert_eq!(heard(-120_000, 0, 0), -120_000);
        assert_eq!(heard(500, 20, 0), -120_000, "this machine's clock was set meanwhile");
        assert_eq!(heard(400, 0, 20), 0);
    }
}
