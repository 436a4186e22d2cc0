//! The end: nobody comes in any more, messages under way are finished, and sessions are told goodbye, one after the other where
//! there is time. Those who come back at once do not all come at the same time.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::live::Live;
use super::patience;
use crate::activity::{Line, Why};

/// How sessions are ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// All now.
    AtOnce,
    /// Over most of the time that a stop has.
    Spread,
}

/// How a stop ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Messages and grants that were cut off in the middle.
    pub unfinished: usize,
    /// Sessions that were cut off without a goodbye.
    pub sessions: usize,
}

/// How long sessions get to say goodbye once no message is under way.
pub(super) const FAREWELL: Duration = Duration::from_secs(3);
/// Few sessions need no long time.
const EACH: Duration = Duration::from_millis(250);

impl Live {
    /// Stops; what is not over when somebody is in a hurry is cut off.
    pub(super) async fn end(&self, pace: Pace, hurry: impl Future<Output = ()>) -> Ended {
        tokio::select! {
            () = self.leave(pace) => {}
            () = hurry => {}
        }
        let ended = Ended { unfinished: self.lasting.busy.count(), sessions: self.lasting.activity.roll.open() };
        for token in [&self.lasting.closing, &self.lasting.stop, &self.lasting.end] {
            token.cancel();
        }
        ended
    }

    async fn leave(&self, pace: Pace) {
        let (lasting, patience) = (&self.lasting, patience(&self.generation.load().config));
        let end = Instant::now() + patience;
        lasting.closing.cancel();
        let lines = lasting.activity.roll.lines();
        info!(
            sessions = lines.len(),
            messages = lasting.busy.count(),
            seconds = patience.as_secs(),
            "service.draining"
        );
        if pace == Pace::Spread {
            // The rest is for those who are in the middle of a message.
            see_off(lines, patience.mul_f64(0.8), lasting.stop.clone()).await;
        }
        lasting.stop.cancel();
        let unfinished = lasting.busy.finished(end.saturating_duration_since(Instant::now())).await;
        if unfinished > 0 {
            warn!(unfinished, seconds = patience.as_secs(), "service.stopped_in_the_middle");
        }
        lasting.end.cancel();
        lasting.tokens.settle(patience).await;
        let desk = self.office().desk.clone();
        self.tasks.close();
        let rest = async {
            if let Some(desk) = desk {
                desk.ended().await;
            }
            self.tasks.wait().await;
        };
        drop(timeout(FAREWELL, rest).await);
    }
}

impl Ended {
    /// In the log, and as what the program ends with.
    pub(super) fn told(self) -> anyhow::Result<()> {
        let Self { unfinished, sessions } = self;
        info!(unfinished, sessions_cut = sessions, "service.stopped");
        anyhow::ensure!(
            self == Self::default(),
            "stopped in the middle: {unfinished} messages or grants and {sessions} sessions were cut off; a longer \
             limits.shutdown_seconds leaves them more time"
        );
        Ok(())
    }
}

/// Ends these sessions, each at its boundary, spread over at most this time; all at once when it is cut short.
pub(super) async fn see_off(lines: Vec<Arc<Line>>, over: Duration, cut_short: CancellationToken) {
    let begin = Instant::now();
    for (when, line) in moments(lines, over) {
        tokio::select! {
            () = sleep_until(begin + when) => {}
            () = line.stop.cancelled() => {}
            () = cut_short.cancelled() => {}
        }
        line.end(Why::Closing);
    }
}

/// When each has its turn: in no order, and at no regular steps.
fn moments(lines: Vec<Arc<Line>>, over: Duration) -> Vec<(Duration, Arc<Line>)> {
    let all = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    let over = over.min(EACH.saturating_mul(all));
    let mut moments: Vec<_> = lines.into_iter().map(|line| (over.mul_f64(chance()), line)).collect();
    moments.sort_by_key(|(when, _)| *when);
    moments
}

/// From 0 up to 1; without randomness everybody goes in the middle.
fn chance() -> f64 {
    let mut random = [0; 4];
    match rand::fill(&mut random) {
        Ok(()) => f64::from(u32::from_le_bytes(random)) / (f64::from(u32::MAX) + 1.0),
        Err(_) => 0.5,
    }
}
