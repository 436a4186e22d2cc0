//! Providers in trouble: whose programs wait, and whose do not (law 9).

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use gatepost::cli::serve::Running;
use gatepost::model::Protocol;
use gatepost_kit::{Answer, Authority, Peer, Provider};

use crate::log::Log;
use crate::scene::{MAILBOX, PLAIN, Scene, Setting, greeting, log_in, stage, start, try_later, yes};

/// `\0sick\0pass word` and `\0mute\0pass word`
const SICK: &str = "AHNpY2sAcGFzcyB3b3Jk";
const MUTE: &str = "AG11dGUAcGFzcyB3b3Jk";

/// Times that no test lasts.
const LONG: &str = "upstream_login_seconds = 3600\nconnect_seconds = 3600\ntoken_seconds = 3600\nlogin_seconds = 3600";

/// A healthy provider and two sick ones: of `sick` the token endpoint hangs, of `mute` the mail servers do.
struct Ward {
    gatepost: Running,
    healthy: Provider,
    _sick: [Provider; 2],
    _kept: (Authority, tempfile::TempDir),
}

impl Ward {
    async fn open() -> Self {
        let (healthy, authority, directory) = stage(Setting { limits: LONG, ..Setting::default() }).await;
        let file = directory.path().join("gatepost.toml");
        let mut text = std::fs::read_to_string(&file).unwrap();
        let hash = text.lines().find(|line| line.starts_with("password_hash")).unwrap().to_owned();
        let sick = [Provider::start().await, Provider::start().await];
        for (name, provider) in ["sick", "mute"].into_iter().zip(&sick) {
            provider.add_client("client", Some("client s3cret"), MAILBOX);
            std::fs::write(directory.path().join(format!("{name}.pem")), provider.authority.ca_pem()).unwrap();
            let ports = provider.ports;
            let _ = write!(
                text,
                r#"
[providers.{name}]
token_url = "{url}"
scopes = ["mail"]
sasl = "xoauth2"
ca = "{name}.pem"
smtp = {{ host = "localhost", port = {}, tls = "implicit" }}
imap = {{ host = "localhost", port = {}, tls = "implicit" }}
[tokens.{name}]
provider = "{name}"
grant = "client_credentials"
mailbox = "{MAILBOX}"
client_id = "client"
client_secret = "client s3cret"
[accounts.{name}]
{hash}
token = "{name}"
"#,
                ports.smtps,
                ports.imaps,
                url = provider.token_url()
            );
        }
        std::fs::write(&file, text).unwrap();
        sick[0].faults(|faults| faults.token_answers.extend(std::iter::repeat_n(Answer::Hang, 1000)));
        sick[1].faults(|faults| faults.silent = true);
        let gatepost = start(directory.path()).await;
        Self { gatepost, healthy, _sick: sick, _kept: (authority, directory) }
    }

    async fn asks(&self, protocol: Protocol, plain: &str) -> Peer {
        let listeners = self.gatepost.listeners();
        let (_, address) = listeners.iter().find(|(served, _)| *served == protocol).unwrap();
        let mut peer = Peer::connect(address.tcp().unwrap()).await;
        peer.expect(greeting(protocol)).await;
        log_in(&mut peer, protocol, plain).await;
        peer
    }
}

#[tokio::test]
async fn a_hung_token_endpoint_and_hung_mail_servers_delay_only_their_own() {
    let ward = Ward::open().await;
    let mut waiting = Vec::new();
    for plain in [SICK, MUTE] {
        for _ in 0..60 {
            let mut peer = ward.asks(Protocol::Imap, plain).await;
            waiting.push(tokio::spawn(async move { peer.line().await }));
        }
    }
    for protocol in [Protocol::Imap, Protocol::Smtp, Protocol::Imap] {
        for _ in 0..5 {
            ward.asks(protocol, PLAIN).await.expect(yes(protocol)).await;
        }
    }
    let logins = ward.healthy.logins();
    assert_eq!(logins.iter().filter(|login| login.protocol == "imap").count(), 10);
    assert!(waiting.iter().all(|task| !task.is_finished()), "nobody of them was answered, right or wrong");
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

/// As after a restart, when all programs come back at once.
#[tokio::test]
async fn a_storm_of_clients_comes_in_by_turns() {
    let limits = "upstream_connects = 4\nupstream_login_seconds = 3600\nlogin_seconds = 3600";
    let scene = Scene::with(Setting { limits, ..Setting::default() }).await;
    let mut clients = Vec::new();
    for _ in 0..200 {
        let mut peer = scene.client(Protocol::Imap).await;
        log_in(&mut peer, Protocol::Imap, PLAIN).await;
        clients.push(peer);
    }
    for peer in &mut clients {
        peer.expect(yes(Protocol::Imap)).await;
    }
    assert_eq!(scene.provider.logins().len(), 200);
}

#[tokio::test]
async fn a_server_that_goes_and_comes_back_is_told_of_once_each() {
    let (log, _logging) = Log::open();
    let scene = Scene::with(Setting { limits: "login_attempts = 1000", ..Setting::default() }).await;
    scene.provider.faults(|faults| faults.greeting = Some(""));
    let mut peer = scene.client(Protocol::Imap).await;
    for _ in 0..10 {
        log_in(&mut peer, Protocol::Imap, PLAIN).await;
        peer.expect(try_later(Protocol::Imap)).await;
    }
    let told = log.events("upstream.unreachable");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("provider=\"simulated\" host=\"localhost\" port="), "{told:?}");
    assert!(told[0].contains("broke the connection") && told[0].contains("gatepost doctor"), "{told:?}");
    assert_eq!(log.events("session.login_failed").len(), 10);
    scene.provider.faults(|faults| faults.greeting = None);
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        log_in(&mut peer, Protocol::Imap, PLAIN).await;
        let answer = peer.line().await;
        if answer.starts_with(yes(Protocol::Imap)) {
            break;
        }
        assert!(answer.starts_with(try_later(Protocol::Imap)) && Instant::now() < end, "{answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((log.events("upstream.unreachable").len(), log.events("upstream.recovered").len()), (1, 1));
}

/// Law 2 in a storm of refusals: everybody is told to try later, and the server is not asked twice as often.
#[tokio::test]
async fn retries_are_a_share_of_the_logins() {
    let limits = "login_attempts = 1000\nupstream_retry_percent = 0";
    let scene = Scene::with(Setting { limits, ..Setting::default() }).await;
    scene.provider.faults(|faults| faults.refuse_logins = 3);
    let mut peer = scene.client(Protocol::Imap).await;
    for _ in 0..3 {
        log_in(&mut peer, Protocol::Imap, PLAIN).await;
        peer.expect(try_later(Protocol::Imap)).await;
    }
    log_in(&mut peer, Protocol::Imap, PLAIN).await;
    peer.expect(yes(Protocol::Imap)).await;
    assert_eq!(scene.provider.token_requests().len(), 1, "no refresh was forced for what was not to be tried again");
}
