//! What a monitor sees of a service that runs: every metric, the dashboard and the alerts that are made of them, and
//! `gatepost status`. `tests/run` installs promtool (Debian's package prometheus); where it is missing the tests say so.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops at once")]
#![cfg(target_os = "linux")]

mod promtool;
mod queries;
#[path = "../relay/scene.rs"]
#[allow(dead_code, reason = "the relay's tests need more of it")]
mod scene;
mod scrape;
mod service;
mod status;

use std::collections::BTreeSet;

use gatepost::metrics::CATALOGUE;
use queries::Query;
use service::Service;

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_dashboard_alerts_and_handbook_is_in_a_scrape() {
    let service = Service::in_use().await;
    let scrape = service.scrape("application/openmetrics-text").await;
    let there: BTreeSet<_> = scrape.names().into_iter().collect();
    for described in CATALOGUE {
        assert!(there.contains(described.name), "{} is in the catalogue and in no scrape", described.name);
        let labels = scrape.labels(described.name);
        let known: BTreeSet<_> = described.labels.iter().map(|label| (*label).to_owned()).collect();
        assert_eq!(labels, known, "labels of {}", described.name);
    }
    for name in &there {
        assert!(CATALOGUE.iter().any(|described| described.name == name), "{name} is in no catalogue");
    }
    let queries = queries::all();
    assert!(queries.len() > 60, "{}", queries.len());
    for Query { place, name, labels } in &queries {
        assert!(there.contains(name), "{place}: there is no metric {name}");
        let known = scrape.labels(name);
        let described = CATALOGUE.iter().find(|described| described.name == name).unwrap();
        for (label, values) in labels {
            assert!(
                known.contains(label) || ["instance", "job", "le"].contains(&label.as_str()),
                "{place}: {name} has no label {label}"
            );
            for value in values {
                let told = described.meaning.contains(value.as_str()) || scrape.has_value(name, label, value);
                assert!(told, "{place}: {label} of {name} is never {value}");
            }
        }
    }
    promtool::check_metrics(&service.scrape("text/plain").await.text);
    assert!(!scrape.text.contains("s3cret") && !scrape.text.contains("nobody-there"), "{}", scrape.text);
    service.stop().await;
}

#[test]
fn the_rules_are_rules_and_each_alert_is_raised_by_what_it_is_for() {
    promtool::run(&["check", "rules", "deploy/prometheus/gatepost-alerts.yml"], None);
    promtool::run(&["test", "rules", "tests/monitoring/alerts-test.yml"], None);
}

#[test]
fn the_dashboard_is_one_and_each_alert_has_its_test() {
    let dashboard: serde_json::Value = serde_json::from_str(queries::DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "two panels have the same id");
    let rows = panels.iter().filter(|panel| panel["type"] == "row").count();
    assert!(rows >= 6 && panels.len() > 30, "{rows} rows, {} panels", panels.len());
    let tests = include_str!("alerts-test.yml");
    for alert in queries::ALERTS.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tests.contains(alert), "no test raises {alert}");
    }
}
