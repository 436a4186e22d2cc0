//! The picture for people: the answer first, then what is in trouble, then the rest.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::super::table::Table;
use crate::activity::readable;
use crate::health::{Leased, Picture, Shares, TokenLine};
use crate::replicas::State;

/// So many of a kind are shown; JSON has them all.
const MOST: usize = 20;

pub(super) fn text(picture: &Picture) -> String {
    let Picture { verdict, version, replica, pid, since, at, .. } = picture;
    let mut text = format!("{}\n\n", plain(verdict));
    let one = if picture.replicas.len() > 1 { format!(", replica {}", plain(replica)) } else { String::new() };
    let _ = writeln!(text, "gatepost {version}{one}, process {pid}, since {} ({})", time(*since), span(*at - *since));
    if let Some(ends) = picture.certificate_ends {
        let _ = writeln!(text, "certificate of the listeners: until {} ({})", time(ends), span(ends - *at));
    }
    for part in
        [checks(picture), replicas(picture), accounts(picture), sessions(picture), tokens(picture), rest(picture)]
    {
        if !part.is_empty() {
            let _ = write!(text, "\n{}\n", part.trim_end());
        }
    }
    text.trim_end().to_owned()
}

/// Those that fail; what is wrong with accounts stands below.
fn checks(picture: &Picture) -> String {
    let mut text = String::new();
    for check in picture.checks.iter().filter(|check| !check.ok && check.name != "tokens") {
        for reason in &check.reasons {
            let _ = writeln!(text, "{} FAILS: {}", check.name, plain(&reason.reason));
            if !reason.remedy.is_empty() {
                let _ = writeln!(text, "    {}", plain(&reason.remedy));
            }
        }
    }
    text
}

/// All of them, where there are several; what is below is of this one, but for accounts and tokens.
fn replicas(picture: &Picture) -> String {
    let mut table = Table::new(["REPLICA", "STATE", "VERSION", "FOR", "LOGGED IN", "BEFORE LOGIN"]);
    for line in picture.replicas.iter().take(MOST) {
        let this = if line.own { " (this one)" } else { "" };
        let run = if line.twin { format!(" [{}]", plain(&line.instance)) } else { String::new() };
        let silent = || format!("{} for {}", line.state.name(), seconds(line.silent_seconds));
        table.row([
            format!("{}{run}{this}", plain(&line.name)),
            if line.state == State::Silent { silent() } else { line.state.name().to_owned() },
            plain(&line.version),
            seconds(line.age_seconds),
            line.facts.sessions.values().sum::<u64>().to_string(),
            line.facts.before_login.to_string(),
        ]);
        line.facts.wrong.iter().for_each(|wrong| table.remark(&plain(wrong)));
    }
    if picture.replicas.len() < 2 { String::new() } else { table.text() + &more(picture.replicas.len()) }
}

fn seconds(count: u64) -> String {
    span(TimeDelta::seconds(i64::try_from(count).unwrap_or(i64::MAX / 1000)))
}

fn accounts(picture: &Picture) -> String {
    let accounts = &picture.accounts;
    let mut table = Table::new(["ACCOUNT IN TROUBLE", "WHY"]);
    for account in accounts.in_trouble.iter().take(MOST) {
        table.row([plain(&account.name), plain(&account.reason)]);
        table.remark(&plain(&account.remedy));
    }
    if accounts.in_trouble.is_empty() { String::new() } else { table.text() + &more(accounts.in_trouble.len()) }
}

fn sessions(picture: &Picture) -> String {
    let mut table = Table::new(["PROTOCOL", "LISTENING AT", "LOGGED IN", "BEFORE LOGIN", "SENT", "RECEIVED"]);
    for sessions in &picture.sessions {
        let at = picture.listeners.iter().filter(|listening| listening.protocol == sessions.protocol);
        let at: Vec<_> = at.map(|listening| plain(&listening.address)).collect();
        table.row([
            sessions.protocol.clone(),
            if at.is_empty() { "-".to_owned() } else { at.join(", ") },
            sessions.logged_in.to_string(),
            sessions.before_login.to_string(),
            octets(sessions.to_upstream),
            octets(sessions.to_client),
        ]);
    }
    table.text()
}

fn tokens(picture: &Picture) -> String {
    let mut table = Table::new(["TOKEN", "STATE", "ACCESS TOKEN", "ENDS NEXT"]);
    for token in picture.tokens.iter().take(MOST) {
        table.row([
            plain(&token.name),
            token.state.replace('_', " "),
            access(token, picture.at),
            next(token, picture.at),
        ]);
        if let Some(fault) = token.fault.as_ref().filter(|_| token.state != "disabled") {
            table.remark(&plain(fault));
            table.remark(&plain(token.remedy.as_deref().unwrap_or_default()));
        }
    }
    if picture.tokens.is_empty() { String::new() } else { table.text() + &more(picture.tokens.len()) }
}

fn access(token: &TokenLine, now: DateTime<Utc>) -> String {
    let access = token.ends.iter().find(|ends| ends.what == "access_token");
    access.map_or_else(|| "-".to_owned(), |ends| span(ends.at - now))
}

fn next(token: &TokenLine, now: DateTime<Utc>) -> String {
    let others = token.ends.iter().filter(|ends| ends.what != "access_token");
    let next = others.min_by_key(|ends| ends.at);
    next.map_or_else(|| "-".to_owned(), |ends| format!("{} {}", ends.what.replace('_', " "), span(ends.at - now)))
}

/// What is worth a line only where it is not as usual.
fn rest(picture: &Picture) -> String {
    let mut text = String::new();
    for upstream in picture.upstreams.iter().filter(|upstream| !upstream.up) {
        let fault = upstream.fault.as_deref().unwrap_or("it cannot be reached");
        let _ = writeln!(text, "{} cannot be reached: {}", plain(&upstream.host), plain(fault));
    }
    let up = picture.upstreams.iter().filter(|upstream| upstream.up).map(|upstream| plain(&upstream.host));
    let up: Vec<_> = up.take(MOST).collect();
    if !up.is_empty() {
        let _ = writeln!(text, "reached: {}", up.join(", "));
    }
    for queue in picture.gate.iter().filter(|queue| queue.waiting > 0) {
        let _ = writeln!(text, "waiting for {}: {} ({} through)", queue.limit, queue.waiting, queue.inside);
    }
    text.push_str(&shares(&picture.shares));
    let lines = [
        ("mailboxes that their provider slows down", picture.paused),
        ("messages and other work under way", picture.under_way),
        ("logins that wait for a password hash", picture.hashes.waiting as u64),
    ];
    for (what, count) in lines.iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(text, "{what}: {count}");
    }
    if !picture.blocked.is_empty() {
        let all: u64 = picture.blocked_counts.values().sum();
        let _ = writeln!(text, "refused for a while after failed logins: {all}");
        for blocked in picture.blocked.iter().take(MOST) {
            let left = seconds(blocked.seconds);
            let _ = writeln!(text, "    {} {} for {left}", blocked.what, plain(&blocked.who));
        }
    }
    text
}

/// What it has of limits beyond its part, which is nothing in the usual case.
fn shares(shares: &Shares) -> String {
    let mut text = String::new();
    if shares.alone {
        text.push_str("limits over all replicas: the database cannot be asked; this one keeps to what it holds, and to its part\n");
    }
    for Leased { limit, limits, units, waiting } in
        shares.leases.iter().filter(|leased| leased.units + leased.waiting > 0)
    {
        let _ = writeln!(text, "leased of {limit}: {units} in {limits} limits ({waiting} wait)");
    }
    text
}

fn more(all: usize) -> String {
    if all > MOST { format!("    and {} more; --json has them all\n", all - MOST) } else { String::new() }
}

/// Nothing in it steers a terminal.
fn plain(text: &str) -> String {
    readable(&Value::from(text))
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The two greatest units, such as `3 d 4 h`; with a minus where it has passed.
fn span(span: TimeDelta) -> String {
    let seconds = span.num_seconds();
    let units = [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)];
    let mut left = seconds.abs();
    let mut parts = Vec::new();
    for (unit, length) in units {
        if left >= length && parts.len() < 2 {
            parts.push(format!("{} {unit}", left / length));
            left %= length;
        }
    }
    let sign = if seconds < 0 { "-" } else { "" };
    if parts.is_empty() { "0 s".to_owned() } else { format!("{sign}{}", parts.join(" ")) }
}

fn octets(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let (mut whole, mut rest, mut unit) = (count, 0, 0);
    while whole >= 1000 && unit + 1 < UNITS.len() {
        (rest, whole, unit) = (whole % 1000 / 100, whole / 1000, unit + 1);
    }
    if unit == 0 { format!("{whole} B") } else { format!("{whole}.{rest} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::health::{
        Account, Accounts, Blocked, Check, Ends, Hashes, Listening, Queue, Reason, Sessions, Upstream,
    };
    use crate::replicas::{Facts, Line};

    fn at(time: &str) -> DateTime<Utc> {
        format!("2026-11-{time}Z").parse().unwrap()
    }

    fn shares_of_two() -> Shares {
        let of_smtp = Leased { limit: "smtp_sessions".into(), limits: 2, units: 5, waiting: 1 };
        let of_imap = Leased { limit: "imap_sessions".into(), limits: 0, units: 0, waiting: 0 };
        Shares { holders: 2, alone: true, leases: vec![of_smtp, of_imap] }
    }

    fn picture() -> Picture {
        let sessions = |protocol: &str, logged_in, to_client| Sessions {
            protocol: protocol.into(),
            before_login: 1,
            logged_in,
            opened: 20,
            to_upstream: 999,
            to_client,
        };
        let ends = |what: &str, time| Ends { what: what.into(), at: at(time) };
        let token = |name: &str, state: &str, fault: Option<&str>, ends| TokenLine {
            name: name.into(),
            provider: "microsoft".into(),
            mailbox: "support@example.com".into(),
            state: state.into(),
            usable: fault.is_none(),
            fault: fault.map(str::to_owned),
            remedy: fault.map(|_| format!("run `gatepost token authorize {name}`")),
            ends,
        };
        let replica = |name: &str, own, state| Line {
            name: name.into(),
            instance: "f00".into(),
            own,
            state,
            version: "1.2.3".into(),
            schema: 1,
            age_seconds: 90_000,
            silent_seconds: if own { 0 } else { 95 },
            twin: false,
            facts: Facts {
                sessions: [("imap".to_owned(), 3), ("smtp".to_owned(), 1)].into(),
                before_login: 2,
                wrong: vec!["smtp.example.com:587 cannot be reached".into(); usize::from(!own)],
                ..Facts::default()
            },
        };
        Picture {
            verdict: "Mail is not flowing for 1 of 2 accounts.".into(),
            ready: false,
            checks: vec![Check {
                name: "store".into(),
                ok: false,
                reasons: vec![Reason { account: None, reason: "x".into(), remedy: "y".into() }],
            }],
            at: at("21T10:00:00"),
            version: "1.2.3".into(),
            replica: "east-1".into(),
            replicas: vec![replica("east-1", true, State::Up), replica("east-2", false, State::Silent)],
            pid: 42,
            since: at("18T08:30:00"),
            listeners: vec![Listening { protocol: "imap".into(), address: "127.0.0.1:1143".into() }],
            sessions: vec![sessions("imap", 3, 1_234_567), sessions("smtp", 0, 0)],
            sessions_max: 100,
            under_way: 1,
            accounts: Arc::new(Accounts {
                usable: 1,
                disabled: 0,
                in_trouble: vec![Account {
                    name: "ev\u{1b}mail".into(),
                    token: None,
                    reason: "it ended".into(),
                    remedy: "do it again".into(),
                }],
            }),
            tokens: Arc::new(vec![
                token("sales", "ended", Some("the grant has ended"), vec![]),
                token(
                    "support",
                    "good",
                    None,
                    vec![
                        ends("access_token", "21T10:59:59"),
                        ends("client_secret", "28T10:00:00"),
                        ends("idle_refresh_token", "20T10:00:00"),
                    ],
                ),
            ]),
            upstreams: vec![
                Upstream { provider: "corp".into(), host: "imap.example.com:993".into(), up: true, fault: None },
                Upstream {
                    provider: "corp".into(),
                    host: "smtp.example.com:587".into(),
                    up: false,
                    fault: Some("connection refused".into()),
                },
            ],
            gate: vec![Queue { limit: "messages".into(), inside: 30, waiting: 2 }],
            paused: 1,
            shares: shares_of_two(),
            hashes: Hashes::default(),
            blocked: vec![Blocked { what: "address".into(), who: "192.0.2.1".into(), seconds: 300 }],
            blocked_counts: [("address".into(), 1)].into(),
            certificate_ends: Some(at("30T10:00:00")),
        }
    }

    #[test]
    fn the_answer_comes_first_and_nothing_steers_the_terminal() {
        let text = text(&picture());
        assert!(text.starts_with("Mail is not flowing for 1 of 2 accounts.\n"));
        assert!(!text.contains('\u{1b}'));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn spans_and_sizes_read_well() {
        let spans = [0, 59, 61, 3600, 90_000, -90_061].map(|seconds| span(TimeDelta::seconds(seconds)));
        assert_eq!(spans, ["0 s", "59 s", "1 min 1 s", "1 h", "1 d 1 h", "-1 d 1 h"]);
        let sizes = [0, 999, 1000, 1_250_000, 7_000_000_000].map(octets);
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "1.2 MB", "7.0 GB"]);
    }
}
