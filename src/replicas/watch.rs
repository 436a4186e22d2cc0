//! What is to be told of the others: each once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::Facts;
use crate::store::{BEAT, Replica};

/// What was seen of the others before.
#[derive(Debug)]
pub(super) struct Watch {
    own: String,
    /// None: nothing was seen yet.
    known: Option<BTreeMap<String, Known>>,
    twin: Option<String>,
}

#[derive(Clone, Debug)]
struct Known {
    name: String,
    live: bool,
    /// It was not heard when it should have been.
    late: bool,
    differs: Option<Differs>,
}

/// Another one is not as this one is.
#[derive(Clone, Debug)]
struct Differs {
    how: String,
    since: Instant,
    told: bool,
}

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Joined { name: String, version: String },
    Left { name: String },
    Silent { name: String, seconds: u64 },
    Back { name: String },
    Twin { name: String, instance: String },
    Differs { how: String },
}

/// Others are restarted and reloaded one after the other: what differs for less than this is no news.
const SETTLED: Duration = Duration::from_mins(1);
/// Whoever says goodbye was heard within this time.
const LATE: Duration = BEAT.saturating_mul(2);
/// So many others are compared; of hundreds that differ, the first few tell enough.
const MOST_COMPARED: usize = 10;

impl Watch {
    pub(super) fn new(own: &str) -> Self {
        Self { own: own.to_owned(), known: None, twin: None }
    }

    /// What is new in this look.
    pub(super) fn see(&mut self, own: &Facts, all: &[Replica], now: Instant) -> Vec<Told> {
        let first = self.known.is_none();
        let before = self.known.take().unwrap_or_default();
        let (mut told, mut known) = (Vec::new(), BTreeMap::new());
        let me = all.iter().find(|replica| replica.beat.instance == self.own);
        for other in all.iter().filter(|replica| replica.beat.instance != self.own) {
            let was = before.get(&other.beat.instance);
            if !first {
                told.extend(presence(was, other));
            }
            let comparable = other.is_live() && known.len() < MOST_COMPARED;
            let how = me.filter(|_| comparable).and_then(|me| difference(own, me, other));
            let mut differs = how.map(|how| kept(was.and_then(|was| was.differs.as_ref()), how, now));
            if let Some(differs) = differs.as_mut().filter(|one| !one.told && now - one.since >= SETTLED) {
                differs.told = true;
                told.push(Told::Differs { how: differs.how.clone() });
            }
            let (name, live, late) = (other.beat.name.clone(), other.is_live(), other.silent >= LATE);
            known.insert(other.beat.instance.clone(), Known { name, live, late, differs });
        }
        told.extend(left(&before, &known, me));
        told.extend(self.twin(me, all));
        self.known = Some(known);
        told
    }

    /// Somebody else calls himself so, and not only until this one began: that one was its predecessor.
    fn twin(&mut self, me: Option<&Replica>, all: &[Replica]) -> Option<Told> {
        let me = me?;
        let same = |other: &&Replica| other.beat.name == me.beat.name && other.beat.instance != me.beat.instance;
        let beaten_since = |other: &&Replica| other.is_live() && other.silent < me.age;
        let twin = all.iter().filter(same).find(beaten_since).map(|other| other.beat.instance.clone());
        let news = twin.is_some() && self.twin.is_none();
        self.twin.clone_from(&twin);
        twin.filter(|_| news).map(|instance| Told::Twin { name: me.beat.name.clone(), instance })
    }
}

fn presence(was: Option<&Known>, other: &Replica) -> Option<Told> {
    let (name, version) = (other.beat.name.clone(), other.beat.version.clone());
    match (was.map(|was| was.live), other.is_live()) {
        (None, true) => Some(Told::Joined { name, version }),
        (Some(true), false) => Some(Told::Silent { name, seconds: other.silent.as_secs() }),
        (Some(false), true) => Some(Told::Back { name }),
        _ => None,
    }
}

/// One that was silent before is forgotten, or has come back as another one: that was told. So was the successor of one that had
/// died.
fn left(before: &BTreeMap<String, Known>, now: &BTreeMap<String, Known>, me: Option<&Replica>) -> Vec<Told> {
    let names = now.values().filter(|one| one.live).map(|one| &one.name);
    let names: BTreeSet<_> = names.chain(me.map(|me| &me.beat.name)).collect();
    let gone = before.iter().filter(|(instance, was)| was.live && !now.contains_key(*instance));
    gone.filter(|(_, was)| !(was.late && names.contains(&was.name)))
        .map(|(_, was)| Told::Left { name: was.name.clone() })
        .collect()
}

fn kept(before: Option<&Differs>, how: String, now: Instant) -> Differs {
    let same = before.filter(|before| before.how == how).cloned();
    same.unwrap_or(Differs { how, since: now, told: false })
}

fn difference(own: &Facts, me: &Replica, other: &Replica) -> Option<String> {
    let (name, theirs, ours) = (&other.beat.name, &other.beat.version, &me.beat.version);
    if theirs != ours {
        return Some(format!("replica {name} is of version {theirs}, this one of {ours}; give all the same version"));
    }
    let parts = own.differences(&Facts::read(&other.beat.facts));
    let parts: Vec<_> = parts.iter().map(|part| format!("[{part}]")).collect();
    let advice = "give all the same, and reload those that have the old one";
    let differ = || format!("replica {name} has another configuration than this one: {}; {advice}", parts.join(", "));
    (!parts.is_empty()).then(differ)
}

impl Told {
    pub(super) fn tell(&self) {
        match self {
            Self::Joined { name, version } => info!(other = name, version, "replica.joined"),
            Self::Left { name } => info!(other = name, "replica.left"),
            Self::Silent { name, seconds } => {
                let remedy = "it is dead, or cannot reach the store; its sessions are its own, the others serve on";
                warn!(other = name, seconds, remedy, "replica.silent");
            }
            Self::Back { name } => info!(other = name, "replica.back"),
            Self::Twin { name, instance } => {
                let remedy = "give each replica its own [service] replica";
                warn!(other = name, instance, remedy, "replica.name_taken");
            }
            Self::Differs { how } => warn!(warning = how, "config.warning"),
        }
    }
}

#[cfg(test)]
mod tests;
