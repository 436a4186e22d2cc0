//! The sender policy in a conversation: at MAIL, and what the log says of it.

use tracing::warn;

use super::converse::Submission;
use crate::model::SenderPolicy;
use crate::proto::smtp::Command;
use crate::proto::smtp::header::{MailFrom, Policy, Refusal, Signature, mail_from};
use crate::proto::{ClientText, Output};

/// The policy of an account, as the protocol applies it.
#[must_use]
pub fn policy<'a>(account: &'a str, sender: &'a SenderPolicy) -> Policy<'a> {
    match sender {
        SenderPolicy::Keep => Policy::Keep,
        SenderPolicy::Require { addresses } => Policy::Require { who: account, addresses },
        SenderPolicy::Rewrite { address, reply_to } => Policy::Rewrite { address, reply_to: *reply_to },
    }
}

/// What the operator can do about a message that a policy refused.
const REMEDY: &str = "let the program send as an allowed address, or change `sender` of the account";

impl Submission<'_> {
    /// The line that goes upstream, or what its client hears instead.
    pub(super) fn judged(&self, line: Output, command: &Command) -> Result<Output, Output> {
        let Command::Mail { from } = command else { return Ok(line) };
        match mail_from(self.sender, line.as_bytes()) {
            MailFrom::AsReceived => Ok(line),
            MailFrom::Replaced(other) => Ok(other.into()),
            MailFrom::Refused(refusal) => {
                self.refused_sender("mail", from, &refusal);
                Err(refusal.reply())
            }
        }
    }

    pub(super) fn refused_sender(&self, stage: &str, from: &ClientText, refusal: &Refusal) {
        let (reply, remedy) = (refusal.to_string(), REMEDY);
        let peer = self.peer();
        warn!(session = self.session, account = self.account, peer, stage, %from, reply, remedy, "message.refused");
    }
}

/// What the log says of a signature: whether there is one, and whether it was broken.
pub(super) const fn signature(found: Signature) -> (Option<bool>, Option<&'static str>) {
    match found {
        Signature::None => (None, None),
        Signature::Kept => (Some(true), None),
        Signature::Broken => (Some(true), Some("its From was rewritten, so its DKIM signature no longer holds")),
    }
}
