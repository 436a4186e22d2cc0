use chrono::{DateTime, Utc};
use prometheus_client::metrics::histogram::Histogram;
use serde_json::Value;

use super::Metrics;
use super::fed::{Ended, Level, Limit, MESSAGES, PROTOCOLS, Protocol, Refresh};

/// What an event says beside its name.
type Fields<'a> = &'a [(&'static str, Value)];

/// How a refresh may fail, as `token.refresh_failed` says it.
const CLASSES: [&str; 2] = ["transient", "configuration"];

impl Metrics {
    /// Something was told. `level` is one of info, warn, error.
    pub fn hear(&self, event: &str, level: &'static str, fields: Fields<'_>, now: DateTime<Utc>) {
        let fed = &self.fed;
        fed.events.get_or_create(&Level { level }).inc();
        match event {
            "message.accepted" => self.accepted(fields),
            "message.refused" => self.refused(fields),
            "token.refreshed" => {
                self.refreshed(fields, "success");
                observe(&fed.refresh, seconds(fields, "ms"));
            }
            "token.refresh_failed" => self.refreshed(fields, known(&CLASSES, text(fields, "class"), "transient")),
            "token.needs_authorization" => self.refreshed(fields, "ended"),
            "limit.reached" => {
                // Without a name it is the system's, which has no descriptor left.
                let limit = fed.limit_names.told_apart(text(fields, "limit").unwrap_or("descriptors")).to_owned();
                fed.limits.get_or_create(&Limit { limit }).inc();
            }
            "upstream.throttled" => drop(fed.throttled.inc()),
            "session.tls_failed" => {
                let protocol = known(&PROTOCOLS, text(fields, "protocol"), "smtp");
                fed.tls_failures.get_or_create(&Protocol { protocol }).inc();
            }
            "session.panicked" => drop(fed.panics.inc()),
            "store.failed" => drop(fed.store_errors.inc()),
            "log.lines_lost" => {
                let lines = value(fields, "lines").and_then(Value::as_u64).unwrap_or(1);
                fed.lines_lost.inc_by(lines);
            }
            "config.reloaded" => self.reloaded(Some(now)),
            "config.reload_failed" => self.reloaded(None),
            "notify.failed" | "notify.overloaded" => drop(fed.notices_failed.inc()),
            "admin.sign_in_failed" => drop(fed.sign_in_failures.inc()),
            _ => {}
        }
    }

    /// The configuration was read at this time, or could not be. Also told at the start, which is no reload.
    pub fn configured(&self, now: DateTime<Utc>) {
        self.fed.reloaded.set(1);
        self.fed.reloaded_at.set(seconds_since_1970(now));
    }

    fn reloaded(&self, at: Option<DateTime<Utc>>) {
        let outcome = if at.is_some() { "success" } else { "failed" };
        self.fed.reloads.get_or_create(&Ended { outcome }).inc();
        match at {
            Some(at) => self.configured(at),
            None => drop(self.fed.reloaded.set(0)),
        }
    }

    fn accepted(&self, fields: Fields<'_>) {
        let fed = &self.fed;
        fed.messages.get_or_create(&Ended { outcome: MESSAGES[0] }).inc();
        observe(&fed.message_size, number(fields, "size"));
        observe(&fed.message, seconds(fields, "ms"));
    }

    fn refused(&self, fields: Fields<'_>) {
        let outcome = match text(fields, "stage") {
            Some("mail") => MESSAGES[1],
            Some("rcpt") => MESSAGES[2],
            Some("data" | "end-of-data") => MESSAGES[3],
            _ => MESSAGES[4],
        };
        self.fed.messages.get_or_create(&Ended { outcome }).inc();
    }

    fn refreshed(&self, fields: Fields<'_>, outcome: &'static str) {
        let Some(token) = text(fields, "token") else { return };
        let token = self.fed.tokens.told_apart(token).to_owned();
        self.fed.refreshes.get_or_create(&Refresh { token, outcome }).inc();
    }
}

fn observe(histogram: &Histogram, value: Option<f64>) {
    if let Some(value) = value {
        histogram.observe(value);
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 stay below 2^53")]
fn seconds_since_1970(at: DateTime<Utc>) -> f64 {
    at.timestamp_millis() as f64 / 1000.0
}

fn text<'a>(fields: Fields<'a>, name: &str) -> Option<&'a str> {
    value(fields, name)?.as_str()
}

fn number(fields: Fields<'_>, name: &str) -> Option<f64> {
    value(fields, name)?.as_f64()
}

fn seconds(fields: Fields<'_>, name: &str) -> Option<f64> {
    Some(number(fields, name)? / 1000.0)
}

fn value<'a>(fields: Fields<'a>, name: &str) -> Option<&'a Value> {
    fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// One of those that there are.
fn known(all: &[&'static str], word: Option<&str>, otherwise: &'static str) -> &'static str {
    all.iter().find(|known| Some(**known) == word).copied().unwrap_or(otherwise)
}
