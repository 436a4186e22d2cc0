use std::ops::RangeInclusive;

use ipnet::IpNet;

use super::reader::Table;

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident = $default:literal, $allowed:expr;)+) => {
        /// Every bound, by the name of its key.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: u64,)+
            /// Whose clients are never counted by their address, nor throttled.
            pub trusted_networks: Vec<IpNet>,
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ trusted_networks: Vec::new() }
            }
        }

        impl Limits {
            /// Names and values, in the order of the reference.
            pub(super) fn list(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)+]
            }
        }

        fn fill(table: &Table<'_>, limits: &mut Limits) {
            $(if let Some(value) = table.integer(stringify!($name), &$allowed) {
                limits.$name = value;
            })+
            if let Some(networks) = table.networks("trusted_networks") {
                limits.trusted_networks = networks;
            }
        }
    };
}

const SECONDS: RangeInclusive<u64> = 1..=86_400;

/// Up to a year.
const LIFETIME: RangeInclusive<u64> = 0..=31_536_000;

limits! {
    /// Sessions at a time, over all listeners.
    sessions = 10_000, 1..=1_000_000;
    /// Those of them that are not logged in yet. Beyond, the oldest of the busiest address makes room.
    pending_logins = 1000, 1..=1_000_000;
    /// Sessions of one address (of IPv6: of a /64) at a time; 0 is no bound. This machine's own are not counted.
    sessions_per_address = 1000, 0..=1_000_000;
    /// Sessions of one account at a time; 0 is no bound.
    sessions_per_account = 500, 0..=1_000_000;
    /// Seconds from accept to login, as far as the client is waited for.
    login_seconds = 60, SECONDS;
    /// Failed logins on one connection.
    login_attempts = 5, 1..=1000;
    /// Commands on one connection before login.
    login_commands = 100, 10..=100_000;
    /// Wrong passwords from one address (of IPv6: from a /64) until its logins are refused for a while; 0 is no bound.
    login_failures_per_address = 30, 0..=1_000_000;
    /// Wrong passwords of one account from one address.
    login_failures_per_login = 10, 0..=1_000_000;
    /// Wrong passwords of one account from all addresses, until those have to wait where it was not logged in before.
    login_failures_per_account = 100, 0..=1_000_000;
    /// Seconds after which one of them is forgotten.
    login_failure_decay_seconds = 300, SECONDS;
    /// Seconds that the answer to a wrong password is kept back at most; the first few are answered sooner.
    login_delay_seconds = 8, 0..=60;
    /// Addresses whose wrong passwords are remembered, and accounts, and accounts at addresses.
    throttle_entries = 20_000, 100..=10_000_000;
    /// Seconds for the PROXY header of a proxy, within those of the login.
    proxy_header_seconds = 5, 1..=60;
    /// Octets of a PROXY header of version 2.
    proxy_header_octets = 4096, 232..=65_551;
    /// Largest message, in octets.
    message_octets = 157_286_400, 1024..=1_099_511_627_776;
    /// Header of a message that is judged or rewritten, in octets.
    header_octets = 262_144, 1024..=16_777_216;
    /// Silence of an SMTP client that ends its session, in seconds.
    smtp_idle_seconds = 300, SECONDS;
    /// Silence of an IMAP session that ends it, in seconds. IDLE lasts up to 30 minutes.
    imap_idle_seconds = 2100, SECONDS;
    /// Silence of a POP3 session that ends it, in seconds.
    pop3_idle_seconds = 660, SECONDS;
    /// Seconds after which an SMTP session is ended between two messages; 0 is no bound.
    smtp_session_seconds = 86_400, LIFETIME;
    /// Seconds after which an IMAP session is ended when nothing is under way; 0 is no bound.
    imap_session_seconds = 86_400, LIFETIME;
    /// Seconds after which a POP3 session is ended when nothing is under way; 0 is no bound.
    pop3_session_seconds = 86_400, LIFETIME;
    /// Seconds for a TCP connection to a provider.
    connect_seconds = 10, SECONDS;
    /// Seconds for a login at a provider: its turn, connection, TLS, login, and once more with a new token.
    upstream_login_seconds = 30, SECONDS;
    /// Logins under way at a provider's server at a time; one mailbox has half of them at most.
    upstream_connects = 100, 1..=100_000;
    /// Failed connections in a row after which a server counts as dead; 0 is never.
    dead_host_failures = 3, 0..=1000;
    /// Seconds between two attempts to reach a dead server at most.
    dead_host_seconds = 60, 1..=3600;
    /// Second attempts of refused logins, of a hundred logins at a server.
    upstream_retry_percent = 20, 0..=100;
    /// Connections without a login that are kept ready for the next, at each server of a provider; 0 is none.
    ready_connections = 8, 0..=1000;
    /// Seconds after which one is given up that nobody has needed. Providers end such connections after a minute.
    ready_seconds = 30, 1..=3600;
    /// Seconds for an SMTP reply of a provider.
    upstream_reply_seconds = 300, SECONDS;
    /// Seconds for a provider's reply to the end of a message.
    end_of_data_seconds = 600, SECONDS;
    /// Seconds that an SMTP session at a provider is kept for the next program of the same identity; 0 is not at all. Half of
    /// the shortest that servers are known to wait for a command.
    smtp_kept_seconds = 30, 0..=3600;
    /// Seconds after its login that it is kept no longer. Servers last at least 5 minutes (RFC 5321, 4.5.3.2.7).
    smtp_kept_lifetime_seconds = 240, SECONDS;
    /// Messages after which it is kept no longer. As many as Exchange itself sends over one.
    smtp_kept_messages = 20, 1..=1_000_000;
    /// How many are kept at a time; a mailbox has half of them at most, and half of its own sessions.
    smtp_kept_sessions = 100, 1..=100_000;
    /// Seconds for the first reply of one that was kept, before another takes its place.
    smtp_kept_reply_seconds = 10, SECONDS;
    /// Seconds that a login waits for a token.
    token_seconds = 30, SECONDS;
    /// Requests under way at a token endpoint at a time.
    token_requests = 16, 1..=10_000;
    /// Octets of an answer of a token endpoint.
    token_response_octets = 65_536, 1024..=16_777_216;
    /// Seconds ahead of its expiry that a token is refreshed.
    refresh_ahead_seconds = 300, SECONDS;
    /// Addresses of clients without a login whose messages are counted, on each listener that lets them send.
    anonymous_addresses = 10_000, 1..=1_000_000;
    /// Password hashes computed at a time; 0 is one a core.
    password_hashes = 0, 0..=1024;
    /// Logins that wait for a password hash.
    password_waiters = 1000, 0..=1_000_000;
    /// Verified passwords remembered.
    verified_passwords = 10_000, 1..=10_000_000;
    /// Seconds for which they are.
    verified_password_seconds = 600, 1..=86_400;
    /// Seconds between two looks at the files of certificates.
    certificate_check_seconds = 10, SECONDS;
    /// Seconds that a session or a message waits for a limit of its mailbox.
    gate_seconds = 30, SECONDS;
    /// How many wait for the same limit of a mailbox.
    gate_waiters = 100, 0..=10_000;
    /// Seconds after which an SMTP session without a message gives its place to one that waits.
    gate_idle_seconds = 10, SECONDS;
    /// Seconds that a stop waits for messages under way; sessions are told goodbye spread over them.
    shutdown_seconds = 30, SECONDS;
    /// Seconds before that in which `/readyz` says that it stops and all else goes on, so that a load balancer sends nobody any
    /// more; 0 is not at all.
    notice_seconds = 0, 0..=3600;
}

pub(super) fn read(root: &Table<'_>) -> Limits {
    let mut limits = Limits::default();
    if let Some(table) = root.table("limits") {
        fill(&table, &mut limits);
        table.finish();
    }
    limits
}
