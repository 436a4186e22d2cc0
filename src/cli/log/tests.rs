mod files;
mod levels;
mod queue;

use std::path::Path;

use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt as _;

use super::lines::Lines;
use super::*;
use crate::config::{LogFormat, Rotation};

const PLAIN: Lines = Lines { format: LogFormat::Text, journal: false, colour: false, now: evening, replica: None };

fn evening() -> DateTime<Utc> {
    "2026-11-20T20:00:00.1234Z".parse().unwrap()
}

/// What a file gets of these events.
fn logged(lines: Lines, levels: &str, events: impl FnOnce()) -> String {
    let directory = tempfile::tempdir().unwrap();
    let logging = logging(&directory.path().join("log"), levels);
    logging.lines.store(Arc::new(lines));
    // A library that speaks through the `log` crate is asked for by its own name before it comes by this one.
    let mut levels = logging.state().usual;
    levels.named.push(("log".into(), crate::config::Least::Info));
    logging.shown.change(&levels);
    telling(&logging, events);
    read(&directory.path().join("log"))
}

/// A log that is written to a file, and not rotated.
fn logging(file: &Path, levels: &str) -> Arc<Logging> {
    // While there is but one subscriber, a thread without it could turn an event off for all.
    static ANOTHER: std::sync::LazyLock<tracing::Dispatch> =
        std::sync::LazyLock::new(|| tracing::Dispatch::new(tracing_subscriber::registry()));
    std::sync::LazyLock::force(&ANOTHER);
    let rotation = Rotation { octets: 0, daily: false, keep: 5 };
    let log = Log { levels: levels.parse().unwrap(), file: Some(file.into()), rotation, ..Log::default() };
    let logging = Logging::new(&log, None);
    logging.lines.store(Arc::new(PLAIN));
    logging
}

/// Waits until all of it is written.
fn telling(logging: &Logging, events: impl FnOnce()) {
    let (lines, writer) = (Arc::clone(&logging.lines), Arc::clone(&logging.writer));
    let shown = lines::Layer { lines, writer }.with_filter(logging.shown.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(shown), events);
    logging.writer.flush(LONG);
}

/// No test waits so long unless something is broken.
const LONG: Duration = Duration::from_mins(2);

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap()
}

/// What a healthy evening, an attacker and a library say.
fn events() {
    tracing::info!(session = %"a-1", account = "evmail", protocol = %"imap", ms = 12_u64, tls = true, "session.login");
    let forged = "tim\r\n2026-11-21T00:00:00Z INFO session.login \u{1b}[31m\u{9b}2J\u{202e}";
    tracing::warn!(session = %"a-2", user = forged, empty = "", name = "Zoë", "session.login_failed");
    tracing::error!(
        share = 0.5,
        lost = f64::NAN,
        least = f64::NEG_INFINITY,
        difference = -3,
        huge = u128::MAX,
        "odd.numbers"
    );
    let fault = anyhow::anyhow!("connection refused").context("cannot reach \"imap.example.com\"");
    tracing::error!(
        error = AsRef::<dyn std::error::Error>::as_ref(&fault),
        time = "now",
        level = 9,
        "upstream.unreachable"
    );
    tracing::info!(target: "log", { log.target = "rustls::conn", log.file = "/build/conn.rs", log.line = 7 }, "no name\nat all");
    tracing::debug!("not.shown");
}

#[test]
fn text_reads_well_and_nobody_can_forge_a_line() {
    let text = logged(PLAIN, "info", events);
    assert_eq!(text.lines().count(), 5);
    insta::assert_snapshot!(text);
}

#[test]
fn json_is_one_object_a_line_with_proper_types() {
    let text = logged(Lines { format: LogFormat::Json, ..PLAIN }, "info", events);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[0]["ms"], 12);
    assert_eq!(lines[1]["user"], "tim\r\n2026-11-21T00:00:00Z INFO session.login \u{1b}[31m\u{9b}2J\u{202e}");
    assert_eq!((&lines[3]["time"], &lines[3]["field.time"]), (&"2026-11-20T20:00:00.123Z".into(), &"now".into()));
    insta::assert_snapshot!(text);
}

#[test]
fn one_of_several_says_who_it_is() {
    let replica = || Some("east-1".into());
    let text = logged(Lines { replica: replica(), ..PLAIN }, "info", || tracing::info!(ms = 1, "x"));
    assert!(text.ends_with(" INFO  x ms=1 replica=east-1\n"), "{text}");
    let json = Lines { format: LogFormat::Json, replica: replica(), ..PLAIN };
    let json: Value = serde_json::from_str(&logged(json, "info", || tracing::info!("x"))).unwrap();
    assert_eq!(json["replica"], "east-1");
}

#[test]
fn the_journal_gets_priorities_and_a_terminal_colours() {
    let events = || {
        tracing::error!("a");
        tracing::warn!("b");
        tracing::info!("c");
        tracing::debug!("d");
    };
    let journal = logged(Lines { journal: true, ..PLAIN }, "debug", events);
    assert_eq!(journal, "<3>ERROR a\n<4>WARN  b\n<6>INFO  c\n<7>DEBUG d\n");
    let colour = logged(Lines { colour: true, ..PLAIN }, "error", events);
    assert_eq!(colour, "2026-11-20T20:00:00.123Z \x1b[31mERROR\x1b[0m a\n");
}

#[test]
fn a_value_is_bounded() {
    let text = logged(PLAIN, "info", || tracing::info!(reply = "é".repeat(5000), "x"));
    assert!(text.ends_with(&format!(" x reply={}…\n", "é".repeat(4096))));
}

#[test]
fn the_journal_is_the_stream_that_systemd_named() {
    assert!(names("8:4711", 8, 4711));
    for other in ["8:4712", "9:4711", "", "8", "8:", ":4711", "8:4711:1"] {
        assert!(!names(other, 8, 4711), "{other}");
    }
}
