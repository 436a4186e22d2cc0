//! The end: load balancers get notice, nobody comes in any more, messages under way are finished, and sessions are told goodbye,
//! one after the other where there is time. Those who come back at once do not all come at the same time.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::lasting::Lasting;
use super::live::Live;
use super::patience;
use crate::activity::{Line, Why};
use crate::lifecycle::systemd;

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
pub(super) const FAREWELL: Duration = Duration::from_secs(5);
/// How long those who have just connected get to log in.
const GRACE: Duration = Duration::from_secs(2);
/// How soon to look whether all are gone.
const LOOK: Duration = Duration::from_millis(50);
/// How far ahead of its own end systemd is asked to wait.
const EXTENSION: Duration = Duration::from_secs(15);
/// Few sessions need no long time.
const EACH: Duration = Duration::from_millis(250);

impl Live {
    /// Stops; what is not over when somebody is in a hurry is cut off.
    pub(super) async fn end(&self, pace: Pace, hurry: impl Future<Output = ()>) -> Ended {
        tokio::select! {
            () = self.leave(pace) => {}
            () = hurry => {}
            () = take_the_time() => {}
        }
        let ended = Ended { unfinished: self.lasting.busy.count(), sessions: self.lasting.activity.roll.open() };
        let Lasting { closing, dismissing, stop, end, kept, .. } = &self.lasting;
        kept.close();
        [closing, dismissing, stop, end].into_iter().for_each(CancellationToken::cancel);
        ended
    }

    async fn leave(&self, pace: Pace) {
        let (lasting, patience) = (&self.lasting, patience(&self.generation.load().config));
        self.give_notice(pace).await;
        let end = Instant::now() + patience;
        lasting.closing.cancel();
        lasting.kept.close();
        lasting.roads.close();
        // Whoever comes now is refused, and tries elsewhere; sockets of systemd stay its own.
        self.doors().clear();
        let (sessions, messages) = (lasting.activity.roll.open(), lasting.busy.count());
        info!(sessions, messages, seconds = patience.as_secs(), "service.draining");
        if pace == Pace::Spread {
            // The rest is for those who are in the middle of a message.
            drop(timeout(patience.mul_f64(0.8), self.see_all_off(patience.mul_f64(0.7))).await);
        }
        lasting.dismissing.cancel();
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
            lasting.kept.closed().await;
            lasting.roads.all_closed().await;
        };
        drop(timeout(FAREWELL, rest).await);
    }

    /// A load balancer that asks whether this is ready needs a moment to ask, and whoever it has sent by then is served.
    async fn give_notice(&self, pace: Pace) {
        self.lasting.leaving.cancel();
        let seconds = self.generation.load().config.limits.notice_seconds;
        if pace == Pace::Spread && seconds > 0 {
            info!(seconds, "service.leaving");
            sleep(Duration::from_secs(seconds)).await;
        }
    }

    /// The sessions that came by these doors and go on.
    pub(super) fn came_by(&self, doors: &[u32]) -> Vec<Arc<Line>> {
        let lines = self.lasting.activity.roll.lines().into_iter();
        lines.filter(|line| doors.contains(&line.door()) && !line.stop.is_cancelled()).collect()
    }

    /// Ends the sessions of doors that were closed, also of those who were before the door then and log in a little later.
    pub(super) async fn see_doors_off(self: Arc<Self>, doors: Vec<u32>) {
        let config = Arc::clone(&self.generation.load().config);
        let (mut over, late) = (patience(&config), Duration::from_secs(config.limits.login_seconds));
        let end = Instant::now() + over + late;
        while Instant::now() < end {
            see_off(self.came_by(&doors), over, self.lasting.stop.clone()).await;
            if self.lasting.stop.run_until_cancelled(sleep(GRACE)).await.is_none() {
                return;
            }
            over = GRACE;
        }
    }

    /// Ends all sessions one after the other. Who was let in by the system before the end may still log in, for a moment, and is
    /// then one of them.
    async fn see_all_off(&self, over: Duration) {
        let lasting = &self.lasting;
        let dismissal = async {
            sleep(GRACE).await;
            lasting.dismissing.cancel();
            std::future::pending::<()>().await;
        };
        let sessions = async {
            let mut over = over;
            while lasting.crowd.count().0 > 0 {
                let lines = lasting.activity.roll.lines();
                let here = lines.into_iter().filter(|line| !line.stop.is_cancelled()).collect();
                see_off(here, over, lasting.stop.clone()).await;
                over = GRACE;
                sleep(LOOK).await;
            }
        };
        tokio::select! {
            () = sessions => {}
            () = dismissal => {}
        }
    }
}

/// systemd would take patience for a hang.
async fn take_the_time() {
    loop {
        systemd::extend(EXTENSION);
        sleep(EXTENSION / 3).await;
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

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::activity::{Login, Roll, SessionId};
    use crate::model::{Account, Grant, Protocol, Provider, Token};
    use crate::net::Peer;

    fn login() -> Login {
        let token = Token::bare("support", Arc::new(Provider::default()), Grant::AuthorizationCode);
        let account = Account::bare("desk", Arc::new(token));
        let peer = Peer::Tcp(std::net::SocketAddr::from(([127, 0, 0, 1], 1)));
        Login { account: Arc::new(account), password: None, protocol: Protocol::Imap, peer }
    }

    /// So many sessions, and how many are ended after each second.
    async fn ended(sessions: usize, over: Duration) -> Vec<usize> {
        let (roll, stop) = (Roll::default(), CancellationToken::new());
        let now = DateTime::UNIX_EPOCH;
        let entered: Vec<_> =
            std::iter::repeat_with(|| roll.enter(SessionId::next(), login(), now, &stop)).take(sessions).collect();
        let seeing = tokio::spawn(see_off(roll.lines(), over, stop.clone()));
        let mut each = Vec::new();
        while !seeing.is_finished() {
            sleep(Duration::from_secs(1)).await;
            each.push(entered.iter().filter(|entered| entered.line().ended() == Some(Why::Closing)).count());
        }
        each
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_leaves_over_the_whole_time_and_a_few_are_gone_soon() {
        let each = ended(1000, Duration::from_secs(20)).await;
        assert!((19..=21).contains(&each.len()) && each.last() == Some(&1000), "{each:?}");
        let steps = std::iter::once(&0).chain(&each).zip(&each).map(|(before, now)| now - before);
        assert!(steps.take(19).all(|step| (10..=120).contains(&step)), "about fifty a second: {each:?}");
        let few = ended(4, Duration::from_secs(20)).await;
        assert!(few.len() <= 2 && few.last() == Some(&4), "{few:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_in_a_hurry_ends_all_at_once() {
        let (roll, stop, cut) = (Roll::default(), CancellationToken::new(), CancellationToken::new());
        let entered: Vec<_> =
            std::iter::repeat_with(|| roll.enter(SessionId::next(), login(), DateTime::UNIX_EPOCH, &stop))
                .take(100)
                .collect();
        cut.cancel();
        let begun = Instant::now();
        see_off(roll.lines(), Duration::from_hours(1), cut).await;
        assert!(begun.elapsed() < Duration::from_secs(1) && entered.iter().all(|one| one.line().stop.is_cancelled()));
    }
}
