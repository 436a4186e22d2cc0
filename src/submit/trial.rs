//! A session that another program has left behind may have died since. It is on trial until its server has answered once:
//! until then nothing that was said to it can have had an effect, so that it can be said again to another.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::converse::{Ended, Submission};
use super::kept::{Leg, Way};
use super::legs::UpstreamLost;
use crate::explain;
use crate::net::Link;
use crate::proto::Input;
use crate::proto::smtp::Reply;

/// What was said to a server that has not answered yet.
#[derive(Debug, Default)]
pub struct Trial {
    said: Vec<u8>,
}

impl Trial {
    /// Of a session that another program has left behind.
    #[must_use]
    pub fn of(way: Way) -> Option<Self> {
        way.is_reused().then(Self::default)
    }
}

/// Makes another session at the upstream, as a login does, for as long as the client is there. Fails with the reason, for the
/// log.
pub trait LogIn: Send + Sync {
    /// Through the mailbox's gate, within the time of a login.
    fn log_in<'s>(&'s self, client: &'s mut Link, ahead: &'s mut Input) -> LoggingIn<'s>;
}

/// See [`LogIn`].
pub type LoggingIn<'s> = Pin<Box<dyn Future<Output = Result<Leg, String>> + Send + 's>>;

/// Who can make another session.
#[derive(Clone, Copy)]
pub struct Anew<'a> {
    /// How.
    pub way: &'a dyn LogIn,
    /// Whether the session that wants it has been ended meanwhile.
    pub stop: &'a CancellationToken,
}

impl fmt::Debug for Anew<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Anew")
    }
}

impl Submission<'_> {
    /// Sends the group upstream, to another where this one is found dead.
    pub(super) async fn send_group(&mut self) -> Result<(), Ended> {
        if let Some(trial) = &mut self.trial {
            trial.said.extend_from_slice(self.legs.group());
        }
        match self.legs.send_group().await {
            Ok(()) => Ok(()),
            Err(lost) => self.lost_or_replaced(lost).await,
        }
    }

    /// How long the upstream may take for the next reply.
    pub(super) fn reply_wait(&self) -> Duration {
        let Self { settings, trial, .. } = self;
        if trial.is_some() { settings.reply.min(settings.first_reply) } else { settings.reply }
    }

    /// Whether it is only an old session that is refused, and a new one may do.
    pub(super) fn is_of_the_past(&self, reply: &Reply) -> bool {
        if self.trial.is_none() || reply.code() < 400 {
            return false;
        }
        let text = reply.text();
        let past = matches!(reply.code(), 421 | 503 | 530 | 535)
            || explain::after_login(&text) == Some(explain::Kind::Identity);
        past && explain::throttle(&text).is_none()
    }

    /// A session on trial is replaced by another, once, and hears what was said to this one. All others are lost.
    pub(super) async fn lost_or_replaced(&mut self, lost: UpstreamLost) -> Result<(), Ended> {
        let Some(trial) = self.trial.take() else { return Err(self.lost(lost).await) };
        match Box::pin(self.replace(&lost)).await {
            Ok(()) => {
                self.legs.queue(&trial.said);
                let sent = self.legs.send_group().await;
                if let Err(lost) = sent { Err(self.lost(lost).await) } else { Ok(()) }
            }
            Err(why) => Err(self.lost(UpstreamLost(format!("{lost}; another session: {why}"))).await),
        }
    }

    async fn replace(&mut self, lost: &UpstreamLost) -> Result<(), String> {
        debug!(session = self.session, account = self.account, error = %lost, "upstream.replaced");
        self.legs.abandon();
        self.legs.hang_up(&mut self.admission).await;
        let legs = &mut self.legs;
        let Anew { way, stop } = self.anew;
        let logging_in = way.log_in(&mut legs.client, &mut legs.from_client);
        let leg = stop.run_until_cancelled(logging_in).await.ok_or("the session was ended")??;
        if stop.is_cancelled() {
            leg.hang_up().await;
            return Err("the session was ended".into());
        }
        if !self.conversation.fits(&leg.extensions) {
            leg.hang_up().await;
            return Err("the server offers less than it did".into());
        }
        let Leg { link, ahead, origin, permit, .. } = leg;
        self.legs.moves_to(link, ahead);
        self.admission.moves_to(permit);
        self.origin = origin;
        Ok(())
    }
}
