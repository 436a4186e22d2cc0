//! Why an account does not work: DNS, TCP, TLS, token, SASL and one harmless command, for each of its protocols.
//!
//! A chain stops at its first failure, which has a cause and a next step. What was found out once (a host, a server, a
//! token) is not asked again: later chains tell it as known. No mailbox is changed, nothing is sent unless a test message is
//! asked for, and nothing secret is told. It works beside a running service, by the same leases.

mod advice;
mod chain;
mod claims;
mod command;
mod login;
mod message;
mod refusal;
mod rounds;
mod server;
mod session;
mod step;
#[cfg(test)]
mod tests;
mod token;

pub use message::{NoAddress, Recipient, sender};
pub use rounds::{Crowded, End, Publish, Rounds, Seen, Work};
pub use step::{Advice, Outcome, Stage, Step};

use std::fmt;
use std::sync::Arc;

use self::chain::Chains;
use serde::{Deserialize, Serialize};

use crate::model::{Account, Token};
use crate::token::Tokens;
use crate::upstream::Reach;

/// Finds how a token's provider is reached.
pub type FindReach = Arc<dyn Fn(&Token) -> Option<Reach> + Send + Sync>;

/// Who examines.
#[derive(Clone)]
pub struct Doctor {
    /// Gives tokens.
    pub tokens: Tokens,
    /// The way to each provider; none for one that is not declared any more.
    pub reach: FindReach,
}

/// What an examination came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Verdict {
    /// Protocols of accounts that were tried.
    pub chains: usize,
    /// How many of them failed.
    pub failed: usize,
    /// Warnings.
    pub warnings: usize,
}

impl Doctor {
    /// Examines all that are in use, one after another. Each step is told as soon as it is over.
    pub async fn examine(&self, accounts: &[Account], tell: impl FnMut(Step) + Send) -> Verdict {
        let mut chains = Chains::new(self, tell);
        for account in accounts {
            if account.disabled {
                chains.disabled(account);
            } else {
                chains.account(account).await;
            }
        }
        chains.verdict
    }

    /// Examines one, also while it is disabled.
    pub async fn examine_one(&self, account: &Account, tell: impl FnMut(Step) + Send) -> Verdict {
        let mut chains = Chains::new(self, tell);
        if account.disabled {
            chains.disabled(account);
        }
        chains.account(account).await;
        chains.verdict
    }
}

impl Doctor {
    /// Sends one test message by an account, as its sender policy has it, also while the account is disabled.
    pub async fn send(&self, account: &Account, to: &Recipient, tell: impl FnMut(Step) + Send) -> Verdict {
        let mut chains = Chains::new(self, tell);
        if account.disabled {
            chains.disabled(account);
        }
        chains.message(account, to).await;
        chains.verdict
    }
}

impl fmt::Debug for Doctor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doctor").field("tokens", &self.tokens).finish_non_exhaustive()
    }
}
