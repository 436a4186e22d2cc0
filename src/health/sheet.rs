use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::picture::{Picture, Shares};
use super::tokens::{TokenLine, UNREADABLE};
use crate::metrics::{MOST_NAMES, Sheet};
use crate::model::Standing;
use crate::replicas::State;

/// Writes down what was seen.
pub(super) fn tell(picture: &Picture, sheet: &mut Sheet) {
    readiness(picture, sheet);
    sessions(picture, sheet);
    accounts(picture, sheet);
    tokens(picture, sheet);
    let one = |flag: bool| if flag { 1.0 } else { 0.0 };
    for upstream in picture.upstreams.iter().take(MOST_NAMES) {
        let labels = [("provider", upstream.provider.as_str()), ("host", upstream.host.as_str())];
        sheet.put("gatepost_upstream_up", &labels, one(upstream.up));
    }
    for queue in &picture.gate {
        sheet.count("gatepost_gate_inside", &[("limit", &queue.limit)], queue.inside);
        sheet.count("gatepost_gate_waiting", &[("limit", &queue.limit)], queue.waiting);
    }
    sheet.count("gatepost_gate_paused", &[], picture.paused);
    shares(&picture.shares, sheet);
    for (state, count) in [("running", picture.hashes.running), ("waiting", picture.hashes.waiting)] {
        sheet.count("gatepost_password_hashes", &[("state", state)], count as u64);
    }
    sheet.count("gatepost_password_hashes_max", &[], picture.hashes.most as u64);
    for (what, count) in &picture.blocked_counts {
        sheet.count("gatepost_blocked", &[("what", what)], *count);
    }
    if let Some(ends) = picture.certificate_ends {
        sheet.put("gatepost_certificate_expires_in_seconds", &[], seconds(ends, picture.at));
    }
}

fn readiness(picture: &Picture, sheet: &mut Sheet) {
    let one = |flag: bool| if flag { 1.0 } else { 0.0 };
    sheet.put("gatepost_ready", &[], one(picture.ready));
    for check in &picture.checks {
        sheet.put("gatepost_check", &[("check", &check.name)], one(check.ok));
    }
    sheet.put("gatepost_build_info", &[("version", &picture.version)], 1.0);
    let labels = [("replica", picture.replica.as_str()), ("version", picture.version.as_str())];
    sheet.put("gatepost_replica_info", &labels, 1.0);
    for state in State::ALL {
        let count = picture.replicas.iter().filter(|line| line.state == state).count();
        sheet.count("gatepost_replicas", &[("state", state.name())], count as u64);
    }
    sheet.count("gatepost_messages_under_way", &[], picture.under_way);
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        sheet.count("gatepost_runtime_tasks", &[], runtime.metrics().num_alive_tasks() as u64);
    }
}

fn sessions(picture: &Picture, sheet: &mut Sheet) {
    for sessions in &picture.sessions {
        let protocol = ("protocol", sessions.protocol.as_str());
        let here = picture.listeners.iter().filter(|listening| listening.protocol == sessions.protocol);
        sheet.count("gatepost_listeners", &[protocol], here.count() as u64);
        for (phase, count) in [("before_login", sessions.before_login), ("logged_in", sessions.logged_in)] {
            sheet.count("gatepost_sessions", &[protocol, ("phase", phase)], count);
        }
        sheet.count("gatepost_sessions_opened_total", &[protocol], sessions.opened);
        for (direction, octets) in [("to_upstream", sessions.to_upstream), ("to_client", sessions.to_client)] {
            sheet.count("gatepost_session_bytes_total", &[protocol, ("direction", direction)], octets);
        }
    }
    sheet.count("gatepost_sessions_max", &[], picture.sessions_max);
}

/// Sums over all mailboxes: a series for each would be too many.
fn shares(shares: &Shares, sheet: &mut Sheet) {
    sheet.count("gatepost_shares_holders", &[], shares.holders);
    sheet.put("gatepost_shares_alone", &[], if shares.alone { 1.0 } else { 0.0 });
    for leased in &shares.leases {
        let label = [("limit", leased.limit.as_str())];
        sheet.count("gatepost_shares_leased", &label, leased.limits);
        sheet.count("gatepost_shares_units", &label, leased.units);
        sheet.count("gatepost_shares_waiting", &label, leased.waiting);
    }
}

fn accounts(picture: &Picture, sheet: &mut Sheet) {
    let accounts = &picture.accounts;
    let states =
        [("usable", accounts.usable), ("unusable", accounts.in_trouble.len()), ("disabled", accounts.disabled)];
    for (state, count) in states {
        sheet.count("gatepost_accounts", &[("state", state)], count as u64);
    }
}

/// Those in trouble come first, so that none of them is left out where there are too many.
fn tokens(picture: &Picture, sheet: &mut Sheet) {
    let mut states: BTreeMap<&str, u64> = Standing::ALL.map(|standing| (standing.key(), 0)).into();
    states.insert(UNREADABLE, 0);
    for token in picture.tokens.iter() {
        *states.entry(&token.state).or_default() += 1;
    }
    for (state, count) in states {
        sheet.count("gatepost_tokens", &[("state", state)], count);
    }
    for token in picture.tokens.iter().take(MOST_NAMES) {
        self::token(token, picture.at, sheet);
    }
    sheet.count("gatepost_tokens_left_out", &[], picture.tokens.len().saturating_sub(MOST_NAMES) as u64);
}

fn token(token: &TokenLine, now: DateTime<Utc>, sheet: &mut Sheet) {
    let name = ("token", token.name.as_str());
    let labels = [name, ("provider", token.provider.as_str()), ("state", token.state.as_str())];
    sheet.put("gatepost_token_state", &labels, 1.0);
    sheet.put("gatepost_token_usable", &[name], if token.usable { 1.0 } else { 0.0 });
    for ends in &token.ends {
        let labels = [name, ("what", ends.what.as_str())];
        sheet.put("gatepost_token_expires_in_seconds", &labels, seconds(ends.at, now));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a span of time in milliseconds stays below 2^53")]
fn seconds(at: DateTime<Utc>, now: DateTime<Utc>) -> f64 {
    (at - now).num_milliseconds() as f64 / 1000.0
}
