//! Which events are shown, and for how long.

use super::*;

fn events() {
    tracing::info!(target: "gatepost::token", "ours");
    tracing::trace!(target: "gatepost::token", "ours.deep");
    tracing::info!(target: "rustls::client", "theirs");
    tracing::trace!(target: "rustls::client", "theirs.deep");
    tracing::error!(target: "hyper::client", "fault");
}

fn names(text: &str) -> Vec<&str> {
    let names = text.lines().map(|line| line.split(' ').find(|word| word.starts_with(|c: char| c.is_lowercase())));
    names.map(Option::unwrap).collect()
}

#[test]
fn libraries_are_quiet_unless_asked_for_and_off_is_off() {
    for (levels, shown) in [
        ("info", &["ours", "fault"][..]),
        ("info,rustls=debug", &["ours", "theirs", "fault"]),
        ("warn,token=info", &["ours", "fault"]),
        ("trace", &["ours", "ours.deep", "fault"]),
        ("off", &[]),
    ] {
        assert_eq!(names(&logged(PLAIN, levels, events)), shown, "{levels}");
    }
}

/// Law 8: at trace, libraries tell what crosses their connections.
#[test]
fn no_library_ever_shows_its_traces() {
    let directory = tempfile::tempdir().unwrap();
    let logging = logging(&directory.path().join("log"), "trace");
    let made =
        Levels { general: crate::config::Least::Trace, named: vec![("rustls".into(), crate::config::Least::Trace)] };
    logging.shown.change(&made);
    telling(&logging, events);
    assert_eq!(names(&read(&directory.path().join("log"))), ["ours", "ours.deep", "theirs", "fault"]);
}

#[test]
fn what_is_shown_changes_while_it_runs_and_goes_back_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("log");
    let logging = logging(&file, "warn");
    let event = || tracing::debug!(target: "gatepost::token", "token.told");
    let shows = || {
        let before = read(&file).matches("token.told").count();
        telling(&logging, event);
        read(&file).matches("token.told").count() > before
    };
    telling(&logging, || tracing::warn!(target: "gatepost", "started"));
    assert!(!shows());
    let first = logging.choose("debug".parse().unwrap(), Some(evening()));
    assert_eq!(logging.state().until().as_deref(), Some("2026-11-20T20:00:00Z"));
    assert!(shows());
    let second = logging.choose("info,token=debug".parse().unwrap(), None);
    assert!(shows());
    logging.expire(first);
    assert!(shows(), "another choice was made since");
    logging.expire(second);
    assert!(!shows());
    logging.choose("debug".parse().unwrap(), None);
    logging.reset();
    assert!(!shows());
    assert_eq!(logging.state().shown().to_string(), "warn");
}

#[test]
fn a_reload_changes_what_is_configured_and_leaves_what_was_chosen() {
    let directory = tempfile::tempdir().unwrap();
    let logging = logging(&directory.path().join("log"), "warn");
    let log = |levels: &str| Log {
        levels: levels.parse().unwrap(),
        format: LogFormat::Json,
        file: Some(directory.path().join("another")),
        ..Log::default()
    };
    logging.apply(&log("info"));
    assert_eq!(logging.state().shown().to_string(), "info");
    logging.choose("debug".parse().unwrap(), None);
    logging.apply(&log("error"));
    assert_eq!(logging.state().shown().to_string(), "debug");
    telling(&logging, || tracing::debug!(target: "gatepost::token", "token.told"));
    assert!(read(&directory.path().join("another")).starts_with("{\"time\":"));
    logging.reset();
    assert_eq!(logging.state().shown().to_string(), "error");
}

/// At `warn` nobody would otherwise see that somebody chose to be told less.
#[test]
fn a_change_is_told_while_the_louder_level_holds() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("log");
    let logging = logging(&file, "warn");
    telling(&logging, || {
        logging.choose("debug".parse().unwrap(), None);
        logging.reset();
    });
    let text = read(&file);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.contains("log.level_changed level=debug\n") && text.ends_with("log.level_changed level=warn\n"),
        "{text}"
    );
}
