//! Log lines: for people, or for machines. The message of an event is its name; everything else is a field.

use std::fmt::{self, Write as _};
use std::io::IsTerminal as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::activity::{Activity, Fields, json, plain};
use crate::clock;
use crate::config::{Log, LogFormat};

/// Starts logging to standard error, and tells what is going on to those who watch it, also what is not shown. A second start
/// (in tests) changes nothing.
pub(super) fn init(log: &Log, activity: &Arc<Activity>) {
    let lines = Lines { format: log.format, journal: to_journal(), colour: in_colour(), now: clock::now };
    let filter = EnvFilter::new(directives(&log.level));
    let shown = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).event_format(lines).with_filter(filter);
    let _ = tracing_subscriber::registry().with(shown).with(activity.recorder()).try_init();
}

/// Libraries speak of things that operators cannot act on; what is asked for by name is shown.
fn directives(level: &str) -> String {
    match level {
        "off" => "off".to_owned(),
        level => format!("rustls=error,hyper=error,reqwest=error,h2=error,{level}"),
    }
}

fn in_colour() -> bool {
    let is = |name, wanted: fn(&str) -> bool| std::env::var(name).is_ok_and(|value| wanted(&value));
    // https://no-color.org
    std::io::stderr().is_terminal()
        && !is("NO_COLOR", |value| !value.is_empty())
        && !is("TERM", |value| value == "dumb")
}

/// Whether standard error is the journal's stream.
fn to_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    std::fs::metadata("/proc/self/fd/2").is_ok_and(|stderr| names(&stream, stderr.dev(), stderr.ino()))
}

/// systemd.exec(5): device and inode. Programs inherit the variable from a desktop's session though they write elsewhere.
fn names(stream: &str, device: u64, inode: u64) -> bool {
    stream.split_once(':').is_some_and(|(d, i)| d.parse() == Ok(device) && i.parse() == Ok(inode))
}

/// How lines are written.
#[derive(Clone, Copy, Debug)]
struct Lines {
    format: LogFormat,
    /// systemd reads them: it has its own clock and wants a priority.
    journal: bool,
    colour: bool,
    now: fn() -> DateTime<Utc>,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let target = fields.target.take().unwrap_or_else(|| event.metadata().target().to_owned());
        let time = (self.now)().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let level = *event.metadata().level();
        match self.format {
            LogFormat::Json => writeln!(writer, "{}", object(time, level, target, fields)),
            LogFormat::Text => writeln!(writer, "{}", self.text(&time, level, target, fields)),
        }
    }
}

/// One object, with no key twice: a field that is called like one of the first four is called `field.…`.
fn object(time: String, level: Level, target: String, fields: Fields) -> String {
    let level = level.as_str().to_lowercase();
    let head = [("time", time), ("level", level), ("event", fields.event), ("target", target)];
    let mut line = String::from("{");
    for (name, text) in &head {
        let comma = if line.len() > 1 { "," } else { "" };
        let _ = write!(line, "{comma}\"{name}\":{}", json(&text.as_str().into()));
    }
    for (name, value) in fields.values {
        let prefix = if head.iter().any(|(taken, _)| *taken == name) { "field." } else { "" };
        let _ = write!(line, ",{}:{}", json(&format!("{prefix}{name}").into()), json(&value));
    }
    line + "}"
}

impl Lines {
    fn text(self, time: &str, level: Level, target: String, mut fields: Fields) -> String {
        // Gatepost's own events have names that say where they come from.
        if target.split("::").next() != Some("gatepost") {
            fields.values.push(("target", target.into()));
        }
        let mut line = if self.journal { format!("<{}>", priority(level)) } else { format!("{time} ") };
        let (on, off) = if self.colour { (colour(level), "\x1b[0m") } else { ("", "") };
        let _ = write!(line, "{on}{level:5}{off} {}", plain(&Value::String(fields.event)));
        for (name, value) in &fields.values {
            let _ = write!(line, " {name}={}", plain(value));
        }
        line
    }
}

/// sd-daemon(3)
const fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

const fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG | Level::TRACE => "\x1b[34m",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    const PLAIN: Lines = Lines { format: LogFormat::Text, journal: false, colour: false, now: evening };

    fn evening() -> DateTime<Utc> {
        "2026-11-20T20:00:00.1234Z".parse().unwrap()
    }

    fn logged(lines: Lines, directives: &str, events: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(directives)).event_format(lines);
        tracing::subscriber::with_default(subscriber.with_writer(move || writer.clone()).finish(), events);
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
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

    #[test]
    fn libraries_are_quiet_unless_asked_for_and_off_is_off() {
        let events = || {
            tracing::info!(target: "gatepost::token", "ours");
            tracing::info!(target: "rustls::client", "theirs");
            tracing::error!(target: "hyper::client", "fault");
        };
        let names = |level: &str| {
            let text = logged(Lines { journal: true, ..PLAIN }, &directives(level), events);
            ["ours", "theirs", "fault"].into_iter().filter(|name| text.contains(name)).collect::<Vec<_>>()
        };
        assert_eq!(names("info"), ["ours", "fault"]);
        assert_eq!(names("info,rustls=debug"), ["ours", "theirs", "fault"]);
        assert_eq!(names("warn,gatepost::token=info"), ["ours", "fault"]);
        assert_eq!(names("off"), [""; 0]);
    }
}
