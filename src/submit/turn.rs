//! A message's turn at its mailbox.

use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::converse::{Ended, Submission};
use super::gate::{Full, Missed};
use super::guest::{Guest, TOO_FAST};
use crate::proto::smtp::{Command, Reply};
use crate::proto::{ClientText, Output};

const STOPPING: &str = "451 4.3.2 Service is stopping; try again later\r\n";

impl Submission<'_> {
    /// Every MAIL passes here before it goes upstream. What its client hears instead, where it may not.
    pub(super) async fn admit(&mut self, _mail: &Command, stop: &CancellationToken) -> Result<Option<Output>, Ended> {
        if stop.is_cancelled() {
            return Ok(Some(STOPPING.into()));
        }
        if let Some(refusal) = self.hasty() {
            return Ok(Some(refusal));
        }
        if self.admission.admit_now() {
            return Ok(None);
        }
        // The rest of the group need not wait with it.
        self.settle().await?;
        self.flush().await?;
        let (client, ahead) = (&mut self.legs.client, &mut self.legs.from_client);
        let admitted = tokio::select! {
            admitted = self.admission.admit(client, ahead) => admitted,
            () = stop.cancelled() => return Ok(Some(STOPPING.into())),
        };
        match admitted {
            Ok(()) => Ok(None),
            Err(Missed::Full(full)) => Ok(Some(self.missed(&full))),
            Err(gone @ Missed::Gone) => Err(Ended::Client(gone.to_string())),
        }
    }

    /// What a client without a login hears that sends more than it may; others have their mailbox's limits.
    fn hasty(&self) -> Option<Output> {
        let guest = self.guest.filter(Guest::is_too_fast)?;
        let (limit, peer) = ("anonymous.messages_per_minute", guest.peer);
        warn!(session = self.session, account = self.account, limit, %peer, "limit.reached");
        Some(format!("451 4.7.1 {TOO_FAST}\r\n").into())
    }

    fn missed(&self, full: &Full) -> Output {
        let (limit, mailbox) = (full.limit(), self.identity.1);
        warn!(session = self.session, account = self.account, mailbox, limit, error = %full, "limit.reached");
        let text = ClientText::new(&full.for_client());
        format!("451 4.3.2 {text}\r\n").into()
    }

    /// Lets the mailbox rest if the provider's reply asks for it. What the client hears instead of it, if anything.
    pub(super) fn slowed(&mut self, reply: &Reply) -> Option<Output> {
        if reply.code() < 400 {
            return None;
        }
        let slowed = self.admission.refused(reply)?;
        self.kept.leave_in_peace(self.admission.mailbox());
        if let Some(pause) = slowed.pause {
            let (mailbox, reply, seconds) = (self.identity.1, reply.text(), pause.as_secs());
            warn!(session = self.session, account = self.account, mailbox, seconds, reply, "upstream.throttled");
        }
        slowed.instead
    }

    /// The upstream ends the session on its own, and may say why.
    pub(super) fn overheard(&mut self, chunk: &[u8]) {
        self.legs.from_upstream.push(chunk);
        if let Ok(Some(reply)) = self.legs.next_reply() {
            drop(self.slowed(&reply));
        }
    }
}
