//! Token life against an OAuth server that nobody here wrote.

use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use gatepost_kit::Peer;

use crate::peers::{Gatepost, PROGRAM, Peers, Setting, peers, run};

/// These tests change the OAuth server's settings and count its requests: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// `\0evmail\0l0cal password`
const PLAIN: &str = "AGV2bWFpbABsMGNhbCBwYXNzd29yZA==";
const WRONG: &str = "AGV2bWFpbAB3cm9uZw==";

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The answers of all three protocols to a login.
fn answers(gatepost: &Gatepost, plain: &str) -> [String; 3] {
    block_on(async {
        let mut answers = Vec::new();
        for (port, command) in
            [(gatepost.smtp, "AUTH PLAIN"), (gatepost.imap, "a AUTHENTICATE PLAIN"), (gatepost.pop3, "AUTH PLAIN")]
        {
            let mut peer = Peer::connect(Gatepost::address(port)).await;
            peer.line().await;
            peer.send(format!("{command} {plain}\r\n")).await;
            answers.push(peer.line().await);
        }
        answers.try_into().unwrap()
    })
}

fn all_start_with(answers: &[String; 3], starts: [&str; 3]) {
    for (answer, start) in answers.iter().zip(starts) {
        assert!(answer.starts_with(start), "{answers:?}");
    }
}

const YES: [&str; 3] = ["235 2.7.0", "a OK [CAPABILITY IMAP4rev1", "+OK"];

/// Token requests of this process's own background refresh must not be counted: the first token is there after this.
fn settled(peers: &Peers, gatepost: &Gatepost, number: u32) -> u64 {
    for _ in 0..300 {
        if !gatepost.events("token.refreshed").is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    peers.token_requests(number)
}

/// The fixtures are what they claim: a password, or a token that is none, opens nothing.
#[test]
fn the_peers_take_nothing_but_tokens() {
    let Some(peers) = peers() else { return };
    let curl = |url: String, login: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-m", "30", "--cacert"]).arg(peers.directory.join("ca.pem")).arg(url);
        curl.args(["-u", "user20@example.test:l0cal password"]).args(login).output().unwrap().status.success()
    };
    for url in [
        format!("imaps://localhost:{}", peers.port(3)),
        format!("pop3s://localhost:{}", peers.port(5)),
        format!("smtps://localhost:{}", peers.port(7)),
    ] {
        assert!(!curl(url.clone(), &[]), "{url} took a password");
        assert!(!curl(url.clone(), &["--oauth2-bearer", "no-token"]), "{url} took a token that is none");
    }
}

#[test]
fn a_wrong_password_touches_no_token() {
    let Some(peers) = peers() else { return };
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let gatepost = Gatepost::start(peers, Setting { number: 11, ..Setting::default() });
    let before = settled(peers, &gatepost, 11);
    all_start_with(&answers(&gatepost, WRONG), ["535 5.7.8", "a NO [AUTHENTICATIONFAILED]", "-ERR [AUTH]"]);
    assert_eq!(peers.token_requests(11), before);
    assert_eq!(gatepost.events("session.login_failed").len(), 3);
}

#[test]
fn a_refused_token_is_refreshed_once() {
    let Some(peers) = peers() else { return };
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let gatepost = Gatepost::start(peers, Setting { number: 12, ..Setting::default() });
    let before = settled(peers, &gatepost, 12);
    all_start_with(&answers(&gatepost, PLAIN), YES);
    assert_eq!(peers.token_requests(12), before);
    peers.oauth("/revoke");
    all_start_with(&answers(&gatepost, PLAIN), YES);
    assert_eq!(peers.token_requests(12), before + 1, "one refresh for three logins");
}

#[test]
fn an_expired_token_is_refreshed_and_rotation_loses_nothing() {
    let Some(peers) = peers() else { return };
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    peers.oauth("/ttl?seconds=4");
    let gatepost = Gatepost::start(peers, Setting { number: 13, grant: "refresh_token", ..Setting::default() });
    all_start_with(
        &answers(&gatepost, PLAIN),
        ["454 4.7.0 token 'support' needs", "a NO [UNAVAILABLE]", "-ERR [SYS/TEMP]"],
    );

    let refresh = peers.oauth("/mint?mailbox=user13@example.test");
    let mut import = Command::new(PROGRAM);
    run(
        import.args(["token", "import", "support", "--config", "gatepost.toml"]).current_dir(gatepost.directory.path()),
        &refresh,
    );
    // Six lives of a token: each refresh spends a refresh token, and one that came twice would end the grant.
    for _ in 0..6 {
        all_start_with(&answers(&gatepost, PLAIN), YES);
        std::thread::sleep(Duration::from_millis(1500));
    }
    assert!(gatepost.events("token.refreshed").iter().filter(|event| event["rotated"] == true).count() >= 3);
    let mut list = Command::new(PROGRAM);
    let listed = run(
        list.args(["token", "list", "--json", "--config", "gatepost.toml"]).current_dir(gatepost.directory.path()),
        "",
    );
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&listed[0]["name"], &listed[0]["state"]), (&"support".into(), &"good".into()));
    peers.oauth("/ttl?seconds=3600");
    assert!(!gatepost.log().contains(refresh.trim()));
}

#[test]
fn a_token_endpoint_that_is_down_is_a_temporary_failure() {
    let Some(peers) = peers() else { return };
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    peers.oauth("/down?on=1");
    let gatepost = Gatepost::start(peers, Setting { number: 14, ..Setting::default() });
    all_start_with(&answers(&gatepost, PLAIN), ["454 4.7.0", "a NO [UNAVAILABLE]", "-ERR [SYS/TEMP]"]);
    peers.oauth("/down?on=0");
    for _ in 0..100 {
        if answers(&gatepost, PLAIN)[0].starts_with("235") {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("the token did not heal");
}
