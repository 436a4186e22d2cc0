use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Pass;
use super::lane::{Answer, Entered, Hindrance, Lane, Rules};
use super::queue::Queue;
use crate::model::{MailboxLimits, Protocol};

/// A mailbox that somebody uses or waits for, or that is to be left in peace.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    lines: [Line; 4],
}

/// A lane and who waits before it.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) lane: Lane,
    pub(super) queue: Queue,
    /// Who is through and idle gives its place up.
    pub(super) yielding: usize,
    /// Called when someone waits for a place.
    pub(super) wanted: Arc<Notify>,
}

impl Mailbox {
    pub(super) const fn line(&mut self, pass: Pass) -> &mut Line {
        &mut self.lines[match pass {
            Pass::Session(Protocol::Smtp) => 0,
            Pass::Session(Protocol::Imap) => 1,
            Pass::Session(Protocol::Pop3) => 2,
            Pass::Message => 3,
        }]
    }

    /// Its lines, sessions first in the order of [`Protocol`], then messages.
    pub(super) const fn lines(&self) -> &[Line; 4] {
        &self.lines
    }

    /// Whether nothing would be lost with it.
    pub(super) fn is_forgotten(&self, now: Instant) -> bool {
        self.lines.iter().all(|line| line.queue.is_empty() && line.lane.is_forgotten(now))
    }
}

impl Line {
    /// One goes, if it may and nobody was here before it.
    pub(super) fn enter(&mut self, rules: Rules, now: Instant) -> Option<Entered> {
        let may = self.queue.is_empty() && self.lane.ask(rules, 0, now) == Answer::Go;
        may.then(|| self.lane.enter(rules, now))
    }

    /// Whether someone waits for the place of one that is through, here or at another replica, and nobody has given up its
    /// own yet.
    pub(super) fn wants_a_place(&self, rules: Rules, now: Instant) -> bool {
        let elsewhere = usize::try_from(rules.wanted).unwrap_or(usize::MAX);
        let is_full =
            || matches!(self.lane.ask(rules, 0, now), Answer::Later(Hindrance::Sessions | Hindrance::Share, _));
        elsewhere > self.yielding || (self.queue.len() > self.yielding && is_full())
    }
}

impl Pass {
    /// The session that it is, or that it is in.
    pub(super) const fn session(self) -> Self {
        match self {
            Self::Session(_) => self,
            Self::Message => Self::Session(Protocol::Smtp),
        }
    }

    /// What the provider allows here.
    pub(super) fn rules(self, limits: MailboxLimits) -> Rules {
        match self {
            Self::Session(Protocol::Smtp) => Rules { at_once: limits.smtp_sessions, ..Rules::default() },
            Self::Session(Protocol::Imap) => Rules { at_once: limits.imap_sessions, ..Rules::default() },
            Self::Session(Protocol::Pop3) => Rules::default(),
            Self::Message => Rules { per_minute: limits.messages_per_minute, ..Rules::default() },
        }
    }
}
