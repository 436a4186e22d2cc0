use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, timeout};
use tracing::{debug, warn};

use super::crowd::Member;
use super::login::Client;
use super::refusal;
use super::service::Frontend;
use crate::net::{HeaderBounds, HeaderError, read_proxy_header};

/// How long a refusal may take to be taken.
const PATIENCE: Duration = Duration::from_secs(2);

impl Client {
    /// Hears from a proxy for whom it has connected, before TLS and the greeting; from then on that is the client.
    /// `None`: it did not say so as it has to.
    pub(super) async fn is_introduced(&mut self, frontend: &Frontend, member: &mut Member) -> Option<()> {
        let HeaderBounds { wait, octets } = frontend.service.limits.proxy_header;
        let wait = wait.min(self.deadline.saturating_duration_since(Instant::now()));
        let gone = member.gone();
        let heard = tokio::select! {
            heard = read_proxy_header(&mut self.socket, HeaderBounds { wait, octets }) => heard,
            () = frontend.service.closing.cancelled() => return None,
            () = gone.cancelled() => return None,
        };
        let client = heard.inspect_err(|fault| self.not_introduced(frontend, fault)).ok()?;
        if let Some(peer) = client {
            debug!(session = %self.id, %peer, proxy = %self.peer, "session.proxied");
            self.peer = peer;
        }
        if member.introduced(&self.peer).is_err() {
            let refusal = refusal(frontend, self.peer.ip());
            drop(timeout(PATIENCE, self.socket.write_all(&refusal)).await);
            return None;
        }
        Some(())
    }

    fn not_introduced(&self, frontend: &Frontend, fault: &HeaderError) {
        let (id, protocol, peer) = (self.id, frontend.protocol, self.peer);
        if matches!(fault, HeaderError::Silent) {
            debug!(session = %id, %protocol, %peer, reason = %fault, "session.closed");
        } else {
            warn!(session = %id, %protocol, %peer, reason = %fault, "session.no_proxy_header");
        }
    }
}
