//! The whole: who is examined, what is printed, and what it leaves behind.

use std::sync::Arc;

use gatepost::cli::serve::Running;
use gatepost::config::Config;
use gatepost::doctor::{Doctor, Outcome, Stage};
use gatepost::model::{Endpoints, Protocol, Provider, Token};
use gatepost::store::{Keys, SqliteStore};
use gatepost::token::{Notices, TokenSettings, Tokens};

use crate::scene::{Scene, Setting, starttls, works};

/// Ports, times and addresses differ from run to run; columns stay.
fn masked(text: &str) -> String {
    text.lines().map(|line| words(&time(line))).collect::<Vec<_>>().join("\n")
}

/// The column of times, which is eight wide.
fn time(line: &str) -> String {
    match line.find(" ms  ") {
        Some(at) => format!("{}    N ms{}", &line[..at + 3 - 8], &line[at + 3..]),
        None => line.to_owned(),
    }
}

fn words(line: &str) -> String {
    let is_address = |word: &str| ["127.0.0.1", "::1", "[::1]"].iter().any(|start| word.starts_with(start));
    let mask = |word: &str| match word {
        word if is_address(word) => "ADDRESS".to_owned(),
        word if word.len() == 10 && word.starts_with("20") => "DATE".to_owned(),
        word if word.len() == 5 && word.as_bytes()[2] == b':' => "TIME".to_owned(),
        word if !word.is_empty() && word.len() != 1 && word.bytes().all(|octet| octet.is_ascii_digit()) => {
            "N".to_owned()
        }
        word => word.to_owned(),
    };
    line.split(' ').map(mask).collect::<Vec<_>>().join(" ").replace("ADDRESS ADDRESS", "ADDRESS")
}

#[tokio::test]
async fn a_good_run_reads_well() {
    let scene = Scene::with(Setting { servers: starttls, ..Setting::default() }).await;
    let run = scene.run(&["doctor"]).await;
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", run.stdout);
    insta::assert_snapshot!(masked(&run.stdout));
    assert!(scene.provider.mail(crate::scene::MAILBOX).is_empty(), "nothing is sent");
}

#[tokio::test]
async fn an_account_is_found_by_any_of_its_names_and_the_others_are_listed() {
    let scene = Scene::new().await;
    for name in ["EVMAIL", "help@EXAMPLE.com"] {
        let run = scene.run(&["doctor", name]).await;
        assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
        assert!(run.stdout.starts_with("EvMail\n") && !run.stdout.contains("old"), "{}", run.stdout);
    }
    let run = scene.run(&["doctor", "nobody"]).await;
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert!(run.stderr.contains("EvMail, old"), "{}", run.stderr);
}

#[tokio::test]
async fn a_disabled_account_is_examined_only_by_its_name() {
    let scene = Scene::new().await;
    let all = scene.run(&["doctor"]).await.stdout;
    let (_, old) = all.split_once("\nold\n").unwrap();
    assert!(old.contains("disabled") && !old.contains("imap"), "{all}");
    let run = scene.run(&["doctor", "old"]).await;
    assert!(run.code == Some(0) && run.stdout.contains("disabled") && run.stdout.contains("EXAMINE"), "{}", run.stdout);
}

#[tokio::test]
async fn what_is_known_is_not_asked_again() {
    let scene = Scene::new().await;
    let steps = scene.steps().await;
    assert_eq!(scene.provider.token_requests().len(), 1);
    let known: Vec<_> = steps.iter().filter(|step| step["known"] == true).map(|step| &step["step"]).collect();
    assert_eq!(known, ["dns", "token", "dns", "token"]);
}

/// It works on the same store, takes its token, and spoils nothing.
#[tokio::test]
async fn it_works_beside_a_running_service() {
    let scene = Scene::new().await;
    let text = std::fs::read_to_string(scene.directory.path().join("gatepost.toml")).unwrap();
    scene.write(&format!("{text}\n[[listeners]]\nprotocol = \"imap\"\naddress = \"127.0.0.1:0\"\n"));
    let config = Config::load(&scene.directory.path().join("gatepost.toml"), std::iter::empty()).unwrap();
    let service = Running::start(config).await.unwrap();
    let first = scene.steps().await;
    let second = scene.steps().await;
    for steps in [first, second] {
        for protocol in ["imap", "pop3", "smtp"] {
            works(&steps, protocol);
        }
    }
    assert_eq!(scene.provider.token_requests().len(), 1, "one token for all");
    service.stop().await;
}

/// As a page calls it: each step comes when it is over.
#[tokio::test]
async fn a_protocol_without_a_server_is_told_and_the_others_go_on() {
    let scene = Scene::new().await;
    let config = Config::load(&scene.directory.path().join("gatepost.toml"), std::iter::empty()).unwrap();
    let mut account = config.accounts[0].clone();
    let endpoints = Endpoints { pop3: None, imap: None, ..account.token.provider.endpoints.clone() };
    let provider = Arc::new(Provider { endpoints, ..Provider::clone(&account.token.provider) });
    account.token = Arc::new(Token { provider, ..Token::clone(&account.token) });
    account.protocols = vec![Protocol::Pop3, Protocol::Smtp];
    let keys = Keys::new(&config.store.key).unwrap();
    let store = Arc::new(SqliteStore::open(&config.store.path, keys).unwrap());
    let second = std::time::Duration::from_secs(1);
    let settings = TokenSettings { ahead: second, patience: second, lease: second };
    let doctor =
        Doctor { tokens: Tokens::new(store, settings, "test".into(), Notices::default()), reach: Arc::new(|_| None) };
    let (sender, mut steps) = tokio::sync::mpsc::unbounded_channel();
    let examining = tokio::spawn(async move { doctor.examine(&[account], |step| sender.send(step).unwrap()).await });
    let mut told = Vec::new();
    while let Some(step) = steps.recv().await {
        told.push(step);
    }
    let verdict = examining.await.unwrap();
    assert_eq!((verdict.chains, verdict.failed, verdict.warnings), (1, 1, 1), "{told:?}");
    assert_eq!(told.iter().map(|step| step.outcome).collect::<Vec<_>>(), [Outcome::Warning, Outcome::Failed]);
    assert!(told[0].stage == Stage::Account && told[0].detail.contains("no pop3 server"), "{told:?}");
}

/// A preset with other servers: its manners stay.
#[tokio::test]
async fn exchange_says_late_who_may_send_as_whom() {
    let scene = Scene::new().await;
    let text = scene.text(&Setting { scopes: r#"["https://outlook.office365.com/.default"]"#, ..Setting::default() });
    let text = text.replace("[providers.simulated]", "[providers.microsoft]");
    scene.write(&text.replace("provider = \"simulated\"", "provider = \"microsoft\"\ntenant = \"contoso.example\""));
    let steps = scene.steps().await;
    let detail = crate::scene::last(&steps, "smtp")["detail"].as_str().unwrap();
    assert!(detail.contains("only after a message"), "{detail}");
}
