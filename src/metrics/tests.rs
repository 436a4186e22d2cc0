use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::*;

fn at(milliseconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(milliseconds).unwrap()
}

fn hear(metrics: &Metrics, event: &str, fields: &Value) {
    let fields = fields.as_object().unwrap().iter();
    let fields: Vec<_> = fields.map(|(name, value)| (&*name.clone().leak(), value.clone())).collect();
    metrics.hear(event, "warn", &fields, at(1_800_000_000_500));
}

fn text(metrics: &Metrics) -> String {
    metrics.text(Sheet::default(), Format::OpenMetrics)
}

fn has(text: &str, line: &str) {
    assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
}

#[test]
fn events_become_numbers() {
    let metrics = Metrics::default();
    hear(&metrics, "message.accepted", &json!({ "size": 5000, "ms": 120 }));
    for stage in ["mail", "rcpt", "rcpt", "data", "end-of-data", "bdat"] {
        hear(&metrics, "message.refused", &json!({ "stage": stage }));
    }
    hear(&metrics, "token.refreshed", &json!({ "token": "support", "ms": 300 }));
    hear(&metrics, "token.refresh_failed", &json!({ "token": "support", "class": "configuration" }));
    hear(&metrics, "token.needs_authorization", &json!({ "token": "sales" }));
    hear(&metrics, "limit.reached", &json!({ "limit": "sessions" }));
    hear(&metrics, "log.lines_lost", &json!({ "lines": 7 }));
    hear(&metrics, "session.tls_failed", &json!({ "protocol": "imap" }));
    for event in ["upstream.throttled", "store.failed", "session.panicked", "notify.failed", "admin.sign_in_failed"] {
        hear(&metrics, event, &json!({}));
    }
    let text = text(&metrics);
    for line in [
        r#"gatepost_messages_total{outcome="accepted"} 1"#,
        r#"gatepost_messages_total{outcome="refused_mail"} 1"#,
        r#"gatepost_messages_total{outcome="refused_rcpt"} 2"#,
        r#"gatepost_messages_total{outcome="refused_data"} 2"#,
        r#"gatepost_messages_total{outcome="refused_other"} 1"#,
        r#"gatepost_message_size_bytes_bucket{le="4096.0"} 0"#,
        r#"gatepost_message_size_bytes_bucket{le="16384.0"} 1"#,
        "gatepost_message_duration_seconds_sum 0.12",
        r#"gatepost_token_refreshes_total{token="support",outcome="success"} 1"#,
        r#"gatepost_token_refreshes_total{token="support",outcome="configuration"} 1"#,
        r#"gatepost_token_refreshes_total{token="sales",outcome="ended"} 1"#,
        "gatepost_token_refresh_duration_seconds_count 1",
        r#"gatepost_limits_reached_total{limit="sessions"} 1"#,
        r#"gatepost_tls_failures_total{protocol="imap"} 1"#,
        "gatepost_upstream_throttled_total 1",
        "gatepost_store_errors_total 1",
        "gatepost_log_lines_dropped_total 7",
        "gatepost_session_panics_total 1",
        "gatepost_notices_failed_total 1",
        "gatepost_admin_sign_in_failures_total 1",
        r#"gatepost_log_events_total{level="warn"} 18"#,
    ] {
        has(&text, line);
    }
}

#[test]
fn a_reload_that_failed_is_told_until_one_succeeds() {
    let metrics = Metrics::default();
    metrics.configured(at(1_700_000_000_000));
    hear(&metrics, "config.reload_failed", &json!({}));
    let failed = text(&metrics);
    has(&failed, "gatepost_config_last_reload_successful 0");
    has(&failed, "gatepost_config_last_reload_success_timestamp_seconds 1700000000.0");
    hear(&metrics, "config.reloaded", &json!({}));
    let succeeded = text(&metrics);
    has(&succeeded, "gatepost_config_last_reload_successful 1");
    has(&succeeded, "gatepost_config_last_reload_success_timestamp_seconds 1800000000.5");
    has(&succeeded, r#"gatepost_config_reloads_total{outcome="failed"} 1"#);
}

#[test]
fn logins_are_counted_by_outcome_and_timed_where_they_succeed() {
    let metrics = Metrics::default();
    let second = std::time::Duration::from_secs(1);
    metrics.login("imap", Outcome::Success, second / 8);
    metrics.login("imap", Outcome::BadCredentials, second);
    metrics.upstream("corp", &Took { connect: second / 100, tls: second / 50, login: second / 4, ..Took::default() });
    let text = text(&metrics);
    for line in [
        r#"gatepost_logins_total{protocol="imap",outcome="success"} 1"#,
        r#"gatepost_logins_total{protocol="imap",outcome="bad_credentials"} 1"#,
        r#"gatepost_logins_total{protocol="smtp",outcome="success"} 0"#,
        r#"gatepost_login_duration_seconds_count{protocol="imap"} 1"#,
        r#"gatepost_upstream_login_duration_seconds_sum{provider="corp",phase="tls"} 0.02"#,
    ] {
        has(&text, line);
    }
}

#[test]
fn names_are_bounded() {
    let metrics = Metrics::default();
    for number in 0..MOST_NAMES + 50 {
        let token = format!("token-{number}");
        hear(&metrics, "token.refreshed", &json!({ "token": token }));
        metrics.upstream(&token, &Took::default());
        hear(&metrics, "limit.reached", &json!({ "limit": token }));
    }
    let text = text(&metrics);
    has(&text, r#"gatepost_token_refreshes_total{token="other",outcome="success"} 50"#);
    has(&text, r#"gatepost_upstream_login_duration_seconds_count{provider="other",phase="tls"} 50"#);
    has(&text, r#"gatepost_limits_reached_total{limit="other"} 50"#);
}

#[test]
fn what_is_read_is_told_in_both_formats_and_nothing_hides_in_a_label() {
    let metrics = Metrics::default();
    metrics.read_also(|sheet| sheet.count("gatepost_gate_paused", &[], 3));
    let sheet = || {
        let mut sheet = Sheet::default();
        sheet.put("gatepost_token_usable", &[("token", "a\"b\\c\nd")], 1.0);
        sheet.count("gatepost_session_bytes_total", &[("protocol", "imap"), ("direction", "to_client")], 7_000_000_000);
        sheet.put("gatepost_not_in_the_catalogue", &[], 1.0);
        sheet
    };
    let new = metrics.text(sheet(), Format::OpenMetrics);
    has(&new, "# TYPE gatepost_session_bytes counter");
    has(&new, r#"gatepost_token_usable{token="a\"b\\c\nd"} 1.0"#);
    has(&new, "gatepost_gate_paused 3.0");
    assert!(new.ends_with("# EOF\n") && !new.contains("not_in_the_catalogue"));
    let old = metrics.text(sheet(), Format::Text);
    has(&old, "# TYPE gatepost_session_bytes_total counter");
    has(&old, "# TYPE gatepost_login_duration_seconds histogram");
    has(&old, r#"gatepost_session_bytes_total{protocol="imap",direction="to_client"} 7000000000.0"#);
    assert!(!old.contains("# EOF"));
}

#[test]
fn the_catalogue_names_things_as_prometheus_does() {
    let names: BTreeSet<_> = CATALOGUE.iter().map(|described| described.name).collect();
    assert_eq!(names.len(), CATALOGUE.len(), "a name is there twice");
    for Described { name, kind, meaning, .. } in CATALOGUE {
        assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
        assert!(name.starts_with("gatepost_") || name.starts_with("process_"), "{name}");
        assert!(!meaning.ends_with('.') && !meaning.contains(['"', '\n', '|']), "{name}");
    }
}

#[test]
fn the_handbook_has_every_metric() {
    assert!(include_str!("../../docs/metrics.md").ends_with(&table()), "its table has to be:\n{}", table());
}
