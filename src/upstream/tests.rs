//! Logins at a simulated provider whose servers are sick, and many who wait for their turn.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatepost_kit::Provider as Kit;

use super::*;
use crate::model::{AccessToken, Endpoint, Endpoints, Grant, Protocol, Provider, SaslMechanism, Token, UpstreamTls};
use crate::net::{self, Names};
use crate::proto::imap::ImapUpstream;

const MAILBOX: &str = "support@example.com";
/// Longer than any test.
const HOUR: Duration = Duration::from_hours(1);

struct Scene {
    kit: Kit,
    reach: Reach,
    token: Token,
    _directory: tempfile::TempDir,
}

impl Scene {
    async fn new(limit: Duration, roads: Roads) -> Self {
        let kit = Kit::start().await;
        let directory = tempfile::tempdir().unwrap();
        let ca = directory.path().join("ca.pem");
        std::fs::write(&ca, kit.authority.ca_pem()).unwrap();
        let trust = net::client_config(Some(&ca)).unwrap();
        let limits = Limits { connect: limit, login: limit };
        let reach = Reach { trust, ehlo: "gatepost.example".into(), limits, roads: Arc::new(roads) };
        let token = token(&kit, "localhost");
        Self { kit, reach, token, _directory: directory }
    }

    async fn usual() -> Self {
        Self::new(Duration::from_secs(30), Roads::default()).await
    }

    fn access(&self, mailbox: &str) -> AccessToken {
        let secret = self.kit.issue_access_token(mailbox, HOUR);
        AccessToken::new(secret.into(), chrono::DateTime::UNIX_EPOCH)
    }

    async fn log_in(&self) -> Result<(), UpstreamError> {
        log_in(&self.reach, &self.token, &self.access(MAILBOX)).await
    }

    async fn examine(&self) -> Result<(), UpstreamError> {
        let target = self.reach.examined(&self.token, Protocol::Imap, MAILBOX).unwrap();
        target.log_in(&self.access(MAILBOX), ImapUpstream::new).await.map(drop)
    }

    fn is_dead(&self) -> bool {
        self.reach.roads.look().iter().any(|seen| seen.dead.is_some())
    }
}

async fn log_in(reach: &Reach, token: &Token, access: &AccessToken) -> Result<(), UpstreamError> {
    let target = reach.target(token, Protocol::Imap, MAILBOX).unwrap();
    target.log_in(access, ImapUpstream::new).await.map(drop)
}

fn token(kit: &Kit, host: &str) -> Token {
    let at = |port| Some(Endpoint { host: host.into(), port, tls: UpstreamTls::Implicit });
    let ports = &kit.ports;
    let endpoints = Endpoints { imap: at(ports.imaps), pop3: at(ports.pop3s), smtp: at(ports.smtps) };
    let provider = Provider { endpoints, sasl: SaslMechanism::Xoauth2, ..Provider::default() };
    Token { mailbox: MAILBOX.into(), ..Token::bare("support", Arc::new(provider), Grant::AuthorizationCode) }
}

#[tokio::test]
async fn one_protocol_that_lets_it_in_is_enough_and_none_is_too_few() {
    let scene = Scene::usual().await;
    let (ours, others) = (scene.access(MAILBOX), scene.access("other@example.com"));
    scene.kit.faults(|faults| faults.refuse_logins = 2);
    scene.reach.probe(&scene.token, &ours).await.unwrap();
    let refused = scene.reach.probe(&scene.token, &others).await.unwrap_err();
    assert!(refused.is_refusal(), "{refused}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_left_in_peace_until_somebody_reaches_it() {
    let scene = Scene::usual().await;
    scene.kit.faults(|faults| faults.greeting = Some(""));
    for _ in 0..3 {
        let fault = scene.log_in().await.unwrap_err();
        assert!(matches!(fault, UpstreamError::Broke { .. }), "{fault}");
    }
    let target = scene.reach.target(&scene.token, Protocol::Imap, MAILBOX).unwrap();
    let closed = target.closed().unwrap().to_string();
    assert!(closed.contains("localhost port") && closed.contains("broke the connection during login"), "{closed}");
    let smtp = scene.reach.target(&scene.token, Protocol::Smtp, MAILBOX).unwrap();
    assert_eq!(smtp.closed(), None, "its other servers are others");
    assert!(matches!(scene.examine().await.unwrap_err(), UpstreamError::Broke { .. }), "who looks for it finds it");
    scene.kit.faults(|faults| faults.greeting = None);
    scene.examine().await.unwrap();
    assert!(!scene.is_dead(), "and finds that it is over");
    for _ in 0..10 {
        scene.log_in().await.unwrap();
    }
}

#[tokio::test]
async fn other_settings_try_a_dead_server_at_once_and_one_that_nobody_has_is_forgotten() {
    let scene = Scene::usual().await;
    scene.kit.faults(|faults| faults.greeting = Some(""));
    for _ in 0..3 {
        scene.log_in().await.unwrap_err();
    }
    assert!(scene.is_dead());
    scene.kit.faults(|faults| faults.greeting = None);
    scene.reach.roads.set(RoadSettings::default());
    scene.log_in().await.unwrap();
    assert_eq!(scene.reach.roads.look().len(), 1);
    scene.reach.roads.keep(&std::collections::HashSet::new());
    assert_eq!(scene.reach.roads.look(), []);
}

/// Law 9: what one mailbox is refused, or how it hangs, is nobody else's affair.
#[tokio::test]
async fn a_mailbox_that_is_refused_says_nothing_of_the_server() {
    let scene = Scene::usual().await;
    scene.kit.faults(|faults| faults.refuse_logins = 20);
    for _ in 0..20 {
        assert!(scene.log_in().await.unwrap_err().is_refusal());
    }
    assert!(!scene.is_dead());
    scene.log_in().await.unwrap();
}

#[tokio::test]
async fn a_server_that_takes_connections_and_never_says_a_word_is_dead() {
    let scene = Scene::new(Duration::from_secs(1), Roads::default()).await;
    scene.kit.faults(|faults| faults.silent = true);
    let faults = tokio::join!(scene.log_in(), scene.log_in(), scene.log_in());
    assert!(faults.0.is_err() && faults.1.is_err() && faults.2.is_err());
    assert!(scene.is_dead());
}

fn server(host: &str) -> Server {
    Server { provider: "corp".into(), host: host.into(), port: 993, proxy: None }
}

fn narrow(connects: usize) -> Arc<Roads> {
    Arc::new(Roads::new(RoadSettings { connects, failures: 1, ..RoadSettings::default() }))
}

#[tokio::test]
async fn a_hundred_of_one_mailbox_let_another_pass() {
    let roads = narrow(1);
    let first = roads.leave(server("a"), "many", HOUR).await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let waiting: Vec<_> = std::iter::repeat_n("many", 100)
        .chain(["one"])
        .map(|user| {
            let (roads, order) = (Arc::clone(&roads), Arc::clone(&order));
            tokio::spawn(async move {
                let leave = roads.leave(server("a"), user, HOUR).await.unwrap();
                order.lock().unwrap().push(user);
                drop(leave);
            })
        })
        .collect();
    while roads.look()[0].waiting < 101 {
        tokio::task::yield_now().await;
    }
    drop(roads.leave(server("b"), "many", HOUR).await.unwrap());
    drop(first);
    for task in waiting {
        task.await.unwrap();
    }
    let order = order.lock().unwrap();
    assert!(order[..2].contains(&"one") && order.len() == 101, "{order:?}");
    assert_eq!((roads.look()[0].connecting, roads.look()[0].waiting), (0, 0));
}

#[tokio::test]
async fn those_who_wait_are_sent_away_when_the_server_turns_out_to_be_dead() {
    let roads = narrow(1);
    let first = roads.leave(server("a"), "one", HOUR).await.unwrap();
    let others = Arc::clone(&roads);
    let waiting = tokio::spawn(async move { others.leave(server("a"), "other", HOUR).await.map(drop) });
    while roads.look().first().is_none_or(|seen| seen.waiting == 0) {
        tokio::task::yield_now().await;
    }
    first.failed("no answer");
    let closed = waiting.await.unwrap().unwrap_err();
    assert!(matches!(&closed, Closed::Dead { cause, .. } if cause == "no answer"), "{closed}");
    assert_eq!(roads.look()[0].dead.as_ref().map(|dead| dead.1.as_str()), Some("no answer"));
}

#[tokio::test]
async fn whoever_waits_in_vain_is_told_and_leaves_the_line() {
    let roads = narrow(1);
    let first = roads.leave(server("a"), "one", HOUR).await.unwrap();
    let crowded = roads.leave(server("a"), "other", Duration::ZERO).await.unwrap_err();
    assert!(matches!(crowded, Closed::Crowded { connects: 1, .. }), "{crowded}");
    assert_eq!(roads.look()[0].waiting, 0);
    drop(first);
    drop(roads.leave(server("a"), "other", Duration::ZERO).await.unwrap());
}

/// Law 9: a name server that hangs delays those whose server has that name.
#[tokio::test]
async fn a_name_that_hangs_delays_nobody_who_needs_another() {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Mutex::new(held);
    let names = Names::found_by(move |host: &str| {
        if host == "hangs.invalid" {
            let _ = held.lock().unwrap().recv();
        }
        Ok(vec!["127.0.0.1:0".parse().unwrap()])
    });
    let scene = Scene::new(HOUR, Roads::with_names(RoadSettings::default(), names)).await;
    let hanging: Vec<_> = (0..50)
        .map(|_| {
            let (reach, access) = (scene.reach.clone(), scene.access(MAILBOX));
            let token = token(&scene.kit, "hangs.invalid");
            tokio::spawn(async move { log_in(&reach, &token, &access).await })
        })
        .collect();
    tokio::task::yield_now().await;
    for _ in 0..10 {
        scene.log_in().await.unwrap();
    }
    assert!(hanging.iter().all(|task| !task.is_finished()));
    drop(release);
    for task in hanging {
        // The certificate is for another name.
        assert!(matches!(task.await.unwrap().unwrap_err(), UpstreamError::Tls(_) | UpstreamError::Closed(_)));
    }
}
