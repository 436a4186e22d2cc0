use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::checks::{Check, checks, verdict};
use super::facts::{Blocked, Facts, Listening, Sources, Upstream};
use super::tally::{Tally, shared};
use super::tokens::TokenLine;
use crate::model;
use crate::replicas;
use crate::share;
use crate::submit::gate::Figures;

/// How everything is at a moment.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Picture {
    /// Whether all mail is flowing: a sentence.
    pub verdict: String,
    /// Whether all checks pass.
    pub ready: bool,
    /// What it takes to serve.
    pub checks: Vec<Check>,
    /// When this was.
    pub at: DateTime<Utc>,
    /// Of the program.
    pub version: String,
    /// The name of this one among several.
    #[serde(default)]
    pub replica: String,
    /// All that have the same store, this one too.
    #[serde(default)]
    pub replicas: Vec<replicas::Line>,
    /// The process.
    pub pid: u32,
    /// Since when the service runs.
    pub since: DateTime<Utc>,
    /// Open listening sockets.
    pub listeners: Vec<Listening>,
    /// Sessions by protocol.
    pub sessions: Vec<Sessions>,
    /// How many there may be.
    pub sessions_max: u64,
    /// Messages and other work that a stop waits for.
    pub under_way: u64,
    /// Who can log in.
    #[serde(with = "shared")]
    pub accounts: Arc<Accounts>,
    /// Every token, those in trouble first.
    #[serde(with = "shared")]
    pub tokens: Arc<Vec<TokenLine>>,
    /// Mail servers that were tried.
    pub upstreams: Vec<Upstream>,
    /// Who waits for a mailbox.
    pub gate: Vec<Queue>,
    /// Mailboxes that their provider slows down.
    pub paused: u64,
    /// What this replica holds of the limits that hold over all.
    #[serde(default)]
    pub shares: Shares,
    /// Passwords being checked.
    pub hashes: Hashes,
    /// Who is refused for a while after failed logins, those who wait longest first; the first of them.
    pub blocked: Vec<Blocked>,
    /// How many there are of each.
    pub blocked_counts: BTreeMap<String, u64>,
    /// When the certificate of the listeners ends.
    pub certificate_ends: Option<DateTime<Utc>>,
}

/// The sessions of a protocol.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Sessions {
    /// What is spoken.
    pub protocol: String,
    /// Connected and not logged in yet.
    pub before_login: u64,
    /// Logged in.
    pub logged_in: u64,
    /// Accepted since the start.
    pub opened: u64,
    /// Octets to providers since the start.
    pub to_upstream: u64,
    /// Octets to programs since the start.
    pub to_client: u64,
}

/// Who can log in.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Accounts {
    /// How many can.
    pub usable: usize,
    /// How many were switched off.
    pub disabled: usize,
    /// Who cannot, and should.
    pub in_trouble: Vec<Account>,
}

/// An account that cannot be served.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its token's name, where it has one.
    pub token: Option<String>,
    /// Why not.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// Who passes a limit of mailboxes, and who waits.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Queue {
    /// Its name.
    pub limit: String,
    /// Through and not back.
    pub inside: u64,
    /// Waiting.
    pub waiting: u64,
}

/// What a replica holds of the limits that hold over all.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Shares {
    /// Among how many replicas limits are divided.
    pub holders: u64,
    /// Whether the database could not be asked for so long that this one keeps to what it holds and to its part.
    pub alone: bool,
    /// What is leased, by what is limited.
    pub leases: Vec<Leased>,
}

/// What a replica holds by leases, of all limits of a kind.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Leased {
    /// What is limited.
    pub limit: String,
    /// Of how many mailboxes or accounts.
    pub limits: u64,
    /// Units of them.
    pub units: u64,
    /// How many wait here for a unit.
    pub waiting: u64,
}

/// Passwords being checked.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Hashes {
    /// Now.
    pub running: usize,
    /// At a time, at most.
    pub most: usize,
    /// In line.
    pub waiting: usize,
}

/// So many of those who are blocked are named: whoever guesses from everywhere is to be counted, not listed.
const MOST_BLOCKED: usize = 100;

impl Picture {
    /// `tally`: what there was to read, or why it could not be.
    pub(super) fn of(sources: &Sources, facts: Facts, tally: Result<Tally, String>, now: DateTime<Utc>) -> Self {
        let (Tally { accounts, tokens }, fault) = match tally {
            Ok(tally) => (tally, None),
            Err(fault) => (Tally::default(), Some(fault)),
        };
        let sessions = sessions(sources);
        let checks = checks(&facts, &sessions, fault.as_deref(), &accounts);
        let figures = sources.gate.figures();
        let Facts { listeners, sessions_max, hashes, certificate_ends, upstreams, blocked, .. } = facts;
        let picture = Self {
            verdict: String::new(),
            ready: checks.iter().all(|check| check.ok),
            checks,
            at: now,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            replica: sources.replicas.name().to_owned(),
            replicas: sources.replicas.lines(),
            pid: std::process::id(),
            since: sources.started,
            listeners,
            sessions,
            sessions_max,
            under_way: sources.busy.count() as u64,
            accounts,
            tokens,
            upstreams,
            gate: queues(&figures),
            paused: figures.paused,
            shares: shares(&sources.shares.as_ref().map_or(share::Figures::ALONE, |shares| shares.figures())),
            hashes: Hashes { running: hashes.running, most: hashes.most, waiting: hashes.waiting },
            blocked_counts: counts(&blocked),
            blocked: blocked.into_iter().take(MOST_BLOCKED).collect(),
            certificate_ends,
        };
        Self { verdict: verdict(&picture), ..picture }
    }
}

fn counts(blocked: &[Blocked]) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<_, _> = ["account", "address", "login"].map(|what| (what.to_owned(), 0)).into();
    for one in blocked {
        *counts.entry(one.what.clone()).or_default() += 1;
    }
    counts
}

pub(super) fn sessions(sources: &Sources) -> Vec<Sessions> {
    let activity = &sources.activity;
    let of = |(protocol, figures): (model::Protocol, crate::activity::Figures)| Sessions {
        protocol: protocol.name().to_owned(),
        before_login: activity.arrivals.waiting(protocol) as u64,
        logged_in: figures.open,
        opened: activity.arrivals.all(protocol),
        to_upstream: figures.sent,
        to_client: figures.received,
    };
    activity.roll.figures().into_iter().map(of).collect()
}

fn queues(figures: &Figures) -> Vec<Queue> {
    let places = Figures::LIMITS.iter().zip(figures.inside.iter().zip(figures.waiting));
    places.map(|(limit, (&inside, waiting))| Queue { limit: (*limit).to_owned(), inside, waiting }).collect()
}

fn shares(figures: &share::Figures) -> Shares {
    let of = |(limit, leases): (share::Limit, &share::Leases)| {
        let share::Leases { limits, units, waiting } = *leases;
        Leased { limit: limit.name().to_owned(), limits, units, waiting }
    };
    let leases = share::Limit::ALL.into_iter().zip(&figures.leases).map(of).collect();
    Shares { holders: figures.holders, alone: figures.is_alone, leases }
}
