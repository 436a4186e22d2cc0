//! One downstream connection from accept to close.
//!
//! [`login`] performs the steps of both protocol cores in one straight line for all protocols: greet, TLS, credentials,
//! account, token, upstream, hand-over. Then IMAP and POP3 are spliced and SMTP is conversed.
//!
//! A session is two boxed phases in a small task: what only the login needs is freed before the relay begins, for most
//! sessions of an IMAP server are idle for hours.

mod anonymous;
mod authorize;
mod crowd;
mod dialogue;
mod failure;
mod farewell;
mod login;
mod passing;
mod proxied;
mod relay;
mod review;
mod seen;
mod service;
mod upward;

pub use anonymous::Anonymous;
pub use crowd::{Crowd, CrowdBounds, Full, Member};
pub use seen::Seen;
pub use service::{Frontend, Limits, ListenerTls, Service};

use std::net::IpAddr;
use std::sync::Arc;

use crate::model::Protocol;
use crate::net::{Accepted, Refusal};
use crate::proto::imap::{ImapDownstream, ImapUpstream};
use crate::proto::pop3::{Pop3Downstream, Pop3Upstream};
use crate::proto::smtp::SmtpDownstream;
use crate::proto::{DownstreamLogin as _, Farewell};
use upward::Cores;

/// Serves one client until it or its upstream leaves.
pub async fn run(frontend: Arc<Frontend>, accepted: Accepted<Box<Member>>) {
    let Accepted { socket, peer, permit: mut member } = accepted;
    let client = login::Client::new(&frontend, socket, peer);
    match frontend.protocol {
        Protocol::Imap => {
            let login =
                login::login(&frontend, client, &mut member, ImapDownstream::new, Cores::new(ImapUpstream::new));
            let Some((line, session)) = Box::pin(login).await.map(login::Session::with_line) else {
                return;
            };
            relay::spliced(&frontend.service, &line, session).await;
        }
        Protocol::Pop3 => {
            let login =
                login::login(&frontend, client, &mut member, Pop3Downstream::new, Cores::new(Pop3Upstream::new));
            let Some((line, session)) = Box::pin(login).await.map(login::Session::with_line) else {
                return;
            };
            relay::spliced(&frontend.service, &line, session).await;
        }
        Protocol::Smtp => {
            let login = login::login(&frontend, client, &mut member, SmtpDownstream::new, upward::SMTP);
            let Some(session) = Box::pin(login).await else {
                return;
            };
            Box::pin(relay::conversed(&frontend, session)).await;
        }
    }
}

/// What a client hears for whom there is no room.
#[must_use]
pub fn refusal(frontend: &Frontend, from: IpAddr) -> Refusal {
    if matches!(frontend.tls, ListenerTls::Implicit(_)) {
        // A client that awaits TLS could not read it.
        return Vec::new();
    }
    let offer = frontend.offer(from);
    let goodbye = match frontend.protocol {
        Protocol::Imap => ImapDownstream::new(offer).goodbye(Farewell::Busy),
        Protocol::Pop3 => Pop3Downstream::new(offer).goodbye(Farewell::Busy),
        Protocol::Smtp => SmtpDownstream::new(offer).goodbye(Farewell::Busy),
    };
    goodbye.as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What every idle session keeps beside its connections.
    #[test]
    fn the_task_of_a_session_is_small() {
        const fn size<F>(_: fn(Arc<Frontend>, Accepted<Box<Member>>) -> F) -> usize {
            size_of::<F>()
        }
        assert!(size(run) <= 256, "{}", size(run));
    }
}
