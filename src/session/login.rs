use std::sync::Arc;

use tokio::time::Instant;
use tracing::{debug, info};

use super::crowd::Member;
use super::dialogue::{Dialogue, Left};
use super::service::Frontend;
use super::upward::Cores;
use crate::activity::{Entered, Line, SessionId};
use crate::net::{AcceptError, Link, Peer, Socket};
use crate::proto::{DownstreamLogin, Input, Offer, UpstreamLogin};
use crate::share::Unit;
use crate::submit::gate::Permit;
use crate::submit::kept::Origin;
use crate::trace::Tracer;
use crate::upstream::Upstream;

/// The client's connection before login.
pub(super) struct Client {
    pub(super) id: SessionId,
    pub(super) peer: Peer,
    pub(super) socket: Socket,
    pub(super) since: Instant,
    pub(super) deadline: Instant,
}

/// A session whose both sides are logged in and told so.
pub(super) struct Session<R> {
    /// Its place in the roll, and what is known of it there.
    pub(super) entered: Entered,
    pub(super) client: Link,
    pub(super) from_client: Input,
    pub(super) upstream: Upstream<R>,
    /// Held until the upstream's connection is gone, so it stands behind it.
    pub(super) permit: Permit,
    /// Of an upstream session that others may use later.
    pub(super) origin: Option<Box<Origin>>,
    pub(super) since: Instant,
    pub(super) tracer: Arc<Tracer>,
    /// Where other replicas serve the same account: one of its sessions over all of them.
    pub(super) unit: Option<Box<Unit>>,
}

impl<R> Session<R> {
    /// Itself and what is known of it. A session that was looked at, instead of moved, would stay in the future of its task as
    /// long as that lasts.
    pub(super) fn with_line(self) -> (Arc<Line>, Self) {
        (Arc::clone(self.entered.line()), self)
    }
}

impl Client {
    pub(super) fn new(frontend: &Frontend, socket: Socket, peer: Peer) -> Self {
        let since = Instant::now();
        Self { id: SessionId::next(), peer, socket, since, deadline: since + frontend.service.limits.login }
    }
}

/// From the greeting to a logged-in session, for every protocol. `None`: the client left, or was sent away.
pub(super) async fn login<D, U>(
    frontend: &Frontend,
    mut client: Client,
    member: &mut Member,
    core: fn(Offer) -> D,
    cores: Cores<U>,
) -> Option<Session<U::Ready>>
where
    D: DownstreamLogin<Ready = U::Ready>,
    U: UpstreamLogin,
{
    let _arrived = frontend.service.activity.arrivals.enter(frontend.protocol);
    if frontend.is_proxy(client.peer.ip()) {
        Box::pin(client.is_introduced(frontend, member)).await?;
    }
    let (id, peer) = (client.id, client.peer);
    let core = core(frontend.offer(peer.ip()));
    debug!(session = %id, protocol = %frontend.protocol, %peer, "session.opened");
    let closed = |why: &dyn std::fmt::Display| debug!(session = %id, %peer, reason = %why, "session.closed");
    let gone = member.gone();
    let dialogue = async {
        let dialogue = Dialogue::open(frontend, client, member).await?;
        dialogue.run(core, cores).await
    };
    let session = tokio::select! {
        biased;
        session = dialogue => session,
        // It was told, as far as it listened. Once its login is being looked at it need not go.
        () = gone.cancelled() => Err(Left::MadeRoom),
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
