use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use super::catalogue::Described;
use super::{Metrics, Outcome, Took, Way};

/// How many names an administrator chose are told apart in a metric; those beyond are counted together as `other`.
pub const MOST_NAMES: usize = 1000;

/// What is counted as it happens.
#[derive(Debug)]
pub(super) struct Fed {
    pub(super) logins: Family<Login, Counter>,
    login: Family<Protocol, Histogram, fn() -> Histogram>,
    upstream: Family<Upstream, Histogram, fn() -> Histogram>,
    ways: Family<ByWay, Counter>,
    pub(super) messages: Family<Ended, Counter>,
    pub(super) message_size: Histogram,
    pub(super) message: Histogram,
    pub(super) refreshes: Family<Refresh, Counter>,
    pub(super) refresh: Histogram,
    pub(super) limits: Family<Limit, Counter>,
    pub(super) throttled: Counter,
    pub(super) tls_failures: Family<Protocol, Counter>,
    pub(super) panics: Counter,
    pub(super) store_errors: Counter,
    pub(super) reloads: Family<Ended, Counter>,
    pub(super) reloaded: Gauge,
    pub(super) reloaded_at: Gauge<f64, AtomicU64>,
    pub(super) events: Family<Level, Counter>,
    pub(super) notices_failed: Counter,
    pub(super) lines_lost: Counter,
    pub(super) sign_in_failures: Counter,
    providers: Names,
    pub(super) tokens: Names,
    pub(super) limit_names: Names,
}

/// The names that are told apart.
#[derive(Debug, Default)]
pub(super) struct Names(RwLock<HashSet<String>>);

impl Names {
    /// This one, or `other` where there are too many already.
    pub(super) fn told_apart<'a>(&self, name: &'a str) -> &'a str {
        {
            let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if names.contains(name) {
                return name;
            }
            if names.len() >= MOST_NAMES {
                return "other";
            }
        }
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MOST_NAMES {
            return "other";
        }
        names.insert(name.to_owned());
        name
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Login {
    pub(super) protocol: &'static str,
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Protocol {
    pub(super) protocol: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Upstream {
    provider: String,
    phase: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByWay {
    provider: String,
    way: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Ended {
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Refresh {
    pub(super) token: String,
    pub(super) outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Limit {
    pub(super) limit: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct Level {
    pub(super) level: &'static str,
}

/// The protocols, as they are labelled.
pub(super) const PROTOCOLS: [&str; 3] = ["smtp", "imap", "pop3"];
/// What becomes of a message.
pub(super) const MESSAGES: [&str; 5] = ["accepted", "refused_mail", "refused_rcpt", "refused_data", "refused_other"];

/// Seconds: what happens on one machine, on the way to a provider, and while one waits for it.
fn short() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0])
}

/// Seconds: a provider looks through what it got.
fn long() -> Histogram {
    Histogram::new([0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0])
}

/// Octets: from a line to what providers take.
fn size() -> Histogram {
    Histogram::new([1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 153_600.0].map(|kib| kib * 1024.0))
}

impl Fed {
    /// All of them in their places; what can be known of labels is there from the beginning, so that a first event is seen as
    /// one more than none.
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let fed = Self::new();
        fed.place(registry);
        fed.begin();
        fed
    }

    fn new() -> Self {
        Self {
            logins: Family::default(),
            login: Family::new_with_constructor(short),
            upstream: Family::new_with_constructor(short),
            ways: Family::default(),
            messages: Family::default(),
            message_size: size(),
            message: long(),
            refreshes: Family::default(),
            refresh: long(),
            limits: Family::default(),
            throttled: Counter::default(),
            tls_failures: Family::default(),
            panics: Counter::default(),
            store_errors: Counter::default(),
            reloads: Family::default(),
            reloaded: Gauge::default(),
            reloaded_at: Gauge::default(),
            events: Family::default(),
            notices_failed: Counter::default(),
            lines_lost: Counter::default(),
            sign_in_failures: Counter::default(),
            providers: Names::default(),
            tokens: Names::default(),
            limit_names: Names::default(),
        }
    }

    fn place(&self, registry: &mut Registry) {
        let mut place = Placing(registry);
        place.one("gatepost_logins_total", &self.logins);
        place.one("gatepost_login_duration_seconds", &self.login);
        place.one("gatepost_upstream_login_duration_seconds", &self.upstream);
        place.one("gatepost_upstream_sessions_total", &self.ways);
        place.one("gatepost_messages_total", &self.messages);
        place.one("gatepost_message_size_bytes", &self.message_size);
        place.one("gatepost_message_duration_seconds", &self.message);
        place.one("gatepost_token_refreshes_total", &self.refreshes);
        place.one("gatepost_token_refresh_duration_seconds", &self.refresh);
        place.one("gatepost_limits_reached_total", &self.limits);
        place.one("gatepost_upstream_throttled_total", &self.throttled);
        place.one("gatepost_tls_failures_total", &self.tls_failures);
        place.one("gatepost_session_panics_total", &self.panics);
        place.one("gatepost_store_errors_total", &self.store_errors);
        place.one("gatepost_config_reloads_total", &self.reloads);
        place.one("gatepost_config_last_reload_successful", &self.reloaded);
        place.one("gatepost_config_last_reload_success_timestamp_seconds", &self.reloaded_at);
        place.one("gatepost_log_events_total", &self.events);
        place.one("gatepost_log_lines_dropped_total", &self.lines_lost);
        place.one("gatepost_notices_failed_total", &self.notices_failed);
        place.one("gatepost_admin_sign_in_failures_total", &self.sign_in_failures);
    }

    fn begin(&self) {
        for protocol in PROTOCOLS {
            for outcome in Outcome::ALL {
                drop(self.logins.get_or_create(&Login { protocol, outcome: outcome.name() }));
            }
            drop(self.login.get_or_create(&Protocol { protocol }));
            drop(self.tls_failures.get_or_create(&Protocol { protocol }));
        }
        for outcome in MESSAGES {
            drop(self.messages.get_or_create(&Ended { outcome }));
        }
        for outcome in ["success", "failed"] {
            drop(self.reloads.get_or_create(&Ended { outcome }));
        }
        for level in ["info", "warn", "error"] {
            drop(self.events.get_or_create(&Level { level }));
        }
        self.reloaded.set(1);
    }
}

/// Puts metrics into a registry under what the catalogue says of them.
struct Placing<'a>(&'a mut Registry);

impl Placing<'_> {
    fn one<M: Metric + Clone>(&mut self, name: &'static str, metric: &M) {
        debug_assert!(Described::named(name).is_some(), "{name} is not in the catalogue");
        let Some(described) = Described::named(name) else { return };
        self.0.register(described.base(), described.meaning, metric.clone());
    }
}

impl Metrics {
    /// A login has ended, so long after the password came.
    pub fn login(&self, protocol: &'static str, outcome: Outcome, took: Duration) {
        self.fed.logins.get_or_create(&Login { protocol, outcome: outcome.name() }).inc();
        if outcome == Outcome::Success {
            self.fed.login.get_or_create(&Protocol { protocol }).observe(took.as_secs_f64());
        }
    }

    /// A provider let somebody in.
    pub fn upstream(&self, provider: &str, took: &Took) {
        let Took { way, connect, tls, login } = took;
        let provider = self.fed.providers.told_apart(provider);
        self.fed.ways.get_or_create(&ByWay { provider: provider.to_owned(), way: way.name() }).inc();
        let phases: &[_] = match way {
            Way::New => &[("connect", connect), ("tls", tls), ("login", login)],
            Way::Ready => &[("login", login)],
            Way::Reused => &[],
        };
        for &(phase, took) in phases {
            let labels = Upstream { provider: provider.to_owned(), phase };
            self.fed.upstream.get_or_create(&labels).observe(took.as_secs_f64());
        }
    }
}
