use std::time::Duration;

use tokio::time::Instant;

use super::gate::{MailboxGate, Missed, Pass, Permit};
use crate::explain::{self, Throttle};
use crate::net::Link;
use crate::proto::smtp::Reply;
use crate::proto::{ClientText, Input, Output};

/// A session's place at its mailbox's gate, and the place of the message that is under way in it.
#[derive(Debug)]
pub struct Admission {
    session: Permit,
    message: Option<Permit>,
    /// When there last was a message.
    active: Instant,
}

/// A reply by which the provider slows the mailbox down.
pub(super) struct Slowed {
    /// How long nothing new is tried, if that is new.
    pub(super) pause: Option<Duration>,
    /// What the client is told instead of the reply.
    pub(super) instead: Option<Output>,
}

impl Admission {
    /// For a session that is logged in upstream.
    #[must_use]
    pub fn new(session: Permit) -> Self {
        Self { session, message: None, active: Instant::now() }
    }

    /// A message's turn, if it has come.
    pub(super) fn admit_now(&mut self) -> bool {
        self.over();
        self.message = self.session.mailbox().enter_now(Pass::Message);
        self.message.is_some()
    }

    /// A message's turn, awaited for as long as the client is there.
    pub(super) async fn admit(&mut self, client: &mut Link, ahead: &mut Input) -> Result<(), Missed> {
        self.over();
        let message = self.session.mailbox().enter_for(Pass::Message, client, ahead).await?;
        self.message = Some(message);
        Ok(())
    }

    /// The provider took the message.
    pub(super) fn accepted(&mut self) {
        if let Some(message) = &mut self.message {
            message.succeeded();
        }
        self.over();
    }

    /// No message is under way.
    pub(super) fn over(&mut self) {
        if self.message.take().is_some() {
            self.active = Instant::now();
        }
    }

    /// Whose it is.
    pub(super) const fn mailbox(&self) -> &MailboxGate {
        self.session.mailbox()
    }

    /// Its place, of a session between two messages.
    pub(super) fn into_place(self) -> Permit {
        self.session
    }

    /// Another session's place instead of the one that was given up; what is known of the message is kept.
    pub(super) fn moves_to(&mut self, session: Permit) {
        self.session = session;
    }

    /// The connection to the provider is gone, and the next one may come. What is known of the message is kept.
    pub(super) fn leave(&mut self) {
        self.session.release();
    }

    /// The provider said no. `None` where that is about this message alone.
    pub(super) fn refused(&mut self, reply: &Reply) -> Option<Slowed> {
        let throttle = explain::throttle(&reply.text())?;
        let pause = match &mut self.message {
            Some(message) => message.throttled(throttle),
            None => self.session.mailbox().throttled(Pass::Message, throttle),
        };
        Some(Slowed { pause, instead: instead(reply, throttle) })
    }

    /// Until someone waits for the place of this session, which has had no message for a while.
    pub(super) async fn wanted(&mut self) {
        self.session.wanted(self.active).await;
    }
}

/// The one reply that is not handed back as it is: a permanent code for a limit that is over tomorrow would be the end of
/// the message.
fn instead(reply: &Reply, throttle: Throttle) -> Option<Output> {
    if reply.code() < 500 || throttle.pause != explain::Pause::Daily {
        return None;
    }
    let cause =
        explain::mail_refusal(&reply.text()).map_or("the mailbox has sent all that it may today", |known| known.cause);
    let text = ClientText::new(&format!("{cause}; the message was not accepted, try again later"));
    Some(format!("451 4.3.2 {text}\r\n").into())
}
