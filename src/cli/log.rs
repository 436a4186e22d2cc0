//! Log lines: for people, or for machines. The message of an event is its name; everything else is a field.

use std::fmt::{self, Write as _};
use std::io::IsTerminal as _;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use crate::clock;
use crate::config::{Log, LogFormat};

/// Starts logging to standard error. A second start (in tests) changes nothing.
pub(super) fn init(log: &Log) {
    // Libraries speak of things that operators cannot act on.
    let filter = EnvFilter::new(format!("{},rustls=error,hyper=error,reqwest=error,h2=error", log.level));
    let lines = Lines {
        format: log.format,
        journal: std::env::var_os("JOURNAL_STREAM").is_some(),
        colour: std::io::stderr().is_terminal(),
    };
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).event_format(lines);
    let _ = subscriber.try_init();
}

/// How lines are written.
#[derive(Clone, Copy, Debug)]
struct Lines {
    format: LogFormat,
    /// systemd reads them: it has its own clock and wants a priority.
    journal: bool,
    colour: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let time = clock::now().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let level = *event.metadata().level();
        match self.format {
            LogFormat::Json => writeln!(writer, "{}", json(&time, level, fields)),
            LogFormat::Text => writeln!(writer, "{}", self.text(&time, level, &fields)),
        }
    }
}

#[derive(Default)]
struct Fields {
    event: String,
    values: Vec<(&'static str, Value)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.event = text,
            (name, value) => self.values.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::String(value.to_owned()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

fn json(time: &str, level: Level, fields: Fields) -> String {
    let mut line = Map::new();
    line.insert("time".into(), time.into());
    line.insert("level".into(), level.as_str().to_lowercase().into());
    line.insert("event".into(), fields.event.into());
    for (name, value) in fields.values {
        line.insert(name.into(), value);
    }
    Value::Object(line).to_string()
}

impl Lines {
    fn text(self, time: &str, level: Level, fields: &Fields) -> String {
        let mut line = if self.journal { format!("<{}>", priority(level)) } else { format!("{time} ") };
        let (on, off) = if self.colour { (colour(level), "\x1b[0m") } else { ("", "") };
        let _ = write!(line, "{on}{level:5}{off} {}", plain(&fields.event));
        for (name, value) in &fields.values {
            let _ = match value {
                Value::String(text) => write!(line, " {name}={}", plain(text)),
                other => write!(line, " {name}={other}"),
            };
        }
        line
    }
}

/// A value as it is where it is one word, else quoted; controls are escaped, so that no one can forge a line.
fn plain(text: &str) -> String {
    let word = |c: char| !c.is_control() && !c.is_whitespace() && c != '"' && c != '=' && c != '\\';
    if !text.is_empty() && text.chars().all(word) { text.to_owned() } else { format!("{text:?}") }
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
    use std::sync::{Arc, Mutex};

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

    fn logged(format: LogFormat, journal: bool) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let lines = Lines { format, journal, colour: false };
        let subscriber = tracing_subscriber::fmt().event_format(lines).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            let user = "tim\r\n2026-11-21T00:00:00Z INFO session.login \u{1b}[31m";
            tracing::warn!(session = %"a-1", user, count = 3_u64, share = 0.5, ok = true, empty = "", "session.login_failed");
        });
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn text_is_one_line_that_nobody_can_forge() {
        let text = logged(LogFormat::Text, false);
        let (_, line) = text.split_once(' ').unwrap();
        let forged = r#"user="tim\r\n2026-11-21T00:00:00Z INFO session.login \u{1b}[31m""#;
        assert_eq!(
            line,
            format!("WARN  session.login_failed session=a-1 {forged} count=3 share=0.5 ok=true empty=\"\"\n")
        );
        assert!(logged(LogFormat::Text, true).starts_with("<4>WARN  session.login_failed session=a-1"));
    }

    #[test]
    fn json_is_one_object_with_proper_types() {
        let text = logged(LogFormat::Json, false);
        assert_eq!(text.lines().count(), 1);
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["event"], "session.login_failed");
        assert_eq!((&line["level"], &line["session"]), (&"warn".into(), &"a-1".into()));
        assert_eq!((&line["count"], &line["share"], &line["ok"]), (&3.into(), &0.5.into(), &true.into()));
        assert_eq!(line["user"], "tim\r\n2026-11-21T00:00:00Z INFO session.login \u{1b}[31m");
    }
}
