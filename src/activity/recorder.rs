use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::counts::Tally;
use super::events::Event;
use super::fields::{Fields, readable};
use super::{Activity, uses};
use crate::clock;

impl Activity {
    /// Hears what Gatepost tells at `info` and above, whatever of it the log shows.
    #[must_use]
    pub fn recorder<S>(self: &Arc<Self>) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let heard = filter_fn(is_ours).with_max_level_hint(LevelFilter::INFO);
        Recorder(Arc::clone(self)).with_filter(heard)
    }

    /// Something was told.
    fn hear(&self, now: DateTime<Utc>, level: Level, fields: &Fields) {
        self.count(now, fields);
        self.metrics.hear(&fields.event, word(level), &fields.values, now);
        self.events.tell(event(now, level, fields));
    }

    fn count(&self, now: DateTime<Utc>, fields: &Fields) {
        let account = || text(fields, "account");
        let tally = match fields.event.as_str() {
            "session.login" => {
                self.uses.note(account(), text(fields, "password"), uses::What::Login, now);
                Tally::Login
            }
            "message.accepted" => {
                self.uses.note(account(), None, uses::What::Message, now);
                Tally::Message
            }
            "session.login_failed" | "message.refused" | "token.refresh_failed" => Tally::Failure,
            "token.refreshed" => Tally::Refresh,
            _ => return,
        };
        self.counts.add(tally, now);
    }
}

/// Libraries speak of things that administrators cannot act on.
fn is_ours(told: &Metadata<'_>) -> bool {
    told.is_event() && *told.level() <= Level::INFO && told.target().split("::").next() == Some("gatepost")
}

/// As metrics label it.
const fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        _ => "info",
    }
}

struct Recorder(Arc<Activity>);

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0.hear(clock::now(), *event.metadata().level(), &fields);
    }
}

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.values.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.as_str())
}

fn event(at: DateTime<Utc>, level: Level, fields: &Fields) -> Event {
    // Whoever could not log in is looked for by the name that was typed.
    let typed = || text(fields, "user").filter(|_| fields.event.starts_with("session."));
    let account = text(fields, "account").or_else(typed).map(shown);
    let token = text(fields, "token").map(shown);
    let name = shown(&fields.event);
    let fields = fields.values.iter().map(|(name, value)| (*name, readable(value))).collect();
    Event { id: 0, at, level, name, account, token, fields }
}

fn shown(text: &str) -> String {
    readable(&Value::from(text))
}
