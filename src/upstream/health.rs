//! Whether a server is there, by what became of the latest connections to it. No clock, no IO.

use std::time::Duration;

use tokio::time::Instant;

/// What is known of one server. It counts as dead after some connections in a row that came to nothing; then one is tried at
/// a time, and seldom. The first that succeeds ends it for all.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// In a row.
    failures: u32,
    /// The first of them.
    since: Option<Instant>,
    death: Option<Death>,
}

#[derive(Debug)]
struct Death {
    cause: String,
    /// Between the last attempt and the next.
    pause: Duration,
    next: Instant,
    /// Somebody is trying.
    tried: bool,
}

/// How a connection is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Try {
    /// As one of many.
    Usual,
    /// As the only one, at a server that counts as dead.
    Probe,
}

/// Why nothing is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Silence {
    /// How long nobody has reached it.
    pub(super) lasts: Duration,
    /// What became of the last attempt.
    pub(super) cause: String,
}

/// When a server counts as dead, and how long it is left in peace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Failures in a row; 0 is never.
    pub(super) failures: u32,
    /// The longest pause between two probes.
    pub(super) longest: Duration,
}

/// The first pause; each failed probe doubles it.
const FIRST: Duration = Duration::from_secs(1);

impl Health {
    /// Whether to try.
    pub(super) fn ask(&mut self, now: Instant) -> Result<Try, Silence> {
        if let Some(silence) = self.silence(now) {
            return Err(silence);
        }
        let Some(death) = &mut self.death else { return Ok(Try::Usual) };
        death.tried = true;
        Ok(Try::Probe)
    }

    /// Why nothing would be tried, if so.
    pub(super) fn silence(&self, now: Instant) -> Option<Silence> {
        let death = self.death.as_ref().filter(|death| death.tried || now < death.next)?;
        Some(Silence { lasts: self.lasts(now), cause: death.cause.clone() })
    }

    /// Why it counts as dead, and since when, whether it may be tried now or not.
    pub(super) fn death(&self, now: Instant) -> Option<Silence> {
        self.death.as_ref().map(|death| Silence { lasts: self.lasts(now), cause: death.cause.clone() })
    }

    /// Whether the last attempt came to something.
    pub(super) const fn is_well(&self) -> bool {
        self.failures == 0
    }

    /// Nothing came of it. Returns after how many failures it counts as dead, when that is new. `jittered` shortens a pause a
    /// little, each time otherwise.
    pub(super) fn failed(
        &mut self,
        how: Try,
        cause: &str,
        rules: Rules,
        now: Instant,
        jittered: impl FnOnce(Duration) -> Duration,
    ) -> Option<u32> {
        self.failures = self.failures.saturating_add(1);
        self.since.get_or_insert(now);
        if let Some(death) = &mut self.death {
            cause.clone_into(&mut death.cause);
            if how == Try::Probe {
                death.tried = false;
                death.pause = (death.pause * 2).min(rules.longest);
                death.next = now + jittered(death.pause);
            }
            return None;
        }
        if rules.failures == 0 || self.failures < rules.failures {
            return None;
        }
        let pause = FIRST.min(rules.longest);
        self.death = Some(Death { cause: cause.to_owned(), pause, next: now + jittered(pause), tried: false });
        Some(self.failures)
    }

    /// It is there. Returns how long it was not, if it counted as dead.
    pub(super) fn reached(&mut self, now: Instant) -> Option<Duration> {
        let lasted = self.lasts(now);
        let death = std::mem::take(self).death;
        death.map(|_| lasted)
    }

    /// The attempt was given up, and nothing is known of it.
    pub(super) const fn given_up(&mut self, how: Try) {
        if let (Try::Probe, Some(death)) = (how, &mut self.death) {
            death.tried = false;
        }
    }

    /// What was in the way may be mended: the next may try at once.
    pub(super) const fn reconsider(&mut self, now: Instant) {
        if let Some(death) = &mut self.death {
            (death.pause, death.next) = (FIRST, now);
        }
    }

    fn lasts(&self, now: Instant) -> Duration {
        self.since.map(|since| now.saturating_duration_since(since)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { failures: 3, longest: Duration::from_secs(8) };

    fn fail(health: &mut Health, how: Try, now: Instant) -> Option<u32> {
        health.failed(how, "no answer", RULES, now, |pause| pause)
    }

    fn dead(now: Instant) -> Health {
        let mut health = Health::default();
        assert_eq!(health.ask(now), Ok(Try::Usual));
        assert_eq!((fail(&mut health, Try::Usual, now), fail(&mut health, Try::Usual, now)), (None, None));
        assert_eq!(health.ask(now), Ok(Try::Usual), "two are not enough");
        assert_eq!(fail(&mut health, Try::Usual, now), Some(3), "told once");
        assert_eq!(fail(&mut health, Try::Usual, now), None);
        health
    }

    #[test]
    fn one_probe_at_a_time_and_ever_more_seldom() {
        let mut now = Instant::now();
        let mut health = dead(now);
        let mut pauses = Vec::new();
        for _ in 0..5 {
            let before = now;
            while health.silence(now).is_some() {
                now += Duration::from_secs(1);
            }
            pauses.push((now - before).as_secs());
            assert_eq!(health.ask(now), Ok(Try::Probe));
            assert!(health.ask(now + RULES.longest * 9).is_err(), "while one tries");
            assert_eq!(fail(&mut health, Try::Probe, now), None);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 8]);
    }

    #[test]
    fn whoever_reaches_it_ends_it_for_all() {
        let now = Instant::now();
        let mut health = dead(now);
        let later = now + Duration::from_mins(3);
        assert_eq!(health.death(later).map(|death| death.lasts), Some(Duration::from_mins(3)));
        assert_eq!(health.reached(later), Some(Duration::from_mins(3)), "by an attempt from before, too");
        assert_eq!(health.reached(later), None, "told once");
        assert_eq!((health.ask(later), health.ask(later)), (Ok(Try::Usual), Ok(Try::Usual)));
        assert_eq!(fail(&mut health, Try::Usual, later), None, "it begins anew");
    }

    #[test]
    fn a_success_in_between_counts_from_the_beginning() {
        let now = Instant::now();
        let mut health = Health::default();
        for _ in 0..10 {
            assert_eq!((fail(&mut health, Try::Usual, now), fail(&mut health, Try::Usual, now)), (None, None));
            assert_eq!(health.reached(now), None);
        }
    }

    #[test]
    fn a_probe_that_is_given_up_leaves_its_place() {
        let now = Instant::now();
        let mut health = dead(now);
        let later = now + FIRST;
        assert_eq!(health.ask(later), Ok(Try::Probe));
        health.given_up(Try::Probe);
        assert_eq!(health.ask(later), Ok(Try::Probe));
        fail(&mut health, Try::Probe, later);
        assert!(health.ask(later).is_err());
        health.reconsider(later);
        assert_eq!(health.ask(later), Ok(Try::Probe), "what was in the way may be mended");
    }

    #[test]
    fn nothing_counts_as_dead_where_that_is_switched_off() {
        let (now, mut health) = (Instant::now(), Health::default());
        for _ in 0..100 {
            assert_eq!(health.failed(Try::Usual, "x", Rules { failures: 0, ..RULES }, now, |pause| pause), None);
        }
        assert_eq!(health.ask(now), Ok(Try::Usual));
    }
}
