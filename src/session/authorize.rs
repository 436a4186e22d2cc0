//! Who is let in: the account by its password or its network, then the provider by the account's token.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::anonymous::Anonymous;
use super::dialogue::Dialogue;
use super::failure::{Refused, Unavailable};
use super::review::may_go_on;
use super::service::Frontend;
use super::upward::{Cores, Risen, Upward};
use crate::account::{Attempt, Held, Matched, Verdict};
use crate::activity::{Entered, Login};
use crate::clock;
use crate::explain;
use crate::metrics::{Outcome, Way};
use crate::model::Account;
use crate::proto::{ClientText, Credentials, LoginFailure, UpstreamLogin};
use crate::share::{Limit, Measure, Taken, Unit};
use crate::submit::gate::Permit;
use crate::submit::kept::Origin;
use crate::upstream::Upstream;

/// How long other replicas are waited for that may have sessions of an account to spare.
const UNIT: Duration = Duration::from_secs(3);

/// A login that both sides have said yes to.
pub(super) struct Granted<R> {
    pub(super) entered: Entered,
    pub(super) upstream: Upstream<R>,
    pub(super) permit: Permit,
    pub(super) origin: Option<Box<Origin>>,
    pub(super) unit: Option<Box<Unit>>,
}

/// Who wants to be let in.
#[derive(Clone, Copy)]
pub(super) enum Who<'a> {
    Known(&'a Credentials),
    /// A client that may send without a login.
    Guest(&'a Anonymous),
}

/// The account that someone was let in by, and which of its passwords.
struct Admitted {
    account: Arc<Account>,
    password: Option<u8>,
}

impl Admitted {
    /// Of the password.
    fn label(&self) -> Option<&str> {
        self.account.passwords.get(usize::from(self.password?))?.label.as_deref()
    }
}

impl Who<'_> {
    /// As which account; not yet fit for a log.
    fn user(&self) -> &str {
        match self {
            Self::Known(credentials) => &credentials.user,
            Self::Guest(anonymous) => &anonymous.account,
        }
    }

    /// A field of log lines, left out where someone logs in.
    fn anonymous(&self) -> Option<bool> {
        matches!(self, Self::Guest(_)).then_some(true)
    }
}

impl Dialogue<'_> {
    /// From credentials to an upstream session. Logs the outcome, once.
    pub(super) async fn authorize<U: UpstreamLogin>(
        &mut self,
        who: Who<'_>,
        cores: Cores<U>,
    ) -> Result<Granted<U::Ready>, LoginFailure> {
        let asked = Instant::now();
        self.tracer.names(who.user());
        self.member.is_busy(true);
        let admitted = match who {
            Who::Known(credentials) => self.account(credentials).await,
            Who::Guest(anonymous) => self.guest(anonymous),
        };
        let admitted = match admitted {
            Ok(admitted) => self.has_room(admitted).await,
            Err(refusal) => Err(refusal),
        };
        let (admitted, unit) = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => {
                let failure = self.refused(who, &refusal);
                self.member.is_busy(false);
                self.keep_back(refusal.delay()).await;
                return Err(failure);
            }
        };
        self.tracer.names(&admitted.account.name);
        match self.upstream(&admitted.account, cores).await {
            Ok(Risen { upstream, permit, origin }) => {
                let entered = self.enter(&admitted).map_err(|refusal| self.refused(who, &refusal))?;
                let reused = origin.as_ref().is_some_and(|origin| origin.way.is_reused());
                self.tell_of_login(who, &admitted, (upstream.took.way == Way::Ready, reused));
                self.count(Outcome::Success, asked);
                Ok(Granted { entered, upstream, permit, origin, unit })
            }
            Err(error) => Err(self.unavailable(who, &admitted, &error)),
        }
    }

    /// Into the roll, and only then a look at what is declared by now: whoever was refused meanwhile is either seen here, or
    /// by the review that comes with the change.
    fn enter(&self, admitted: &Admitted) -> Result<Entered, Refused> {
        let Frontend { protocol, service, .. } = self.frontend;
        let (account, password) = (Arc::clone(&admitted.account), admitted.password);
        let login = Login { account, password, protocol: *protocol, peer: self.peer };
        let (roll, most, now) = (&service.activity.roll, service.limits.account_sessions, clock::now());
        let entered = roll.enter_within(most, self.id, login, now, &service.stop);
        let Some(entered) = entered else { return Err(self.crowded(&admitted.account)) };
        let entered = entered.by(self.frontend.door);
        if may_go_on(&service.directory.load(), entered.line()) { Ok(entered) } else { Err(Refused::Revoked) }
    }

    fn count(&self, outcome: Outcome, asked: Instant) {
        let Frontend { protocol, service, .. } = self.frontend;
        service.activity.metrics.login(protocol.name(), outcome, asked.elapsed());
    }

    /// Looked at before the upstream is bothered, and again under lock. Where there are other replicas, it is one of the
    /// account's sessions over all of them from now on.
    async fn has_room(&self, admitted: Admitted) -> Result<(Admitted, Option<Box<Unit>>), Refused> {
        let Frontend { service, .. } = self.frontend;
        let (name, most) = (&admitted.account.name, service.limits.account_sessions);
        if service.activity.roll.open_of(name) >= most {
            return Err(self.crowded(&admitted.account));
        }
        let (Some(shares), Ok(most)) = (&service.shares, u32::try_from(most)) else { return Ok((admitted, None)) };
        let (limit, measure) = (Limit::AccountSessions.of(name), Measure { most, lasting: false });
        match shares.take(&limit, measure, UNIT).await {
            Taken::Unit(unit) => Ok((admitted, Some(Box::new(unit)))),
            // The bound is there to protect: of a database that is slow or away it would protect nobody.
            Taken::Unanswered => Ok((admitted, None)),
            Taken::None => Err(self.crowded(&admitted.account)),
        }
    }

    fn crowded(&self, account: &Account) -> Refused {
        let (limit, protocol) = ("sessions_per_account", self.frontend.protocol);
        warn!(session = %self.id, %protocol, limit, account = account.name, peer = %self.peer, "limit.reached");
        Refused::Crowded(protocol)
    }

    fn refused(&self, who: Who<'_>, refusal: &Refused) -> LoginFailure {
        self.count(refusal.outcome(), Instant::now());
        let (failure, reason) = refusal.told();
        let (user, anonymous) = (ClientText::new(who.user()), who.anonymous());
        let protocol = self.frontend.protocol;
        // The order is what deploy/fail2ban relies on: nothing that a client chooses comes before its address.
        if refusal.is_told() {
            warn!(session = %self.id, %protocol, peer = %self.peer, reason, %user, anonymous, "session.login_failed");
        } else {
            debug!(session = %self.id, %protocol, peer = %self.peer, reason, %user, anonymous, "session.login_failed");
        }
        failure
    }

    fn tell_of_login(&self, who: Who<'_>, admitted: &Admitted, (ready, reused): (bool, bool)) {
        let (account, label) = (&admitted.account, admitted.label());
        let [ready, reused] = [ready, reused].map(|so| so.then_some(true));
        let ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (protocol, anonymous, token) = (self.frontend.protocol, who.anonymous(), &account.token.name);
        info!(session = %self.id, %protocol, peer = %self.peer, account = account.name, password = label, anonymous, token, reused, ready, ms, "session.login");
    }

    fn unavailable(&self, who: Who<'_>, admitted: &Admitted, error: &Unavailable) -> LoginFailure {
        self.count(error.outcome(), Instant::now());
        let (account, label) = (&admitted.account, admitted.label());
        let (protocol, anonymous, token) = (self.frontend.protocol, who.anonymous(), &account.token.name);
        let mailbox = account.upstream_user(protocol);
        if let Some(limit) = error.limit() {
            warn!(session = %self.id, %protocol, limit, account = account.name, mailbox, "limit.reached");
        }
        let known = explain::mail_refusal(&error.to_string());
        let remedy = known.map(|known| known.remedy_at(token, mailbox));
        let cause = known.map(|known| known.cause);
        warn!(session = %self.id, %protocol, peer = %self.peer, account = account.name, password = label, anonymous, token, error = %error, cause, remedy, "session.login_failed");
        error.told(token, protocol)
    }

    /// The same for a client without a login. Where it costs nothing to say no, no upstream is bothered.
    pub(super) async fn authorize_guest<U: UpstreamLogin>(
        &mut self,
        cores: Cores<U>,
    ) -> Result<Granted<U::Ready>, LoginFailure> {
        match &self.frontend.anonymous {
            Some(anonymous) => self.authorize(Who::Guest(anonymous), cores).await,
            None => Err(LoginFailure::BadCredentials),
        }
    }

    fn guest(&self, anonymous: &Anonymous) -> Result<Admitted, Refused> {
        if anonymous.is_too_fast(self.peer.ip()) {
            warn!(session = %self.id, limit = "anonymous.messages_per_minute", peer = %self.peer, "limit.reached");
            return Err(Refused::TooFast);
        }
        let directory = self.frontend.service.directory.load_full();
        match directory.named(&anonymous.account) {
            Some(account) if account.allows(self.frontend.protocol, self.peer.ip()) => {
                Ok(Admitted { account: Arc::clone(account), password: None })
            }
            Some(_) => Err(Refused::NotAllowed),
            None if directory.is_unusable(&anonymous.account) => Err(Refused::Unusable),
            None => Err(Refused::NoSuchAccount),
        }
    }

    async fn upstream<U: UpstreamLogin>(
        &mut self,
        account: &Arc<Account>,
        cores: Cores<U>,
    ) -> Result<Risen<U::Ready>, Unavailable> {
        let (service, protocol) = (&self.frontend.service, self.frontend.protocol);
        let upward = Upward { service, id: self.id, protocol, account, tracer: &self.tracer };
        upward.rise(cores, &mut self.link, &mut self.input).await
    }

    async fn account(&self, credentials: &Credentials) -> Result<Admitted, Refused> {
        let Credentials { user, password } = credentials;
        let service = &self.frontend.service;
        let directory = service.directory.load_full();
        let known = directory.find(user).map(AsRef::as_ref);
        let attempt = service.throttle.attempt((known, user), password, self.peer.ip());
        match service.verifier.verify_if(&directory, user, password, || attempt.leave()).await {
            Verdict::Granted(account, matched) => {
                attempt.succeeded();
                self.admitted(account, matched)
            }
            Verdict::Denied if directory.is_unusable(user) => Err(Refused::Unusable),
            Verdict::Denied => Err(self.wrong(&attempt)),
            Verdict::Overloaded => Err(Refused::Overloaded),
            Verdict::Held(held) => Err(Refused::Held { delay: attempt.delay_of_held(), told: attempt.is_told(held) }),
        }
    }

    /// Whether the account of a right password may be used here, and that password.
    fn admitted(&self, account: Arc<Account>, matched: Matched) -> Result<Admitted, Refused> {
        let (protocol, from, now) = (self.frontend.protocol, self.peer.ip(), clock::now());
        if !account.allows(protocol, from) {
            return Err(Refused::NotAllowed);
        }
        let expired = matched.has_expired(&account, now);
        let refused = if expired { Refused::PasswordExpired } else { Refused::PasswordNotAllowed };
        let (password, _) = matched.allowed(&account, protocol, from, now).ok_or(refused)?;
        Ok(Admitted { account, password: Some(password) })
    }

    fn wrong(&self, attempt: &Attempt<'_>) -> Refused {
        let failed = attempt.failed();
        for Held { limit, wait } in &failed.reached {
            let seconds = wait.as_secs();
            warn!(session = %self.id, %limit, peer = %self.peer, user = %attempt.name(), seconds, "limit.reached");
        }
        Refused::BadCredentials(failed)
    }
}
