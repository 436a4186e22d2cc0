//! Token life against an OAuth server that nobody here wrote. Each test has a client of its own there.

use std::process::{Command, Output};
use std::time::Duration;

use gatepost_kit::Peer;

use crate::gatepost::{Gatepost, PASSWORD, PLAIN, Setting};
use crate::peers::{Peers, client_of, peers};

/// `\0evmail\0wrong`
const WRONG: &str = "AGV2bWFpbAB3cm9uZw==";
/// `\0nobody\0l0cal password`
const UNKNOWN: &str = "AG5vYm9keQBsMGNhbCBwYXNzd29yZA==";

const YES: [&str; 3] = ["235 2.7.0", "a OK [CAPABILITY IMAP4rev1", "+OK"];
const WRONG_PASSWORD: [&str; 3] = ["535 5.7.8", "a NO [AUTHENTICATIONFAILED]", "-ERR [AUTH]"];
const LATER: [&str; 3] = ["454 4.7.0", "a NO [UNAVAILABLE]", "-ERR [SYS/TEMP]"];

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The answers of SMTP, IMAP and POP3 to a login with SASL PLAIN.
fn answers(gatepost: &Gatepost, plain: &str) -> [String; 3] {
    let say = |port, command| block_on(last_answer(port, &[command]));
    [
        say(gatepost.smtp, format!("AUTH PLAIN {plain}")),
        say(gatepost.imap, format!("a AUTHENTICATE PLAIN {plain}")),
        say(gatepost.pop3, format!("AUTH PLAIN {plain}")),
    ]
}

/// The answer to the last of these lines; each waits for the one before.
async fn last_answer(port: u16, lines: &[String]) -> String {
    let mut peer = Peer::connect(Gatepost::address(port)).await;
    let mut answer = peer.line().await;
    for line in lines {
        peer.send(format!("{line}\r\n")).await;
        answer = peer.line().await;
    }
    answer
}

fn all_start_with(answers: &[String; 3], starts: [&str; 3]) {
    for (answer, start) in answers.iter().zip(starts) {
        assert!(answer.starts_with(start), "{answers:?}");
    }
}

/// Token requests of this client when the first token, which the service fetches by itself, is there.
fn settled(peers: &Peers, gatepost: &Gatepost, number: u32) -> u64 {
    for _ in 0..3000 {
        if !gatepost.events("token.refreshed").is_empty() {
            return peers.token_requests(number);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("no token came");
}

/// The fixtures are what they claim: a token opens its own mailbox; a password, no token, or another's opens nothing.
#[test]
fn the_peers_take_nothing_but_tokens() {
    let Some(peers) = peers() else { return };
    let curl = |url: &str, login: &[&str]| -> Output {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-m", "30", "--ssl-reqd", "--cacert"]).arg(peers.directory.join("ca.pem")).arg(url);
        curl.args(login).output().unwrap()
    };
    let form = format!("grant_type=client_credentials&client_id={}&client_secret=app-s3cret&scope=mail", client_of(21));
    let answer = curl(&format!("https://localhost:{}/token", peers.port(0)), &["-d", &form]).stdout;
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    let token = answer["access_token"].as_str().unwrap();

    let servers = [("imap", 2), ("imaps", 3), ("pop3", 4), ("pop3s", 5), ("smtp", 6), ("smtps", 7)];
    for url in servers.map(|(scheme, offset)| format!("{scheme}://localhost:{}", peers.port(offset))) {
        let opens = |user: &str, login: &[&str]| {
            // By itself curl says HELP to SMTP, which Postfix does not know.
            let harmless: &[&str] = if url.starts_with("smtp") { &["-X", "NOOP"] } else { &[] };
            let output = curl(&url, &[&["-u", user], login, harmless].concat());
            // 67: the login was denied. Anything else would say nothing about it.
            assert!(matches!(output.status.code(), Some(0 | 67)), "{url} {user} {login:?}: {output:?}");
            output.status.success()
        };
        for mechanism in ["AUTH=XOAUTH2", "AUTH=OAUTHBEARER"] {
            let with = |token| ["--login-options", mechanism, "--oauth2-bearer", token];
            assert!(opens("user21@example.test:", &with(token)), "{url} refused {mechanism}");
            assert!(!opens("user21@example.test:", &with("no-token")), "{url} took a token that is none, {mechanism}");
            assert!(!opens("user22@example.test:", &with(token)), "{url} took another's token, {mechanism}");
        }
        assert!(!opens(&format!("user21@example.test:{PASSWORD}"), &[]), "{url} took a password");
    }
}

#[test]
fn a_wrong_password_touches_no_token() {
    let Some(peers) = peers() else { return };
    let gatepost = Gatepost::start(peers, Setting { number: 11, ..Setting::default() });
    let before = settled(peers, &gatepost, 11);
    all_start_with(&answers(&gatepost, WRONG), WRONG_PASSWORD);
    all_start_with(&answers(&gatepost, UNKNOWN), WRONG_PASSWORD);
    let old_ways = block_on(async {
        // `evmail`, then `wrong`, as AUTH LOGIN has them.
        let smtp = ["AUTH LOGIN", "ZXZtYWls", "d3Jvbmc="].map(str::to_owned);
        [
            last_answer(gatepost.smtp, &smtp).await,
            last_answer(gatepost.imap, &["a LOGIN evmail wrong".to_owned()]).await,
            last_answer(gatepost.pop3, &["USER evmail".to_owned(), "PASS wrong".to_owned()]).await,
        ]
    });
    all_start_with(&old_ways, WRONG_PASSWORD);
    assert_eq!(peers.token_requests(11), before);
    gatepost.heard_of("session.login_failed", 9);
    all_start_with(&answers(&gatepost, PLAIN), YES);
    assert_eq!(peers.token_requests(11), before);
}

#[test]
fn a_refused_token_is_refreshed_once() {
    let Some(peers) = peers() else { return };
    let gatepost = Gatepost::start(peers, Setting { number: 12, ..Setting::default() });
    let before = settled(peers, &gatepost, 12);
    all_start_with(&answers(&gatepost, PLAIN), YES);
    assert_eq!(peers.token_requests(12), before);
    peers.oauth(&format!("/revoke?client={}", client_of(12)));
    all_start_with(&answers(&gatepost, PLAIN), YES);
    assert_eq!(peers.token_requests(12), before + 1, "one refresh for three logins");
    gatepost.tells_no_secret(peers);
}

#[test]
fn an_expired_token_is_refreshed_and_rotation_loses_nothing() {
    let Some(peers) = peers() else { return };
    peers.oauth("/ttl?client=confidential&seconds=4");
    let gatepost = Gatepost::start(peers, Setting { number: 13, grant: "refresh_token", ..Setting::default() });
    all_start_with(&answers(&gatepost, PLAIN), ["454 4.7.0 token 'support' needs", LATER[1], LATER[2]]);

    gatepost.run(&["token", "import", "support"], &peers.oauth("/mint?mailbox=user13@example.test"));
    // More than two lives of a token: each refresh spends a refresh token, and one that came twice would end the grant.
    for _ in 0..6 {
        all_start_with(&answers(&gatepost, PLAIN), YES);
        std::thread::sleep(Duration::from_millis(1500));
    }
    assert!(gatepost.events("token.refreshed").iter().filter(|event| event["rotated"] == true).count() >= 3);
    let listed: serde_json::Value = serde_json::from_str(&gatepost.run(&["token", "list", "--json"], "")).unwrap();
    assert_eq!((&listed[0]["name"], &listed[0]["state"]), (&"support".into(), &"good".into()));
    gatepost.tells_no_secret(peers);
}

#[test]
fn a_token_endpoint_that_is_down_is_a_temporary_failure() {
    let Some(peers) = peers() else { return };
    let down = |on| peers.oauth(&format!("/down?client={}&on={on}", client_of(14)));
    down(1);
    let gatepost = Gatepost::start(peers, Setting { number: 14, ..Setting::default() });
    all_start_with(&answers(&gatepost, PLAIN), LATER);
    down(0);
    for _ in 0..100 {
        if answers(&gatepost, PLAIN)[0].starts_with("235") {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("the token did not heal");
}
