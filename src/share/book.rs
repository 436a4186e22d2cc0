use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::limit::Limit;
use super::part::{Fellows, Part};
use crate::store::shares::{Ask, Beat, Given, Held, Standing, Want};

/// All parts of a replica: a value that is told the time.
#[derive(Debug)]
pub(super) struct Book {
    owner: String,
    parts: HashMap<Arc<str>, Part>,
    /// Those that are more than a count.
    looked_after: HashSet<Arc<str>>,
    /// When units that last come free, the first first.
    lasting: VecDeque<(Instant, Arc<str>)>,
    fellows: Fellows,
    /// Among how many the store says that it divides.
    counted: u32,
    /// Of the last question.
    number: i64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// How many units there are over all replicas.
    pub most: u32,
    /// A unit is used up for a minute, and not until it is given back.
    pub lasting: bool,
}

/// Metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// By what is limited, in the order of [`Limit::ALL`].
    pub leases: [Leases; Limit::ALL.len()],
    /// How many replicas share the limits.
    pub holders: u64,
    /// Whether the lease is over, for the store was away.
    pub is_alone: bool,
}

/// What is held of all limits of a kind beyond the basic part, or because others wait for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leases {
    /// Limits of which anything is held by a lease.
    pub limits: u64,
    /// Units of them.
    pub units: u64,
    /// How many wait here for a unit.
    pub waiting: u64,
}

pub(super) const LEASE: Duration = Duration::from_secs(20);
/// The clock of the database may run a little faster than this one.
const MARGIN: Duration = Duration::from_secs(2);
const MINUTE: Duration = Duration::from_mins(1);

impl Figures {
    /// Where there can be no other replica.
    pub const ALONE: Self =
        Self { leases: [Leases { limits: 0, units: 0, waiting: 0 }; Limit::ALL.len()], holders: 1, is_alone: false };
}

impl Book {
    /// Nothing may be used before the store has said what: not even a fair part, unless it has been silent for as long as a
    /// lease.
    pub(super) fn new(owner: String, now: Instant) -> Self {
        let fellows = Fellows { counted: 0, holders: 0, until: now + LEASE.saturating_sub(MARGIN) };
        let (parts, looked_after, lasting) = (HashMap::new(), HashSet::new(), VecDeque::new());
        Self { owner, parts, looked_after, lasting, fellows, counted: 0, number: 0 }
    }

    /// Whether one more may be used.
    pub(super) fn has_room(&mut self, name: &Arc<str>, measure: Measure, now: Instant) -> bool {
        self.sweep(now);
        let fellows = self.fellows;
        match self.parts.get_mut(name) {
            Some(part) => {
                part.allow(measure.most);
                part.has_room(fellows, now)
            }
            None => Part::new(measure.most, measure.lasting, now).has_room(fellows, now),
        }
    }

    /// One is used.
    pub(super) fn enter(&mut self, name: &Arc<str>, measure: Measure, now: Instant) {
        self.part(name, measure, now).inside += 1;
        if measure.lasting {
            self.lasting.push_back((now + MINUTE, Arc::clone(name)));
        }
    }

    /// One is used no more. `true` where others wait for it.
    pub(super) fn leave(&mut self, name: &Arc<str>) -> bool {
        let Some(part) = self.parts.get_mut(name) else { return false };
        let wanted = part.wanted > 0;
        part.leave();
        if part.waiting > 0 {
            part.changed.notify_waiters();
        }
        self.tidy(name);
        wanted
    }

    /// Somebody waits for one.
    pub(super) fn wait(&mut self, name: &Arc<str>, measure: Measure, now: Instant) -> Arc<Notify> {
        let part = self.part(name, measure, now);
        part.waiting += 1;
        let changed = Arc::clone(&part.changed);
        self.tidy(name);
        changed
    }

    /// He does not any more.
    pub(super) fn wait_no_more(&mut self, name: &Arc<str>) {
        if let Some(part) = self.parts.get_mut(name) {
            part.waiting = part.waiting.saturating_sub(1);
            self.tidy(name);
        }
    }

    /// How often the store has said what there is of a limit that somebody waits for.
    pub(super) fn answers(&self, name: &str) -> u64 {
        self.parts.get(name).map_or(0, |part| part.answers)
    }

    /// How many units others wait for, and how to hear of it; of a limit that is in use.
    pub(super) fn wanted(&self, name: &str) -> Option<(u32, &Arc<Notify>)> {
        self.parts.get(name).map(|part| (part.wanted, &part.changed))
    }

    /// Whoever waits looks once more whether there is room.
    pub(super) fn look_again(&mut self, now: Instant) {
        self.sweep(now);
        for part in self.looked_after.iter().filter_map(|name| self.parts.get(name)) {
            part.changed.notify_waiters();
        }
    }

    /// Whether others may hope for what is used up by now.
    pub(super) fn sweep(&mut self, now: Instant) -> bool {
        let mut wanted = false;
        while self.lasting.front().is_some_and(|(until, _)| *until <= now) {
            if let Some((_, name)) = self.lasting.pop_front() {
                wanted |= self.leave(&name);
            }
        }
        wanted
    }

    /// What to ask the store.
    pub(super) fn asks(&mut self, now: Instant) -> Vec<Ask> {
        self.sweep(now);
        let fellows = self.fellows;
        let due = |name: &&Arc<str>| self.parts.get(*name).is_some_and(|part| part.is_due(fellows, now));
        let mut due: Vec<_> = self.looked_after.iter().filter(due).cloned().collect();
        // Before those that were denied and ask again: of so many the last might never come to their turn.
        due.sort_by_key(|name| self.parts.get(name).is_some_and(Part::is_sure));
        let ask = |name: &Arc<str>| self.parts.get_mut(name).map(|part| part.ask(name, fellows, now));
        due.iter().filter_map(ask).collect()
    }

    /// What has been sent within the last minute goes on counting by rows, and the rest is left to the others: from now on
    /// nothing more is used here.
    pub(super) fn last_asks(&mut self, now: Instant) -> Vec<Ask> {
        self.sweep(now);
        self.fellows = Fellows { counted: 0, until: now + MINUTE, ..self.fellows };
        let fellows = self.fellows;
        let lasting = self.parts.iter_mut().filter(|(_, part)| part.lasting && (part.inside > 0 || part.leased() > 0));
        lasting.map(|(name, part)| part.last_ask(name, fellows, now)).collect()
    }

    /// The answers.
    pub(super) fn given(&mut self, all: &[Given], now: Instant) {
        let fellows = self.fellows;
        for given in all {
            if let Some(part) = self.parts.get_mut(&given.name) {
                part.given(given, fellows, now);
            }
            self.tidy(&given.name);
        }
    }

    /// There was no answer.
    pub(super) fn failed(&mut self, asks: &[Ask]) {
        for Ask { name, .. } in asks {
            if let Some(part) = self.parts.get_mut(name) {
                part.failed();
            }
        }
    }

    /// What others wait for, all of it.
    pub(super) fn heard(&mut self, wants: &[Want], now: Instant) {
        let fellows = self.fellows;
        let names: HashSet<&str> = wants.iter().map(|want| want.name.as_str()).collect();
        for name in &self.looked_after {
            if let Some(part) = self.parts.get_mut(name).filter(|_| !names.contains(&**name)) {
                part.heard(0, fellows);
            }
        }
        for want in wants {
            let name: Arc<str> = want.name.as_str().into();
            // Others may not have heard of a new limit yet, or not any more of an old one: who uses it here knows best.
            let own = self.parts.get(&name).filter(|part| part.inside > 0 || part.waiting > 0).map(Part::most);
            let measure = Measure { most: own.unwrap_or(want.most), lasting: want.lasting };
            self.part(&name, measure, now).heard(want.units, fellows);
            self.tidy(&name);
        }
    }

    /// The sign of life that is due; whoever `leaves` has nothing in use.
    pub(super) fn beat(&mut self, buries: bool, leaves: bool) -> Beat {
        let bowed = || self.looked_after.iter().filter_map(|name| self.parts.get(name));
        let has_row = |part: &Part| !part.lasting || part.inside == 0 || part.is_in_store();
        // Before the first beat nobody has a part that he could not divide further.
        let could = match self.counted {
            _ if leaves && self.parts.values().all(has_row) => u32::MAX,
            0 => u32::MAX,
            _ if bowed().all(|part| part.has_bowed(self.fellows)) => self.fellows.counted,
            counted => counted,
        };
        let lease = if leaves { Duration::ZERO } else { LEASE };
        let number = self.next_number();
        Beat { owner: self.owner.clone(), number, lease, believes: self.counted, could, buries, leaves }
    }

    /// The last one; none while sessions go on.
    pub(super) fn last_beat(&mut self) -> Option<Beat> {
        let is_over = self.parts.values().all(|part| part.lasting || part.inside == 0);
        is_over.then(|| self.beat(false, true))
    }

    /// What makes a question one that comes after all before it.
    pub(super) const fn next_number(&mut self) -> i64 {
        self.number += 1;
        self.number
    }

    /// Its answer; it was sent at `sent`.
    pub(super) fn beaten(&mut self, standing: &Standing, sent: Instant) {
        let Standing { holders, counted, lapsed, rows } = standing;
        let grown = *counted > 0 && holders > counted;
        let divided = if grown { *holders } else { *counted };
        self.counted = *counted;
        self.fellows = Fellows { counted: divided, holders: *holders, until: sent + LEASE.saturating_sub(MARGIN) };
        if *lapsed {
            self.parts.values_mut().for_each(|part| part.told(None));
        }
        for Held { name, most, lasting, units } in rows.iter().flatten() {
            let name: Arc<str> = name.as_str().into();
            self.part(&name, Measure { most: *most, lasting: *lasting }, sent).told(Some(*units));
            self.looked_after.insert(name);
        }
        // Not only when parts are smaller now: a lease may have ended before the answer, and more was used then.
        self.bow();
        for part in self.looked_after.iter().filter_map(|name| self.parts.get(name)) {
            part.changed.notify_waiters();
        }
        if *lapsed {
            self.tidy_all();
        }
    }

    fn tidy_all(&mut self) {
        let names: Vec<_> = self.parts.keys().cloned().collect();
        for name in &names {
            self.tidy(name);
        }
    }

    fn bow(&mut self) {
        let fellows = self.fellows;
        for (name, part) in &mut self.parts {
            part.bow(fellows);
            if part.is_looked_after() {
                self.looked_after.insert(Arc::clone(name));
            }
        }
    }

    /// Whether somebody here waits for the store's word.
    pub(super) fn is_waited_for(&self) -> bool {
        self.looked_after.iter().filter_map(|name| self.parts.get(name)).any(|part| part.waiting > 0)
    }

    pub(super) const fn holders(&self) -> u32 {
        self.fellows.holders
    }

    /// Whether a beat would make way for a newcomer.
    pub(super) const fn is_bowing(&self) -> bool {
        self.fellows.counted != self.counted || self.counted < self.fellows.holders
    }

    pub(super) fn figures(&self, now: Instant) -> Figures {
        let is_alone = self.fellows.until <= now;
        let mut figures = Figures { holders: u64::from(self.fellows.holders), is_alone, ..Figures::default() };
        for name in &self.looked_after {
            let (Some(limit), Some(part)) = (Limit::read(name), self.parts.get(name)) else { continue };
            let leases = &mut figures.leases[limit as usize];
            leases.limits += u64::from(part.leased() > 0);
            leases.units += u64::from(part.leased());
            leases.waiting += u64::from(part.waiting);
        }
        figures
    }

    fn part(&mut self, name: &Arc<str>, measure: Measure, now: Instant) -> &mut Part {
        let part = match self.parts.entry(Arc::clone(name)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Part::new(measure.most, measure.lasting, now)),
        };
        part.allow(measure.most);
        part
    }

    fn tidy(&mut self, name: &Arc<str>) {
        let Some(part) = self.parts.get(name) else { return };
        if part.is_looked_after() {
            self.looked_after.insert(Arc::clone(name));
        } else {
            self.looked_after.remove(name);
            if part.is_forgotten() {
                self.parts.remove(name);
            }
        }
    }

    #[cfg(test)]
    pub(super) const fn lease_ends(&self) -> Instant {
        self.fellows.until
    }

    #[cfg(test)]
    pub(super) fn knows(&self, name: &str) -> bool {
        self.parts.contains_key(name)
    }

    #[cfg(test)]
    pub(super) fn inside(&self, name: &str) -> u32 {
        self.parts.get(name).map_or(0, |part| part.inside)
    }
}
