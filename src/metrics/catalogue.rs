/// A metric, as it is written and documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// As queries name it; a histogram has `_bucket`, `_sum` and `_count` behind it.
    pub name: &'static str,
    /// How it is to be read.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says: a sentence without its full stop.
    pub meaning: &'static str,
}

/// How a metric is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from the start of the process.
    Counter,
    /// As it is now.
    Gauge,
    /// How many were at most so much.
    Histogram,
}

impl Described {
    /// The name of its family.
    #[must_use]
    pub fn base(&self) -> &'static str {
        self.name.strip_suffix("_total").unwrap_or(self.name)
    }

    /// The metric of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        CATALOGUE.iter().find(|described| described.name == name)
    }
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

macro_rules! catalogue {
    ($($kind:ident $name:literal [$($label:literal),*] $meaning:literal;)+) => {
        /// Every metric there is.
        pub const CATALOGUE: &[Described] = &[$(Described {
            name: $name,
            kind: Kind::$kind,
            labels: &[$($label),*],
            meaning: $meaning,
        },)+];
    };
}

catalogue! {
    Gauge "gatepost_ready" [] "1 while all checks of /readyz pass";
    Gauge "gatepost_check" ["check"] "1 while this check of /readyz passes: serving, listeners, store, tokens";
    Gauge "gatepost_build_info" ["version"] "Always 1; the version is its label";
    Gauge "gatepost_replica_info" ["replica", "version"] "Always 1; the name of this process among several is its label";
    Gauge "gatepost_replicas" ["state"] "Processes that have the same store, as this one sees them; state: up, stopping, silent, unknown (the store cannot be asked)";
    Gauge "gatepost_listeners" ["protocol"] "Open listening sockets";
    Gauge "gatepost_sessions" ["protocol", "phase"] "Connections of programs; phase: before_login, logged_in";
    Gauge "gatepost_sessions_max" [] "How many there may be in all (limits.sessions)";
    Counter "gatepost_sessions_opened_total" ["protocol"] "Connections of programs that were accepted";
    Counter "gatepost_session_bytes_total" ["protocol", "direction"] "Octets relayed after login; direction: to_upstream, to_client";
    Counter "gatepost_session_panics_total" [] "Sessions that ended by a fault in Gatepost itself; please report it";
    Counter "gatepost_tls_failures_total" ["protocol"] "Programs with which no TLS came about";
    Counter "gatepost_logins_total" ["protocol", "outcome"] "Logins by how they ended; outcome: success, bad_credentials, not_allowed, throttled, token, upstream_refused, upstream_unreachable, mailbox_limit, configuration, broken_off";
    Histogram "gatepost_login_duration_seconds" ["protocol"] "From the password to the yes of both sides, of logins that succeeded";
    Histogram "gatepost_upstream_login_duration_seconds" ["provider", "phase"] "Parts of a login at the provider that succeeded; phase: connect, tls, login; those that did not have to be waited for are not counted";
    Counter "gatepost_upstream_sessions_total" ["provider", "way"] "Sessions at providers by how they came about; way: new, ready (a login on a connection that was kept ready), reused (a session that was logged in before)";
    Gauge "gatepost_upstream_ready_connections" ["provider", "host"] "Connections without a login that are kept ready for the next; only hosts that were tried";
    Gauge "gatepost_upstream_up" ["provider", "host"] "1 while the mail server of a provider can be reached, 0 since it could not; only hosts that were tried";
    Counter "gatepost_upstream_throttled_total" [] "Pauses that providers asked for";
    Counter "gatepost_messages_total" ["outcome"] "Messages accepted, and refusals of one by its stage; outcome: accepted, refused_mail, refused_rcpt, refused_data, refused_other";
    Histogram "gatepost_message_size_bytes" [] "Size of accepted messages";
    Histogram "gatepost_message_duration_seconds" [] "From the end of a message to the provider's yes, of accepted messages";
    Gauge "gatepost_messages_under_way" [] "Messages and other work that a stop waits for";
    Gauge "gatepost_gate_inside" ["limit"] "Sessions and messages that hold a place of their mailbox; limit: smtp_sessions, imap_sessions, pop3_sessions, messages";
    Gauge "gatepost_gate_waiting" ["limit"] "Sessions and messages that wait for a limit of their mailbox";
    Gauge "gatepost_gate_paused" [] "Mailboxes that their provider slows down now";
    Gauge "gatepost_shares_holders" [] "Replicas among which this one divides the limits that hold over all; 1 where there can be no other";
    Gauge "gatepost_shares_alone" [] "1 while the database could not be asked for 18 s, or not yet: this replica keeps to what it holds of limits, and to its part";
    Gauge "gatepost_shares_leased" ["limit"] "Mailboxes and accounts of whose limit this replica holds a lease, for its part was not enough or others wait; limit: smtp_sessions, imap_sessions, messages_per_minute, sessions_per_account";
    Gauge "gatepost_shares_units" ["limit"] "Units that it holds by these leases, used or not";
    Gauge "gatepost_shares_waiting" ["limit"] "Sessions and messages that wait here for what replicas share";
    Counter "gatepost_limits_reached_total" ["limit"] "Times that a limit turned somebody away";
    Gauge "gatepost_blocked" ["what"] "Who is refused for a while after failed logins; what: address, login (an account from an address), account";
    Gauge "gatepost_password_hashes" ["state"] "Passwords being checked; state: running, waiting";
    Gauge "gatepost_password_hashes_max" [] "How many may be checked at a time (limits.password_hashes)";
    Gauge "gatepost_accounts" ["state"] "Accounts; state: usable, unusable, disabled";
    Gauge "gatepost_tokens" ["state"] "Tokens by how they are; state: good, unused, password, failing, ended, ungranted, not_imported, changed, disabled, unreadable";
    Gauge "gatepost_token_state" ["token", "provider", "state"] "1 for the state in which a token is (of several mailboxes, the one that is worst off); state: good, unused, password, failing, ended, ungranted, not_imported, changed, disabled, unreadable";
    Gauge "gatepost_token_usable" ["token"] "1 while programs can log in with the token";
    Gauge "gatepost_token_expires_in_seconds" ["token", "what"] "Seconds until something of a token ends; negative: it has ended; what: access_token, refresh_token, idle_refresh_token, testing_grant, client_secret, client_certificate";
    Gauge "gatepost_tokens_left_out" [] "Tokens that have no metrics of their own, for there are too many";
    Counter "gatepost_token_refreshes_total" ["token", "outcome"] "Refreshes; outcome: success, transient, configuration, ended";
    Histogram "gatepost_token_refresh_duration_seconds" [] "How long the token endpoint took, of refreshes that succeeded";
    Gauge "gatepost_certificate_expires_in_seconds" [] "Seconds until the certificate of the listeners ends";
    Counter "gatepost_store_errors_total" [] "Times that the store could not be read or written";
    Counter "gatepost_store_statements_total" ["about"] "Statements to the database that replicas share, by what they are about; about: tokens, records, leases, notices, deeds, uses, sealing, schema, replicas, news, shares, transaction, other. None with SQLite";
    Counter "gatepost_config_reloads_total" ["outcome"] "Reloads of the configuration; outcome: success, failed";
    Gauge "gatepost_config_last_reload_successful" [] "0 while the last reload of the configuration was refused, else 1";
    Gauge "gatepost_config_last_reload_success_timestamp_seconds" [] "When the configuration in use was read, in seconds since 1970";
    Counter "gatepost_log_events_total" ["level"] "Events that were told, whether or not the log shows them; level: info, warn, error";
    Counter "gatepost_log_lines_dropped_total" [] "Log lines that could not be written";
    Counter "gatepost_notices_failed_total" [] "Notices that reached nobody ([notify])";
    Counter "gatepost_admin_sign_in_failures_total" [] "Wrong passwords at the pages";
    Gauge "gatepost_runtime_tasks" [] "Tasks of the process; each session has one or two";
    Counter "process_cpu_seconds_total" [] "Processor time of the process";
    Gauge "process_resident_memory_bytes" [] "Memory of the process";
    Gauge "process_open_fds" [] "Open file descriptors; a session has two";
    Gauge "process_max_fds" [] "How many there may be";
    Gauge "process_threads" [] "Threads of the process";
    Gauge "process_start_time_seconds" [] "When the process began, in seconds since 1970";
}

/// The catalogue for the handbook, a row each.
#[must_use]
pub fn table() -> String {
    let row = |described: &Described| {
        let Described { name, kind, labels, meaning } = described;
        format!("| `{name}` | {} | {} | {meaning} |\n", kind.name(), labels.join(", "))
    };
    let rows: String = CATALOGUE.iter().map(row).collect();
    format!("| metric | kind | labels | meaning |\n|---|---|---|---|\n{rows}")
}
