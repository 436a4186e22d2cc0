use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use super::anonymous::Anonymous;
use super::seen::Seen;
use crate::account::{Directory, Throttle, Verifier};
use crate::activity::Activity;
use crate::lifecycle::Busy;
use crate::model::{Protocol, within};
use crate::net::HeaderBounds;
use crate::proto::{Newline, Offer};
use crate::share::Shares;
use crate::submit::gate::Gate;
use crate::submit::kept::Kept;
use crate::token::Tokens;
use crate::upstream::Reach;

/// All that the sessions of a process share. A reload makes another one: what must outlive it is shared with the one before.
#[derive(Debug)]
pub struct Service {
    /// The name in greetings and in EHLO upstream.
    pub hostname: String,
    /// Who may log in; replaced as a whole when accounts change.
    pub directory: Arc<ArcSwap<Directory>>,
    /// Checks passwords.
    pub verifier: Arc<Verifier>,
    /// Remembers who was wrong.
    pub throttle: Arc<Throttle>,
    /// Gives tokens.
    pub tokens: Tokens,
    /// How each provider's mail servers are reached, by its name.
    pub reach: Arc<ArcSwap<HashMap<String, Reach>>>,
    /// What each mailbox may do at a time.
    pub gate: Arc<Gate>,
    /// SMTP sessions that programs have left behind.
    pub kept: Arc<Kept>,
    /// Where other replicas serve the same accounts: how many sessions of each are this one's.
    pub shares: Option<Arc<Shares>>,
    /// Bounds.
    pub limits: Limits,
    /// What SMTP servers offer.
    pub seen: Arc<Seen>,
    /// Messages under way.
    pub busy: Busy,
    /// What is going on; sessions that are let in enter its roll.
    pub activity: Arc<Activity>,
    /// Lets nobody in any more: whoever is not logged in yet is told to come again.
    pub closing: CancellationToken,
    /// Ends the sessions.
    pub stop: CancellationToken,
}

/// The bounds of a session.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From accept to login, as far as the client is waited for.
    pub login: Duration,
    /// Failed logins on one connection.
    pub login_attempts: u32,
    /// Commands on one connection before login.
    pub login_commands: u32,
    /// Sessions of one account at a time.
    pub account_sessions: usize,
    /// The PROXY header of a proxy.
    pub proxy_header: HeaderBounds,
    /// Silence after login that ends a session.
    pub smtp_idle: Duration,
    /// See `smtp_idle`; longer than the 30 minutes of IDLE (RFC 2177, 3).
    pub imap_idle: Duration,
    /// See `smtp_idle`; at least 10 minutes (RFC 1939, 3).
    pub pop3_idle: Duration,
    /// How long a session may last; it ends between two messages. None: for ever, here and below.
    pub smtp_session: Option<Duration>,
    /// The same; it ends when nothing is under way.
    pub imap_session: Option<Duration>,
    /// The same; it ends when nothing is under way.
    pub pop3_session: Option<Duration>,
    /// One SMTP reply of an upstream.
    pub upstream_reply: Duration,
    /// The first one of an upstream session that another program has left behind.
    pub kept_reply: Duration,
    /// The reply to the end of a message.
    pub end_of_data: Duration,
    /// Largest message, in octets.
    pub message_octets: u64,
    /// Largest header that a sender policy looks at, in octets.
    pub header_octets: usize,
}

/// How TLS comes to a listener.
#[derive(Clone, Debug)]
pub enum ListenerTls {
    /// Not at all.
    None,
    /// When the client asks for it.
    Starttls(Arc<ServerConfig>),
    /// From the first byte.
    Implicit(Arc<ServerConfig>),
}

/// A listener as its sessions see it.
#[derive(Debug)]
pub struct Frontend {
    /// What it speaks.
    pub protocol: Protocol,
    /// Its TLS.
    pub tls: ListenerTls,
    /// Where passwords may come from without TLS.
    pub plaintext_auth: Vec<IpNet>,
    /// What ends a line of its clients.
    pub newline: Newline,
    /// Which peers are proxies and say first for whom they connect.
    pub proxies: Vec<IpNet>,
    /// Clients that may send without a login, if there are any.
    pub anonymous: Option<Arc<Anonymous>>,
    /// The open socket, which outlives a reload; see [`Line::door`](crate::activity::Line).
    pub door: u32,
    /// What all listeners share.
    pub service: Arc<Service>,
}

impl Frontend {
    /// Whether a peer is a proxy.
    #[must_use]
    pub fn is_proxy(&self, peer: IpAddr) -> bool {
        within(&self.proxies, peer)
    }

    /// What a client from this address is offered.
    #[must_use]
    pub fn offer(&self, from: IpAddr) -> Offer {
        let trusted = within(&self.plaintext_auth, from);
        Offer {
            hostname: self.service.hostname.clone(),
            starttls: matches!(self.tls, ListenerTls::Starttls(_)),
            passwords: trusted || matches!(self.tls, ListenerTls::Implicit(_)),
            message_size: self.service.limits.message_octets,
            extensions: self.service.seen.common(),
            newline: self.newline,
            anonymous: self.anonymous.as_ref().is_some_and(|anonymous| anonymous.admits(from)),
        }
    }
}
