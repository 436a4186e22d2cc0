//! The numbers of the configuration, as each room takes them.

use std::time::Duration;

use crate::account::{ThrottleSettings, VerifierSettings};
use crate::config::Limits;
use crate::net::HeaderBounds;
use crate::session::{self, CrowdBounds};
use crate::submit::gate::GateSettings;
use crate::submit::kept::KeptSettings;
use crate::token::TokenSettings;
use crate::upstream;

pub(super) fn verifier(limits: &Limits) -> VerifierSettings {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    VerifierSettings {
        parallel: if limits.password_hashes == 0 { cores } else { size(limits.password_hashes) },
        waiting: size(limits.password_waiters),
        remembered: size(limits.verified_passwords),
        lifetime: Duration::from_secs(limits.verified_password_seconds),
    }
}

pub(super) fn throttle(limits: &Limits) -> ThrottleSettings {
    let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
    ThrottleSettings {
        per_address: count(limits.login_failures_per_address),
        per_login: count(limits.login_failures_per_login),
        per_account: count(limits.login_failures_per_account),
        decay: Duration::from_secs(limits.login_failure_decay_seconds),
        delay: Duration::from_secs(limits.login_delay_seconds),
        remembered: size(limits.throttle_entries),
        trusted: limits.trusted_networks.clone(),
    }
}

pub(super) fn crowd(limits: &Limits) -> CrowdBounds {
    CrowdBounds {
        in_all: size(limits.sessions),
        pending: size(limits.pending_logins),
        of_address: most(limits.sessions_per_address),
        trusted: limits.trusted_networks.clone(),
    }
}

/// Times of token life.
pub(super) fn tokens(limits: &Limits, shared: bool) -> TokenSettings {
    let total = Duration::from_secs(limits.token_seconds);
    // A replica that cannot reach the database may hold what a provider has just given: it gets time to come back.
    let longer = if shared { total * 4 } else { Duration::ZERO };
    TokenSettings {
        ahead: Duration::from_secs(limits.refresh_ahead_seconds),
        patience: total,
        // Longer than an exchange and the saving of its result can take.
        lease: total * 2 + Duration::from_secs(10) + longer,
    }
}

pub(super) fn gate(limits: &Limits) -> GateSettings {
    GateSettings {
        wait: Duration::from_secs(limits.gate_seconds),
        waiters: size(limits.gate_waiters),
        idle: Duration::from_secs(limits.gate_idle_seconds),
    }
}

/// Of SMTP sessions between two programs.
pub(super) fn kept(limits: &Limits) -> KeptSettings {
    KeptSettings {
        idle: Duration::from_secs(limits.smtp_kept_seconds),
        lifetime: Duration::from_secs(limits.smtp_kept_lifetime_seconds),
        messages: u32::try_from(limits.smtp_kept_messages).unwrap_or(u32::MAX),
        sessions: size(limits.smtp_kept_sessions),
    }
}

pub(super) fn session(limits: &Limits) -> session::Limits {
    let seconds = Duration::from_secs;
    let lifetime = |limit| (limit > 0).then(|| seconds(limit));
    session::Limits {
        login: seconds(limits.login_seconds),
        login_attempts: u32::try_from(limits.login_attempts).unwrap_or(u32::MAX),
        login_commands: u32::try_from(limits.login_commands).unwrap_or(u32::MAX),
        account_sessions: most(limits.sessions_per_account),
        proxy_header: HeaderBounds {
            wait: seconds(limits.proxy_header_seconds),
            octets: size(limits.proxy_header_octets),
        },
        smtp_idle: seconds(limits.smtp_idle_seconds),
        imap_idle: seconds(limits.imap_idle_seconds),
        pop3_idle: seconds(limits.pop3_idle_seconds),
        smtp_session: lifetime(limits.smtp_session_seconds),
        imap_session: lifetime(limits.imap_session_seconds),
        pop3_session: lifetime(limits.pop3_session_seconds),
        upstream_reply: seconds(limits.upstream_reply_seconds),
        kept_reply: seconds(limits.smtp_kept_reply_seconds),
        end_of_data: seconds(limits.end_of_data_seconds),
        message_octets: limits.message_octets,
        header_octets: size(limits.header_octets),
    }
}

/// The bounds of a login upstream.
pub(super) fn upstream(limits: &Limits) -> upstream::Limits {
    let seconds = Duration::from_secs;
    upstream::Limits { connect: seconds(limits.connect_seconds), login: seconds(limits.upstream_login_seconds) }
}

/// A bound where 0 is none.
fn most(count: u64) -> usize {
    if count == 0 { usize::MAX } else { size(count) }
}

/// How its providers' servers are treated.
pub(super) fn roads(limits: &Limits) -> upstream::RoadSettings {
    let small = |count| u32::try_from(count).unwrap_or(u32::MAX);
    upstream::RoadSettings {
        connects: size(limits.upstream_connects),
        failures: small(limits.dead_host_failures),
        longest: Duration::from_secs(limits.dead_host_seconds),
        retry_percent: small(limits.upstream_retry_percent),
        ready: upstream::ReadySettings {
            most: size(limits.ready_connections),
            lasts: Duration::from_secs(limits.ready_seconds),
            ..upstream::ReadySettings::default()
        },
    }
}

/// A count of things in memory.
pub(super) fn size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
