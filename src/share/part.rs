use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::store::shares::{Ask, Given, basic_part};

/// What this replica has of one limit, and does with it: a value that is told the time.
#[derive(Debug)]
pub(super) struct Part {
    most: u32,
    pub(super) lasting: bool,
    /// Units in use.
    pub(super) inside: u32,
    /// How many wait here for a unit.
    pub(super) waiting: u32,
    /// How many units others wait for beyond those that were given back.
    pub(super) wanted: u32,
    mode: Mode,
    /// Whether the store knows the same.
    sure: bool,
    flight: Option<Flight>,
    /// Whether the store may believe that somebody waits here.
    claims: bool,
    /// When more was needed last.
    needed: Instant,
    /// How often the store has answered.
    pub(super) answers: u64,
    /// Called when there may be room, or others want something.
    pub(super) changed: Arc<Notify>,
}

/// By what right units are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Its basic part.
    Basic,
    /// So many units, by a row in the store.
    Row(u32),
}

/// It is being asked for.
#[derive(Clone, Copy, Debug)]
struct Flight {
    /// The limit that was known then.
    most: u32,
    keep: u32,
    need: u32,
    /// Units that came free meanwhile and are not used again.
    freed: u32,
}

/// What is known of the replicas.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fellows {
    /// Among how many limits are divided; 0: there is no basic part yet.
    pub(super) counted: u32,
    /// How many there were at the last beat.
    pub(super) holders: u32,
    /// Until when the lease lasts.
    pub(super) until: Instant,
}

/// How long more is held than the basic part without need.
const CALM: Duration = Duration::from_secs(30);

impl Fellows {
    /// What a replica may use that cannot ask.
    const fn fair(self, most: u32) -> u32 {
        let fair = basic_part(most, self.holders);
        if fair == 0 { 1 } else { fair }
    }
}

impl Part {
    pub(super) fn new(most: u32, lasting: bool, now: Instant) -> Self {
        let changed = Arc::new(Notify::new());
        let (mode, sure, needed) = (Mode::Basic, true, now);
        Self {
            most,
            lasting,
            inside: 0,
            waiting: 0,
            wanted: 0,
            mode,
            sure,
            flight: None,
            claims: false,
            needed,
            answers: 0,
            changed,
        }
    }

    /// So many units are there over all replicas.
    pub(super) const fn most(&self) -> u32 {
        self.most
    }

    /// There are so many units over all replicas. Of fewer than before, what is not in use may be somebody else's.
    pub(super) fn allow(&mut self, most: u32) {
        let is_lower = most < self.most;
        self.most = most;
        if is_lower {
            self.keeps_what_it_uses();
        }
    }

    fn keeps_what_it_uses(&mut self) {
        if let Mode::Row(units) = self.mode {
            (self.mode, self.sure) = (Mode::Row(units.min(self.inside)), false);
        }
    }

    /// How many units may be in use.
    pub(super) fn usable(&self, fellows: Fellows, now: Instant) -> u32 {
        let held = self.held(fellows);
        if now < fellows.until { held } else { held.max(fellows.fair(self.most)) }
    }

    fn held(&self, fellows: Fellows) -> u32 {
        match self.mode {
            Mode::Basic => basic_part(self.most, fellows.counted),
            Mode::Row(units) => units.min(self.most),
        }
    }

    pub(super) fn has_room(&self, fellows: Fellows, now: Instant) -> bool {
        self.inside < self.usable(fellows, now)
    }

    /// A unit comes free. Others may have it before anybody here.
    pub(super) fn leave(&mut self) {
        self.inside = self.inside.saturating_sub(1);
        if let Mode::Row(units) = self.mode
            && self.wanted > 0
        {
            let kept = units.saturating_sub(1).max(self.inside);
            (self.mode, self.sure) = (Mode::Row(kept), false);
            self.wanted = self.wanted.saturating_sub(units.saturating_sub(kept));
            if let Some(flight) = &mut self.flight {
                flight.freed += 1;
            }
        }
    }

    /// Others wait for so many units: what is not in use is theirs.
    pub(super) fn heard(&mut self, wanted: u32, fellows: Fellows) {
        self.wanted = 0;
        if wanted == 0 {
            return;
        }
        let held = self.held(fellows);
        let kept = held.min(self.inside);
        self.wanted = wanted.saturating_sub(held - kept);
        self.sure &= matches!(self.mode, Mode::Row(_)) && held <= self.inside;
        self.mode = Mode::Row(kept);
        self.changed.notify_waiters();
    }

    /// Basic parts are smaller now: what goes beyond needs a row.
    pub(super) fn bow(&mut self, fellows: Fellows) {
        if self.mode == Mode::Basic && self.inside > self.held(fellows) {
            (self.mode, self.sure) = (Mode::Row(self.inside), false);
        }
    }

    /// The store says what it holds.
    pub(super) fn told(&mut self, units: Option<u32>) {
        (self.mode, self.sure, self.flight) = (units.map_or(Mode::Basic, Mode::Row), true, None);
        if units.is_none() {
            // Of what is not looked after nobody hears that it is over.
            self.wanted = 0;
        }
    }

    /// Whether others may reckon with its basic part.
    pub(super) fn has_bowed(&self, fellows: Fellows) -> bool {
        let part = basic_part(self.most, fellows.counted);
        match self.mode {
            Mode::Basic => self.inside <= part,
            Mode::Row(units) => self.sure || units <= part,
        }
    }

    /// Whether the store has a row of all that is used.
    pub(super) fn is_in_store(&self) -> bool {
        self.sure && self.flight.is_none() && matches!(self.mode, Mode::Row(units) if self.inside <= units)
    }

    /// Whether the store knows the same.
    pub(super) const fn is_sure(&self) -> bool {
        self.sure
    }

    /// Whether there is something to ask, or to give back.
    pub(super) fn is_due(&self, fellows: Fellows, now: Instant) -> bool {
        self.flight.is_none()
            && (!self.sure
                || (self.claims && self.waiting == 0)
                || self.inside > self.held(fellows)
                || (self.waiting > 0 && self.inside + self.waiting > self.held(fellows))
                || (self.mode != Mode::Basic && self.is_calm(fellows, now)))
    }

    fn is_calm(&self, fellows: Fellows, now: Instant) -> bool {
        self.waiting == 0
            && self.wanted == 0
            && self.inside <= basic_part(self.most, fellows.counted)
            && now.saturating_duration_since(self.needed) >= CALM
    }

    /// What to ask. Until the answer no more is used than is kept.
    pub(super) fn ask(&mut self, name: &Arc<str>, fellows: Fellows, now: Instant) -> Ask {
        let leaves = self.is_calm(fellows, now);
        let keep = if leaves { self.inside } else { self.held(fellows).max(self.inside) };
        let need = (self.inside + self.waiting).saturating_sub(keep);
        let target = self.most.min(2 * (keep + need)).max(fellows.fair(self.most));
        let wish = if need > 0 && self.wanted == 0 { target - (keep + need).min(target) } else { 0 };
        if need > 0 || leaves {
            self.needed = now;
        }
        if matches!(self.mode, Mode::Row(_)) {
            self.mode = Mode::Row(keep);
        }
        self.flight = Some(Flight { most: self.most, keep, need, freed: 0 });
        self.claims |= need > 0;
        Ask { name: Arc::clone(name), most: self.most, lasting: self.lasting, keep, need, wish, leaves }
    }

    /// The same at the end: a row of what is used, and no more.
    pub(super) fn last_ask(&mut self, name: &Arc<str>, fellows: Fellows, now: Instant) -> Ask {
        self.mode = Mode::Row(self.inside);
        let ask = self.ask(name, fellows, now);
        Ask { need: 0, wish: 0, leaves: false, ..ask }
    }

    /// The answer.
    pub(super) fn given(&mut self, given: &Given, fellows: Fellows, now: Instant) {
        self.answers += 1;
        let flight = self.flight.take();
        let freed = flight.map_or(0, |flight| flight.freed);
        self.claims = flight.is_some_and(|flight| given.units.is_some_and(|units| units < flight.keep + flight.need));
        self.wanted = given.wanted.saturating_sub(freed);
        self.mode = given.units.map_or(Mode::Basic, |units| Mode::Row(units.saturating_sub(freed)));
        self.sure = self.mode == Mode::Basic || freed == 0;
        if flight.is_some_and(|flight| flight.most > self.most) {
            // Of a limit that was lowered meanwhile.
            if self.mode == Mode::Basic {
                self.mode = Mode::Row(self.inside);
            }
            self.keeps_what_it_uses();
        }
        if self.has_room(fellows, now) || self.wanted > 0 {
            self.changed.notify_waiters();
        }
    }

    /// No answer: what was kept is used, whatever the store has noted.
    pub(super) fn failed(&mut self) {
        if let Some(flight) = self.flight.take() {
            if self.mode == Mode::Basic {
                self.mode = Mode::Row(flight.keep);
            }
            self.sure = false;
        }
    }

    /// Whether nothing would be lost with it.
    pub(super) fn is_forgotten(&self) -> bool {
        self.inside == 0
            && self.waiting == 0
            && self.sure
            && !self.claims
            && self.flight.is_none()
            && self.mode == Mode::Basic
    }

    /// Whether it is looked after.
    pub(super) fn is_looked_after(&self) -> bool {
        self.mode != Mode::Basic || !self.sure || self.claims || self.waiting > 0
    }

    /// Units by a row.
    pub(super) const fn leased(&self) -> u32 {
        match self.mode {
            Mode::Basic => 0,
            Mode::Row(units) => units,
        }
    }
}
