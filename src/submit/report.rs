//! What the log says of messages.

use std::net::IpAddr;
use std::time::Instant;

use tracing::field::{DisplayValue, display};
use tracing::{info, warn};

use super::converse::Submission;
use super::sender;
use crate::explain;
use crate::proto::smtp::header::Signature;
use crate::proto::smtp::{Command, Envelope, Reply, queue_id};
use crate::proto::{ClientText, Output};

impl Submission<'_> {
    pub(super) fn accepted(
        &self,
        envelope: &Envelope,
        (size, signature): (u64, Signature),
        reply: &Reply,
        asked: Instant,
    ) {
        let ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        let Envelope { from, recipients } = envelope;
        let reply = reply.text();
        let queue_id = queue_id(&reply);
        let (dkim, warning) = sender::signature(signature);
        info!(session = self.session, account = self.account, peer = self.peer(), %from, recipients, size, queue_id, reply, ms, dkim, warning, "message.accepted");
    }

    /// Every reply of the upstream to a command passes here.
    pub(super) fn note_refusal(&self, command: &Command, reply: &Reply) {
        if reply.code() < 400 {
            return;
        }
        let Some((stage, path)) = stage(command) else { return };
        let reply = reply.text();
        self.distrust(&reply);
        let (cause, remedy) = self.meaning(&reply);
        warn!(
            session = self.session,
            account = self.account,
            peer = self.peer(),
            stage,
            path,
            reply,
            cause,
            remedy,
            "message.refused"
        );
    }

    /// A message that had its 354 was not taken. `reply` is the upstream's, or what stood against it here.
    pub(super) fn refused(&self, envelope: &Envelope, stage: &str, reply: &str) {
        let Envelope { from, recipients } = envelope;
        self.distrust(reply);
        let (cause, remedy) = self.meaning(reply);
        let queue_id = queue_id(reply);
        warn!(session = self.session, account = self.account, peer = self.peer(), stage, %from, recipients, queue_id, reply, cause, remedy, "message.refused");
    }

    /// A command that never went upstream: what it asks for is not to be had, or not for this client.
    pub(super) fn refused_here(&self, command: &Command, answer: &Output) {
        let Some((stage, path)) = stage(command) else { return };
        let reason = ClientText::new(String::from_utf8_lossy(answer.as_bytes()).trim_end());
        warn!(session = self.session, account = self.account, peer = self.peer(), stage, path, %reason, "message.refused");
    }

    /// Of a client that no account tells from others.
    pub(super) fn peer(&self) -> Option<DisplayValue<IpAddr>> {
        self.guest.map(|guest| display(guest.peer))
    }

    /// Has the next login take a fresh token where this one may be what was refused.
    fn distrust(&self, reply: &str) {
        if explain::after_login(reply) == Some(explain::Kind::Identity) {
            let (token, user) = self.identity;
            self.tokens.distrust(token, user, self.origin.since);
        }
    }

    /// Why the provider says so, and what to do, as far as it is known.
    fn meaning(&self, reply: &str) -> (Option<&'static str>, Option<String>) {
        let (token, user) = self.identity;
        let known = explain::mail_refusal(reply);
        (known.map(|known| known.cause), known.map(|known| known.remedy_at(token, user)))
    }
}

/// What a command of a message is called in the log, and the path that it names.
fn stage(command: &Command) -> Option<(&'static str, &str)> {
    match command {
        Command::Mail { from } => Some(("mail", from.as_str())),
        Command::Rcpt { to } => Some(("rcpt", to.as_str())),
        Command::Data => Some(("data", "")),
        Command::Rset | Command::Restart { .. } | Command::Noop => None,
    }
}
