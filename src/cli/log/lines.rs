//! Log lines: for people, or for machines. The message of an event is its name; everything else is a field.

use std::fmt::Write as _;
use std::sync::Arc;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use serde_json::Value;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::Context;

use super::writer::Writer;
use crate::activity::{Fields, json, plain};
use crate::config::LogFormat;

/// Makes a line of each event, and lets it be written.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) lines: Arc<ArcSwap<Lines>>,
    pub(super) writer: Arc<Writer>,
}

impl<S: Subscriber> tracing_subscriber::Layer<S> for Layer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.writer.put(self.lines.load().line(event));
    }
}

/// How lines are written.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    pub(super) format: LogFormat,
    /// systemd reads them: it has its own clock and wants a priority.
    pub(super) journal: bool,
    pub(super) colour: bool,
    pub(super) now: fn() -> DateTime<Utc>,
    /// Who says so, where there may be several.
    pub(super) replica: Option<Arc<str>>,
}

impl Lines {
    /// With its end.
    fn line(&self, event: &Event<'_>) -> String {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let Some(replica) = &self.replica {
            fields.values.push(("replica", Value::from(&**replica)));
        }
        let target = fields.target.take().unwrap_or_else(|| event.metadata().target().to_owned());
        let time = (self.now)().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let level = *event.metadata().level();
        let mut line = match self.format {
            LogFormat::Json => object(time, level, target, fields),
            LogFormat::Text => self.text(&time, level, target, fields),
        };
        line.push('\n');
        line
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
    fn text(&self, time: &str, level: Level, target: String, mut fields: Fields) -> String {
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
