use std::ops::RangeInclusive;

use super::reader::Table;

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident = $default:literal, $allowed:expr;)+) => {
        /// Every bound, by the name of its key.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
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
        }
    };
}

const SECONDS: RangeInclusive<u64> = 1..=86_400;

limits! {
    /// Sessions at a time, over all listeners.
    sessions = 10_000, 1..=1_000_000;
    /// Seconds from accept to login, as far as the client is waited for.
    login_seconds = 60, SECONDS;
    /// Failed logins on one connection.
    login_attempts = 5, 1..=1000;
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
    /// Seconds for a TCP connection to a provider.
    connect_seconds = 10, SECONDS;
    /// Seconds for TLS and login at a provider.
    upstream_login_seconds = 30, SECONDS;
    /// Seconds for an SMTP reply of a provider.
    upstream_reply_seconds = 300, SECONDS;
    /// Seconds for a provider's reply to the end of a message.
    end_of_data_seconds = 600, SECONDS;
    /// Seconds that a login waits for a token.
    token_seconds = 30, SECONDS;
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
    /// Seconds that a stop waits for messages under way.
    shutdown_seconds = 30, SECONDS;
}

pub(super) fn read(root: &Table<'_>) -> Limits {
    let mut limits = Limits::default();
    if let Some(table) = root.table("limits") {
        fill(&table, &mut limits);
        table.finish();
    }
    limits
}
