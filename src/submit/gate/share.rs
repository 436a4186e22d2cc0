use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::sync::Notify;

use super::Pass;
use super::lane::Rules;
use crate::model::Protocol;
use crate::share::{Limit, Measure, Shares, Wanting};

/// What this replica has of a mailbox's limits.
#[derive(Debug)]
pub(super) struct Parts {
    shares: Arc<Shares>,
    smtp: Arc<str>,
    imap: Arc<str>,
    messages: Arc<str>,
}

impl Parts {
    pub(super) fn new(shares: &Arc<Shares>, provider: &str, user: &str) -> Arc<Self> {
        let of = |limit: Limit| limit.of(format_args!("{provider}/{user}"));
        let (smtp, imap, messages) = (of(Limit::SmtpSessions), of(Limit::ImapSessions), of(Limit::Messages));
        Arc::new(Self { shares: Arc::clone(shares), smtp, imap, messages })
    }

    /// The same rules, closed where the part is used up.
    pub(super) fn narrow(&self, pass: Pass, rules: Rules) -> Rules {
        let Some((name, measure)) = self.measure(pass, rules) else { return rules };
        let (has_room, wanted) = self.shares.look(name, measure);
        Rules { closed: !has_room, wanted, ..rules }
    }

    /// One has gone. `true` where it is to be given back.
    pub(super) fn enter(&self, pass: Pass, rules: Rules) -> bool {
        let Some((name, measure)) = self.measure(pass, rules) else { return false };
        self.shares.enter(name, measure);
        !measure.lasting
    }

    /// What was counted is used no more. A message counts for a minute, and is then forgotten by itself.
    pub(super) fn leave(&self, pass: Pass) {
        if let Some(name) = self.name(pass) {
            self.shares.leave(name);
        }
    }

    pub(super) fn want(&self, pass: Pass, rules: Rules) -> Option<Wanting> {
        let (name, measure) = self.measure(pass, rules)?;
        Some(self.shares.want(name, measure))
    }

    pub(super) fn changed(&self, pass: Pass) -> Option<Arc<Notify>> {
        self.shares.changed(self.name(pass)?)
    }

    fn measure(&self, pass: Pass, rules: Rules) -> Option<(&Arc<str>, Measure)> {
        let lasting = pass == Pass::Message;
        let most = if lasting { rules.per_minute } else { rules.at_once };
        Some((self.name(pass)?, Measure { most: most.map(NonZeroU32::get)?, lasting }))
    }

    const fn name(&self, pass: Pass) -> Option<&Arc<str>> {
        match pass {
            Pass::Session(Protocol::Smtp) => Some(&self.smtp),
            Pass::Session(Protocol::Imap) => Some(&self.imap),
            Pass::Session(Protocol::Pop3) => None,
            Pass::Message => Some(&self.messages),
        }
    }
}
