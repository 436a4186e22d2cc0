use std::sync::Arc;
use std::time::Duration;

use gatepost_kit::Provider;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::doctor::{Crowded, Doctor, End, Outcome, Recipient, Rounds, Seen, Stage, Work};
use crate::model::{self, Account, Endpoint, Endpoints, Grant, Token, UpstreamTls};
use crate::net;
use crate::oauth::{Http, HttpSettings};
use crate::store::{Keys, SqliteStore, generate_key};
use crate::token::{Notices, TokenSettings, Tokens};
use crate::upstream::{Limits, Reach};

const MAILBOX: &str = "support@example.com";

struct Scene {
    provider: Provider,
    token: Arc<Token>,
    doctor: Doctor,
    stop: CancellationToken,
    rounds: Rounds,
    _directory: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let provider = Provider::start().await;
        provider.app_password(MAILBOX, "right");
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::new(&generate_key().unwrap()).unwrap();
        let store = Arc::new(SqliteStore::open(&directory.path().join("gatepost.db"), keys).unwrap());
        let ca = directory.path().join("ca.pem");
        std::fs::write(&ca, provider.authority.ca_pem()).unwrap();
        let trust = net::client_config(Some(&ca)).unwrap();
        let limit = Duration::from_secs(5);
        let http = Http::new(&trust, HttpSettings { connect: limit, total: limit, longest: 65_536 }).unwrap();
        let settings = TokenSettings { ahead: limit, patience: limit, lease: limit };
        let tokens = Tokens::new(store, settings, "test".into(), Notices::default());
        let token = Arc::new(token(&provider));
        tokens.declare([(Arc::clone(&token), http)]);
        let reach = Reach {
            trust,
            ehlo: "gatepost.example".into(),
            limits: Limits { connect: limit, login: limit },
            roads: Arc::default(),
        };
        let doctor = Doctor { tokens, reach: Arc::new(move |_| Some(reach.clone())) };
        let stop = CancellationToken::new();
        let rounds = Rounds::new(doctor.clone(), None, stop.clone());
        Self { provider, token, doctor, stop, rounds, _directory: directory }
    }

    fn account(&self, name: &str) -> Account {
        Account::bare(name, Arc::clone(&self.token))
    }

    async fn ended(&self, id: &str) -> Seen {
        let ending = async {
            loop {
                match self.rounds.look(id) {
                    Some(seen) if seen.end.is_some() => return seen,
                    Some(_) => sleep(Duration::from_millis(10)).await,
                    None => panic!("forgotten"),
                }
            }
        };
        timeout(Duration::from_secs(20), ending).await.unwrap()
    }
}

fn token(provider: &Provider) -> Token {
    let at = |port| Some(Endpoint { host: "localhost".into(), port, tls: UpstreamTls::Implicit });
    let ports = &provider.ports;
    let endpoints = Endpoints { imap: at(ports.imaps), pop3: at(ports.pop3s), smtp: at(ports.smtps) };
    let provider = model::Provider { name: "simulated".into(), endpoints, ..model::Provider::default() };
    Token { mailbox: MAILBOX.into(), ..Token::bare("support", Arc::new(provider), Grant::AppPassword("right".into())) }
}

#[tokio::test]
async fn its_steps_can_be_read_and_who_asks_twice_gets_the_same() {
    let scene = Scene::new().await;
    let account = scene.account("evmail");
    let id = scene.rounds.begin(&account, Work::Examine).unwrap();
    assert_eq!(scene.rounds.begin(&account, Work::Examine).unwrap(), id, "it goes on");
    let seen = scene.ended(&id).await;
    assert!(matches!(seen.end, Some(End::Done(verdict)) if (verdict.chains, verdict.failed) == (3, 0)), "{seen:?}");
    assert_eq!(seen.steps.iter().filter(|step| step.stage == Stage::Command).count(), 3);
    assert_ne!(scene.rounds.begin(&account, Work::Examine).unwrap(), id, "it is over, and another begins");
    assert!(scene.rounds.look("no such").is_none());
}

#[tokio::test]
async fn a_test_message_is_one_too() {
    let scene = Scene::new().await;
    let to = Recipient::parse(" me@example.net ").unwrap();
    let id = scene.rounds.begin(&scene.account("evmail"), Work::Send(to)).unwrap();
    let seen = scene.ended(&id).await;
    let last = seen.steps.last().unwrap();
    assert_eq!((last.stage, last.outcome), (Stage::Message, Outcome::Ok), "{seen:?}");
    assert_eq!(scene.provider.mail("me@example.net").len(), 1);
}

#[tokio::test]
async fn they_are_bounded_and_a_stop_ends_them() {
    let scene = Scene::new().await;
    // Connections are taken and nothing is said on them.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let at = Some(Endpoint { host: "localhost".into(), port, tls: UpstreamTls::Implicit });
    let provider = model::Provider {
        endpoints: Endpoints { imap: at, ..Endpoints::default() },
        ..model::Provider::clone(&scene.token.provider)
    };
    let token = Arc::new(Token { provider: Arc::new(provider), ..Token::clone(&scene.token) });
    let account = |name: &str| Account { token: Arc::clone(&token), ..scene.account(name) };
    let ids: Vec<_> = (0..8).map(|n| scene.rounds.begin(&account(&n.to_string()), Work::Examine).unwrap()).collect();
    assert_eq!(scene.rounds.begin(&account("one more"), Work::Examine), Err(Crowded));
    scene.stop.cancel();
    timeout(Duration::from_mins(1), scene.rounds.ended()).await.unwrap();
    for id in ids {
        assert_eq!(scene.rounds.look(&id).unwrap().end, Some(End::CutOff));
    }
    drop(scene.doctor);
}
