//! The way up: a token, a session that another program has left behind, or the mailbox's turn and a login.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::failure::Unavailable;
use super::service::Service;
use crate::activity::SessionId;
use crate::clock;
use crate::explain;
use crate::metrics::{self, Took};
use crate::model::{AccessToken, Account, Protocol};
use crate::net::Link;
use crate::proto::smtp::{SmtpReady, SmtpUpstream};
use crate::proto::{Input, UpstreamLogin};
use crate::submit::gate::{MailboxGate, Pass, Permit};
use crate::submit::kept::{Key, Leg, Origin, Way};
use crate::submit::{LogIn, LoggingIn};
use crate::token::TokenError;
use crate::trace::Tracer;
use crate::upstream::{NewCore, Retry, Target, Upstream, UpstreamError};

/// For whom it goes.
#[derive(Clone, Copy)]
pub(super) struct Upward<'a> {
    pub(super) service: &'a Service,
    pub(super) id: SessionId,
    pub(super) protocol: Protocol,
    pub(super) account: &'a Account,
    pub(super) tracer: &'a Tracer,
}

/// Logged in at the provider.
pub(super) struct Risen<R> {
    pub(super) upstream: Upstream<R>,
    pub(super) permit: Permit,
    /// Of a session that others may use later.
    pub(super) origin: Option<Box<Origin>>,
}

/// What a login waits for.
enum Room {
    /// One that is logged in.
    Session(Box<Leg>),
    /// One of its own may be made.
    Place(Permit),
}

/// How a protocol comes by its sessions.
pub(super) struct Cores<U: UpstreamLogin> {
    fresh: NewCore<U>,
    /// Where one may serve several programs.
    kept: Option<fn(SmtpReady) -> U::Ready>,
    /// Not this time.
    only_new: bool,
}

/// Sessions of SMTP are used again.
pub(super) const SMTP: Cores<SmtpUpstream> =
    Cores { fresh: SmtpUpstream::new, kept: Some(std::convert::identity), only_new: false };

impl<U: UpstreamLogin> Clone for Cores<U> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<U: UpstreamLogin> Copy for Cores<U> {}

impl<U: UpstreamLogin> Cores<U> {
    /// A session for each program.
    pub(super) const fn new(fresh: NewCore<U>) -> Self {
        Self { fresh, kept: None, only_new: false }
    }
}

impl Upward<'_> {
    /// Token, a kept session or the mailbox's turn and a login, for as long as the client is there.
    pub(super) async fn rise<U: UpstreamLogin>(
        &self,
        cores: Cores<U>,
        client: &mut Link,
        ahead: &mut Input,
    ) -> Result<Risen<U::Ready>, Unavailable> {
        let Self { service, account, protocol, .. } = *self;
        if !service.tokens.knows(&account.token.name) {
            return Err(TokenError::Unknown(account.token.name.clone()).into());
        }
        let user = account.upstream_user(protocol);
        let reach = service.reach.load_full();
        let reach = reach.get(&account.token.provider.name);
        let target = reach.and_then(|reach| reach.target(&account.token, protocol, user));
        let target = target.ok_or(Unavailable::NoEndpoint)?.traced(self.tracer);
        // Whoever would hear no in the end need not wait for it.
        target.closed().map_or(Ok(()), Err).map_err(UpstreamError::from)?;
        let token = service.tokens.access_token(&account.token.name, user).await?;
        let gate = service.gate.of(&account.token.provider, user);
        let Some(ready) = cores.kept.filter(|_| !cores.only_new) else {
            let permit = self.place(&gate, client, ahead).await?;
            return self.log_in(&target, token, permit, cores).await;
        };
        let key = Key::of(&target, &account.token.name, &token);
        match self.session_or_place(&gate, key, client, ahead).await? {
            Room::Session(leg) => Ok(self.reuse(*leg, ready)),
            Room::Place(permit) => self.log_in(&target, token, permit, cores).await,
        }
    }

    /// The mailbox's turn.
    async fn place(&self, gate: &MailboxGate, client: &mut Link, ahead: &mut Input) -> Result<Permit, Unavailable> {
        tokio::select! {
            // A stop lets many go, and so makes room.
            biased;
            () = self.service.closing.cancelled() => Err(Unavailable::Stopping),
            permit = gate.enter_for(Pass::Session(self.protocol), client, ahead) => Ok(permit?),
        }
    }

    /// A session that another program of the same identity leaves behind, or the mailbox's turn: whichever comes first.
    async fn session_or_place(
        &self,
        gate: &MailboxGate,
        key: Key,
        client: &mut Link,
        ahead: &mut Input,
    ) -> Result<Room, Unavailable> {
        let service = self.service;
        if !service.closing.is_cancelled()
            && let Some(leg) = service.kept.take(gate, &key).await
        {
            return Ok(Room::Session(Box::new(leg)));
        }
        if let Some(permit) = gate.enter_now(Pass::Session(self.protocol)) {
            return Ok(Room::Place(permit));
        }
        let mut heir = service.kept.heir(gate, key);
        let permit = tokio::select! {
            biased;
            permit = self.place(gate, client, ahead) => permit?,
            leg = heir.leg() => return Ok(Room::Session(Box::new(leg))),
        };
        Ok(heir.now().map_or(Room::Place(permit), |leg| Room::Session(Box::new(leg))))
    }

    /// A session that another program of the same identity has left behind.
    fn reuse<R>(&self, leg: Leg, ready: fn(SmtpReady) -> R) -> Risen<R> {
        let Leg { link, ahead, extensions, origin, permit } = leg;
        let took = Took { way: metrics::Way::Reused, ..Took::default() };
        self.service.activity.metrics.upstream(&self.account.token.provider.name, &took);
        let upstream = Upstream { link, ahead, ready: ready(SmtpReady { extensions }), took };
        let origin = Some(Box::new(Origin { account: self.account.name.clone(), ..origin }));
        Risen { upstream, permit, origin }
    }

    /// A login and, when the upstream refuses, one forced refresh and one more try, within the time of one.
    async fn log_in<U: UpstreamLogin>(
        &self,
        target: &Target<'_>,
        token: AccessToken,
        permit: Permit,
        cores: Cores<U>,
    ) -> Result<Risen<U::Ready>, Unavailable> {
        let (tokens, name) = (&self.service.tokens, &self.account.token.name);
        let end = Instant::now() + target.limits.login;
        let refused = match target.log_in_by(end, &token, cores.fresh).await {
            Err(refused) if refused.is_refusal() && explain::throttle(&refused.to_string()).is_none() => refused,
            outcome => return self.let_in(outcome, permit, (target, &token), cores),
        };
        let Some(retry) = Retry::take(target) else { return Err(refused.into()) };
        let renewing = tokens.renewed(name, target.user, &token);
        let Ok(renewed) = timeout_at(end, renewing).await else { return Err(refused.into()) };
        let fresh = renewed?;
        if fresh == token {
            return Err(refused.into());
        }
        let outcome = target.log_in_by(end, &fresh, cores.fresh).await;
        if outcome.is_err() {
            retry.was_in_vain();
        }
        self.let_in(outcome, permit, (target, &fresh), cores)
    }

    /// Lets the mailbox's gate know how the login ended.
    fn let_in<U: UpstreamLogin>(
        &self,
        outcome: Result<Upstream<U::Ready>, UpstreamError>,
        mut permit: Permit,
        (target, token): (&Target<'_>, &AccessToken),
        cores: Cores<U>,
    ) -> Result<Risen<U::Ready>, Unavailable> {
        let error = match outcome {
            Ok(upstream) => {
                permit.succeeded();
                let metrics = &self.service.activity.metrics;
                metrics.upstream(&target.provider.name, &upstream.took);
                let origin = cores.kept.map(|_| Box::new(self.origin(target, token)));
                return Ok(Risen { upstream, permit, origin });
            }
            Err(error) => error,
        };
        if let Some(pause) = explain::throttle(&error.to_string()).and_then(|throttle| permit.throttled(throttle)) {
            let (mailbox, seconds) = (target.user, pause.as_secs());
            warn!(session = %self.id, protocol = %self.protocol, mailbox, seconds, error = %error, "upstream.throttled");
        }
        Err(error.into())
    }

    /// Of a session that was just made.
    fn origin(&self, target: &Target<'_>, token: &AccessToken) -> Origin {
        let key = Arc::new(Key::of(target, &self.account.token.name, token));
        let account = self.account.name.clone();
        Origin { key, account, since: clock::now(), opened: Instant::now(), messages: 0, way: Way::New }
    }
}

/// In the place of a session that has died before it was used again.
impl LogIn for Upward<'_> {
    fn log_in<'s>(&'s self, client: &'s mut Link, ahead: &'s mut Input) -> LoggingIn<'s> {
        Box::pin(async move {
            let risen = self.rise(Cores { only_new: true, ..SMTP }, client, ahead).await;
            let Risen { upstream, permit, origin } = risen.map_err(|fault| fault.to_string())?;
            let origin = origin.ok_or("it is none to be used again")?;
            let Upstream { link, ahead, ready: SmtpReady { extensions }, .. } = upstream;
            Ok(Leg { link, ahead, extensions, origin: *origin, permit })
        })
    }
}
