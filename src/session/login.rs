use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::anonymous::Anonymous;
use super::failure::{Refused, Unavailable};
use super::label::SessionId;
use super::service::{Frontend, ListenerTls};
use crate::account::Verdict;
use crate::explain;
use crate::model::Account;
use crate::net::{AcceptError, Link, Peer, Socket, Stream, accept_tls};
use crate::proto::{
    ClientText, Credentials, DownstreamLogin, DownstreamStep, Farewell, Input, LoginFailure, Offer, Output,
    UpstreamLogin,
};
use crate::submit::gate::{Pass, Permit};
use crate::token::TokenError;
use crate::upstream::{NewCore, Upstream, UpstreamError};

/// The client's connection before login.
pub(super) struct Client {
    pub(super) id: SessionId,
    pub(super) peer: Peer,
    pub(super) socket: Socket,
    since: Instant,
    pub(super) deadline: Instant,
}

/// A session whose both sides are logged in and told so.
pub(super) struct Session<R> {
    pub(super) id: SessionId,
    pub(super) account: Arc<Account>,
    pub(super) client: Link,
    pub(super) from_client: Input,
    pub(super) upstream: Upstream<R>,
    /// Held until the upstream's connection is gone, so it stands behind it.
    pub(super) permit: Permit,
    pub(super) since: Instant,
    /// Where a client is that nobody logged in.
    pub(super) guest: Option<IpAddr>,
}

impl Client {
    pub(super) fn new(frontend: &Frontend, socket: Socket, peer: Peer) -> Self {
        let since = Instant::now();
        Self { id: SessionId::next(), peer, socket, since, deadline: since + frontend.service.limits.login }
    }
}

/// How long one write to a client may take.
const CLIENT_PATIENCE: Duration = Duration::from_mins(1);

/// From the greeting to a logged-in session, for every protocol. `None`: the client left, or was sent away.
pub(super) async fn login<D, U>(
    frontend: &Frontend,
    mut client: Client,
    core: fn(Offer) -> D,
    upstream_core: NewCore<U>,
) -> Option<Session<U::Ready>>
where
    D: DownstreamLogin<Ready = U::Ready>,
    U: UpstreamLogin,
{
    if frontend.is_proxy(client.peer.ip()) {
        Box::pin(client.is_introduced(frontend)).await?;
    }
    let (id, peer) = (client.id, client.peer);
    let core = core(frontend.offer(peer.ip()));
    debug!(session = %id, protocol = %frontend.protocol, %peer, "session.opened");
    let closed = |why: &dyn std::fmt::Display| debug!(session = %id, %peer, reason = %why, "session.closed");
    let session = match Dialogue::open(frontend, client).await {
        Ok(dialogue) => dialogue.run(core, upstream_core).await,
        Err(fault) => Err(Left::Tls(fault)),
    };
    if let Err(Left::Tls(fault)) = &session {
        tell_of_tls(frontend, id, peer, fault);
    }
    session.inspect_err(|left| closed(left)).ok()
}

/// Why a program cannot come in: whoever looks for it finds it here. Load balancers and scanners that only look whether
/// the port is open are nobody's trouble.
fn tell_of_tls(frontend: &Frontend, id: SessionId, peer: Peer, fault: &AcceptError) {
    let protocol = frontend.protocol;
    if matches!(fault, AcceptError::Closed) {
        debug!(session = %id, %protocol, %peer, error = %fault, "session.tls_failed");
    } else {
        info!(session = %id, %protocol, %peer, error = %fault, "session.tls_failed");
    }
}

/// Why a client is no longer there.
#[derive(Debug, thiserror::Error)]
enum Left {
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Told as `session.tls_failed`.
    #[error("no TLS")]
    Tls(#[from] AcceptError),
    #[error("the client closed before login")]
    Closed,
    #[error("the client left")]
    Goodbye,
    #[error("the client {0}")]
    Violation(crate::proto::Violation),
    #[error("no login in time")]
    Late,
    #[error("too many failed logins")]
    TooManyAttempts,
    #[error("the service is stopping")]
    Stopping,
}

/// A login that both sides have said yes to.
struct Granted<R> {
    account: Arc<Account>,
    upstream: Upstream<R>,
    permit: Permit,
    guest: Option<IpAddr>,
}

/// Who wants to be let in.
#[derive(Clone, Copy)]
enum Who<'a> {
    Known(&'a Credentials),
    /// A client that may send without a login.
    Guest(&'a Anonymous),
}

/// The account that someone was let in by, and the label of the password.
struct Admitted {
    account: Arc<Account>,
    label: Option<String>,
}

struct Dialogue<'a> {
    frontend: &'a Frontend,
    id: SessionId,
    peer: Peer,
    link: Link,
    input: Input,
    since: Instant,
    deadline: Instant,
    failures: u32,
}

impl<'a> Dialogue<'a> {
    async fn open(frontend: &'a Frontend, client: Client) -> Result<Self, AcceptError> {
        let Client { id, peer, socket, since, deadline } = client;
        let stream = match &frontend.tls {
            ListenerTls::Implicit(config) => {
                accept_tls(socket, config, deadline.saturating_duration_since(Instant::now())).await?
            }
            _ => Stream::Plain(socket),
        };
        let link = Link { stream, patience: CLIENT_PATIENCE };
        Ok(Self { frontend, id, peer, link, input: Input::new(), since, deadline, failures: 0 })
    }

    /// Performs the steps of the core until someone is logged in or gone.
    async fn run<D, U>(mut self, mut core: D, upstream_core: NewCore<U>) -> Result<Session<U::Ready>, Left>
    where
        D: DownstreamLogin<Ready = U::Ready>,
        U: UpstreamLogin,
    {
        self.link.send(core.greet().as_bytes()).await?;
        loop {
            let (next, step) = core.advance(&mut self.input);
            core = match step {
                DownstreamStep::Read => {
                    self.listen(&next).await?;
                    next
                }
                DownstreamStep::Write(output) => {
                    self.link.send(output.as_bytes()).await?;
                    next
                }
                DownstreamStep::StartTls(output) => {
                    self.link.send(output.as_bytes()).await?;
                    self = self.upgrade().await?;
                    next.tls_established()
                }
                DownstreamStep::Close(output, violation) => {
                    return Err(self.dismiss(&output, violation.map_or(Left::Goodbye, Left::Violation)).await);
                }
                DownstreamStep::Anonymous(command) => match self.authorize_guest(upstream_core).await {
                    Ok(granted) => {
                        let yes = next.accept(&granted.upstream.ready);
                        self.link.send(yes.as_bytes()).await?;
                        self.input.put_back(&command);
                        return Ok(self.granted(granted));
                    }
                    Err(failure) => self.reject(next, &failure).await?,
                },
                DownstreamStep::Login(credentials) => {
                    match self.authorize(Who::Known(&credentials), upstream_core).await {
                        Ok(granted) => {
                            let yes = next.accept(&granted.upstream.ready);
                            self.link.send(yes.as_bytes()).await?;
                            return Ok(self.granted(granted));
                        }
                        Err(failure) => self.reject(next, &failure).await?,
                    }
                }
            };
        }
    }

    /// Reads more from the client, or says goodbye to one that is too slow.
    async fn listen<D: DownstreamLogin>(&mut self, core: &D) -> Result<(), Left> {
        let wait = self.deadline.saturating_duration_since(Instant::now());
        let heard = tokio::select! {
            heard = self.link.read(wait) => heard,
            () = self.frontend.service.stop.cancelled() => {
                return Err(self.dismiss(&core.goodbye(Farewell::Shutdown), Left::Stopping).await);
            }
        };
        match heard {
            Ok(chunk) if chunk.is_empty() => Err(Left::Closed),
            Ok(chunk) => {
                self.input.push(&chunk);
                Ok(())
            }
            Err(fault) if fault.kind() == io::ErrorKind::TimedOut => {
                Err(self.dismiss(&core.goodbye(Farewell::Timeout), Left::Late).await)
            }
            Err(fault) => Err(fault.into()),
        }
    }

    async fn upgrade(mut self) -> Result<Self, Left> {
        let ListenerTls::Starttls(config) = &self.frontend.tls else { return Ok(self) };
        let wait = self.deadline.saturating_duration_since(Instant::now());
        self.link = self.link.upgrade(|socket| accept_tls(socket, config, wait)).await?;
        Ok(self)
    }

    fn granted<R>(self, granted: Granted<R>) -> Session<R> {
        let Granted { account, upstream, permit, guest } = granted;
        let Self { id, link: client, input: from_client, since, .. } = self;
        Session { id, account, client, from_client, upstream, permit, since, guest }
    }

    async fn reject<D: DownstreamLogin>(&mut self, core: D, failure: &LoginFailure) -> Result<D, Left> {
        let (core, reply) = core.reject(failure);
        self.link.send(reply.as_bytes()).await?;
        self.failures += 1;
        if self.failures < self.frontend.service.limits.login_attempts {
            return Ok(core);
        }
        Err(self.dismiss(&core.goodbye(Farewell::TooManyAttempts), Left::TooManyAttempts).await)
    }

    /// Says the last words and closes.
    async fn dismiss(&mut self, last: &Output, why: Left) -> Left {
        if self.link.send(last.as_bytes()).await.is_ok() {
            self.link.close().await;
        }
        why
    }

    /// From credentials to an upstream session. Logs the outcome, once.
    async fn authorize<U: UpstreamLogin>(
        &mut self,
        who: Who<'_>,
        upstream_core: NewCore<U>,
    ) -> Result<Granted<U::Ready>, LoginFailure> {
        let protocol = self.frontend.protocol;
        let admitted = match who {
            Who::Known(credentials) => self.account(credentials).await,
            Who::Guest(anonymous) => self.guest(anonymous),
        };
        let (user, guest) = match who {
            Who::Known(credentials) => (credentials.user.as_str(), None),
            Who::Guest(anonymous) => (anonymous.account.as_str(), Some(self.peer.ip())),
        };
        let anonymous = guest.map(|_| true);
        let Admitted { account, label } = admitted.map_err(|refusal| {
            let (failure, reason) = refusal.told();
            let user = ClientText::new(user);
            warn!(session = %self.id, %protocol, peer = %self.peer, %user, anonymous, reason, "session.login_failed");
            failure
        })?;
        match self.upstream(&account, upstream_core).await {
            Ok((upstream, permit)) => {
                let ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
                let (account_name, token) = (&account.name, &account.token.name);
                info!(session = %self.id, %protocol, peer = %self.peer, account = account_name, password = label, anonymous, token, ms, "session.login");
                Ok(Granted { account, upstream, permit, guest })
            }
            Err(error) => {
                let token = &account.token.name;
                let failure = error.told(token, protocol);
                let mailbox = account.upstream_user(protocol);
                if let Some(full) = error.full() {
                    warn!(session = %self.id, %protocol, limit = full.limit(), account = account.name, mailbox, "limit.reached");
                }
                if error.is_unreachable() {
                    let provider = &account.token.provider.name;
                    warn!(session = %self.id, %protocol, provider, error = %error, "upstream.unreachable");
                }
                let known = explain::mail_refusal(&error.to_string());
                let remedy = known.map(|known| known.remedy_at(token, mailbox));
                let cause = known.map(|known| known.cause);
                warn!(session = %self.id, %protocol, peer = %self.peer, account = account.name, password = label, anonymous, token, error = %error, cause, remedy, "session.login_failed");
                Err(failure)
            }
        }
    }

    /// The same for a client without a login. Where it costs nothing to say no, no upstream is bothered.
    async fn authorize_guest<U: UpstreamLogin>(
        &mut self,
        upstream_core: NewCore<U>,
    ) -> Result<Granted<U::Ready>, LoginFailure> {
        match &self.frontend.anonymous {
            Some(anonymous) => self.authorize(Who::Guest(anonymous), upstream_core).await,
            None => Err(LoginFailure::BadCredentials),
        }
    }

    fn guest(&self, anonymous: &Anonymous) -> Result<Admitted, Refused> {
        if anonymous.is_too_fast(self.peer.ip()) {
            warn!(session = %self.id, limit = "anonymous.messages_per_minute", peer = %self.peer, "limit.reached");
            return Err(Refused::TooFast);
        }
        let directory = self.frontend.service.directory.load_full();
        match directory.find(&anonymous.account) {
            Some(account) if account.allows(self.frontend.protocol, self.peer.ip()) => {
                Ok(Admitted { account: Arc::clone(account), label: None })
            }
            Some(_) => Err(Refused::NotAllowed),
            None if directory.is_unusable(&anonymous.account) => Err(Refused::Unusable),
            None => Err(Refused::NoSuchAccount),
        }
    }

    async fn account(&self, credentials: &Credentials) -> Result<Admitted, Refused> {
        let (protocol, from) = (self.frontend.protocol, self.peer.ip());
        let service = &self.frontend.service;
        let directory = service.directory.load_full();
        match service.verifier.verify(&directory, &credentials.user, &credentials.password).await {
            Verdict::Granted(account, matched) if account.allows(protocol, from) => {
                let password = matched.allowed(&account, protocol, from).ok_or(Refused::PasswordNotAllowed)?;
                Ok(Admitted { label: password.label.clone(), account })
            }
            Verdict::Granted(..) => Err(Refused::NotAllowed),
            Verdict::Denied if directory.is_unusable(&credentials.user) => Err(Refused::Unusable),
            Verdict::Denied => Err(Refused::BadCredentials),
            Verdict::Overloaded => Err(Refused::Overloaded),
        }
    }

    /// Token, the mailbox's turn, upstream login and, when the upstream refuses, one forced refresh and one more try.
    async fn upstream<U: UpstreamLogin>(
        &mut self,
        account: &Account,
        core: NewCore<U>,
    ) -> Result<(Upstream<U::Ready>, Permit), Unavailable> {
        let service = &self.frontend.service;
        let protocol = self.frontend.protocol;
        if !service.tokens.knows(&account.token.name) {
            return Err(TokenError::Unknown(account.token.name.clone()).into());
        }
        let user = account.upstream_user(protocol);
        let reach = service.reach.load_full();
        let reach = reach.get(&account.token.provider.name);
        let target = reach.and_then(|reach| reach.target(&account.token, protocol, user));
        let target = target.ok_or(Unavailable::NoEndpoint)?;
        let token = service.tokens.access_token(&account.token.name, user).await?;
        let gate = service.gate.of(&account.token.provider, user);
        let permit = gate.enter_for(Pass::Session(protocol), &mut self.link, &mut self.input).await?;
        let refused = match target.log_in(&token, core).await {
            Err(refused) if refused.is_refusal() && explain::throttle(&refused.to_string()).is_none() => refused,
            outcome => return self.let_in(outcome, permit, user),
        };
        let fresh = service.tokens.renewed(&account.token.name, user, &token).await?;
        if fresh == token {
            return Err(refused.into());
        }
        self.let_in(target.log_in(&fresh, core).await, permit, user)
    }

    /// Lets the mailbox's gate know how the login ended.
    fn let_in<R>(
        &self,
        outcome: Result<Upstream<R>, UpstreamError>,
        mut permit: Permit,
        mailbox: &str,
    ) -> Result<(Upstream<R>, Permit), Unavailable> {
        let error = match outcome {
            Ok(upstream) => {
                permit.succeeded();
                return Ok((upstream, permit));
            }
            Err(error) => error,
        };
        if let Some(pause) = explain::throttle(&error.to_string()).and_then(|throttle| permit.throttled(throttle)) {
            let seconds = pause.as_secs();
            warn!(session = %self.id, protocol = %self.frontend.protocol, mailbox, seconds, error = %error, "upstream.throttled");
        }
        Err(error.into())
    }
}
