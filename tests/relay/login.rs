//! Logins: laws 1 and 2, and what a refusal upstream leads to.

use std::time::Duration;

use gatepost::model::Protocol;
use std::sync::Arc;

use gatepost::config::Config;
use gatepost::model::Token;
use gatepost::store::{Keys, SqliteStore};
use gatepost::token::import;
use gatepost_kit::{Dialect, Login};

use crate::scene::{MAILBOX, PLAIN, Scene, Setting, WRONG, log_in, start, try_later, wrong_password, yes};

#[tokio::test]
async fn a_password_becomes_a_token_in_every_protocol_mechanism_and_kind_of_tls() {
    for sasl in ["xoauth2", "oauthbearer"] {
        for starttls in [false, true] {
            let scene = Scene::with(Setting { sasl, starttls, ..Setting::default() }).await;
            for protocol in Protocol::ALL {
                drop(scene.logged_in(protocol).await);
            }
            let logins = scene.provider.logins();
            let mechanism = sasl.to_uppercase();
            let expected =
                |protocol| Login { protocol, mechanism: mechanism.clone(), user: MAILBOX.into(), granted: true };
            assert_eq!(logins, [expected("smtp"), expected("imap"), expected("pop3")], "{sasl} {starttls}");
            assert_eq!(scene.provider.token_requests().len(), 1, "one token serves all");
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_permanent_and_touches_no_token_and_no_upstream() {
    let scene = Scene::new().await;
    for protocol in Protocol::ALL {
        let mut peer = scene.client(protocol).await;
        for plain in [WRONG, "AG5vYm9keQB4"] {
            log_in(&mut peer, protocol, plain).await;
            peer.expect(wrong_password(protocol)).await;
        }
        // The same connection may try again.
        log_in(&mut peer, protocol, PLAIN).await;
        peer.expect(yes(protocol)).await;
    }
    assert_eq!(scene.provider.logins().len(), 3);
    assert_eq!(scene.provider.token_requests().len(), 1);
}

#[tokio::test]
async fn too_many_wrong_passwords_end_the_connection() {
    let scene = Scene::with(Setting { limits: "login_attempts = 2", ..Setting::default() }).await;
    for (protocol, goodbye) in [(Protocol::Smtp, "421 "), (Protocol::Imap, "* BYE "), (Protocol::Pop3, "-ERR ")] {
        let mut peer = scene.client(protocol).await;
        for _ in 0..2 {
            log_in(&mut peer, protocol, WRONG).await;
            peer.expect(wrong_password(protocol)).await;
        }
        peer.expect(goodbye).await;
        peer.expect_end().await;
    }
}

/// Microsoft refuses at once; Google sends a challenge first and waits for its answer.
const REFUSALS: [(Dialect, &str); 3] =
    [(Dialect::Microsoft, "xoauth2"), (Dialect::Google, "xoauth2"), (Dialect::Google, "oauthbearer")];

#[tokio::test]
async fn a_refused_token_is_refreshed_once_and_the_client_notices_nothing() {
    for (dialect, sasl) in REFUSALS {
        for protocol in Protocol::ALL {
            let limits = "smtp_kept_seconds = 0";
            let scene = Scene::with(Setting { dialect, sasl, limits, ..Setting::default() }).await;
            log_in_anew(&scene, protocol).await;
            scene.provider.revoke_access_tokens();
            log_in_anew(&scene, protocol).await;
            let granted: Vec<bool> = scene.provider.logins().iter().map(|login| login.granted).collect();
            assert_eq!(granted, [true, false, true], "{dialect:?} {sasl} {protocol}");
            assert_eq!(scene.provider.token_requests().len(), 2, "{dialect:?} {sasl} {protocol}");
        }
    }
}

/// Google's capabilities after login begin otherwise than Microsoft's.
async fn log_in_anew(scene: &Scene, protocol: Protocol) {
    let mut peer = scene.client(protocol).await;
    log_in(&mut peer, protocol, PLAIN).await;
    peer.expect(yes(protocol).trim_end_matches("IMAP4 IMAP4rev1 ")).await;
}

#[tokio::test]
async fn an_upstream_that_refuses_every_token_is_a_temporary_failure() {
    for (dialect, sasl) in REFUSALS {
        for protocol in Protocol::ALL {
            let scene = Scene::with(Setting { dialect, sasl, ..Setting::default() }).await;
            scene.provider.faults(|faults| faults.refuse_logins = 1000);
            let mut peer = scene.client(protocol).await;
            log_in(&mut peer, protocol, PLAIN).await;
            let reply = peer.expect(try_later(protocol)).await;
            assert!(reply.contains("token 'support'"), "{reply}");
            assert_eq!(scene.provider.logins().len(), 2, "one retry");
            // And a program that polls makes no refresh of every login.
            log_in(&mut peer, protocol, PLAIN).await;
            peer.expect(try_later(protocol)).await;
            assert_eq!(scene.provider.token_requests().len(), 2);
        }
    }
}

#[tokio::test]
async fn an_expired_token_is_refreshed() {
    let scene = Scene::new().await;
    scene.provider.set_life(Duration::from_secs(1));
    drop(scene.logged_in(Protocol::Imap).await);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    drop(scene.logged_in(Protocol::Imap).await);
    assert!(scene.provider.logins().iter().all(|login| login.granted));
    assert!(scene.provider.token_requests().len() >= 2);
}

/// Law 2: none of these is the client's fault.
#[tokio::test]
async fn a_sick_provider_is_a_temporary_failure() {
    for protocol in Protocol::ALL {
        for (fault, answer) in [
            ("500", "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"),
            (
                "ended",
                "HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n{\"error\":\"invalid_grant\"}",
            ),
            ("hung", ""),
        ] {
            let scene =
                Scene::with(Setting { limits: "token_seconds = 1", grant: "refresh_token", ..Setting::default() })
                    .await;
            let stored = store(&scene);
            // Before: who refreshes ahead may come before the login.
            scene.provider.faults(|faults| (0..20).for_each(|_| faults.token_answers.push_back(answer.into())));
            import(&stored, &token(&scene), scene.provider.issue_refresh_token(MAILBOX).into()).await.unwrap();
            let mut peer = scene.client(protocol).await;
            log_in(&mut peer, protocol, PLAIN).await;
            let reply = peer.expect(try_later(protocol)).await;
            assert!(reply.contains("token 'support'"), "{fault}: {reply}");
            assert!(scene.provider.logins().is_empty());
        }
        for fault in ["silent", "HTTP/1.1 200 OK\r\n", "", "unreachable"] {
            let scene = Scene::with(Setting {
                limits: "upstream_login_seconds = 1\nconnect_seconds = 1",
                ..Setting::default()
            })
            .await;
            match fault {
                "silent" => scene.provider.faults(|faults| faults.silent = true),
                "unreachable" => scene.provider.stop_mail_servers(),
                greeting => scene.provider.faults(|faults| faults.greeting = Some(greeting)),
            }
            let mut peer = scene.client(protocol).await;
            log_in(&mut peer, protocol, PLAIN).await;
            peer.expect(try_later(protocol)).await;
        }
    }
}

fn token(scene: &Scene) -> Arc<Token> {
    let file = scene.directory.path().join("gatepost.toml");
    Arc::clone(&Config::load(&file, std::iter::empty()).unwrap().tokens[0])
}

fn store(scene: &Scene) -> SqliteStore {
    let key = "gpk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into();
    SqliteStore::open(&scene.directory.path().join("gatepost.db"), Keys::new(&key).unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_without_a_refresh_token_waits_for_its_import_beside_the_running_service() {
    let scene = Scene::with(Setting { grant: "refresh_token", ..Setting::default() }).await;
    scene.provider.set_rotation(true);
    let mut peer = scene.client(Protocol::Imap).await;
    log_in(&mut peer, Protocol::Imap, PLAIN).await;
    peer.expect(try_later(Protocol::Imap)).await;

    import(&store(&scene), &token(&scene), scene.provider.issue_refresh_token(MAILBOX).into()).await.unwrap();
    log_in(&mut peer, Protocol::Imap, PLAIN).await;
    peer.expect(yes(Protocol::Imap)).await;

    // Rotation survives a restart: a spent refresh token that came again would end the family.
    scene.gatepost.stop().await;
    for _ in 0..3 {
        scene.provider.revoke_access_tokens();
        let gatepost = start(scene.directory.path()).await;
        let address =
            gatepost.listeners().iter().find(|(served, _)| *served == Protocol::Pop3).unwrap().1.tcp().unwrap();
        let mut peer = gatepost_kit::Peer::connect(address).await;
        peer.expect("+OK").await;
        log_in(&mut peer, Protocol::Pop3, PLAIN).await;
        peer.expect("+OK").await;
        gatepost.stop().await;
    }
}

#[tokio::test]
async fn accounts_are_held_to_their_protocols_networks_and_switch() {
    for account in ["disabled = true", "protocols = [\"imap\"]", "networks = [\"10.0.0.0/8\"]"] {
        let scene = Scene::with(Setting { account, ..Setting::default() }).await;
        for (protocol, refusal) in [(Protocol::Smtp, "525 5.7.13 "), (Protocol::Pop3, "-ERR [AUTH] ")] {
            let mut peer = scene.client(protocol).await;
            log_in(&mut peer, protocol, PLAIN).await;
            peer.expect(refusal).await;
            // A wrong password does not tell that the account exists.
            log_in(&mut peer, protocol, WRONG).await;
            peer.expect(wrong_password(protocol)).await;
        }
        assert!(scene.provider.logins().is_empty(), "{account}");
    }
}

#[tokio::test]
async fn the_user_presented_upstream_can_differ_by_protocol() {
    let account =
        "mailbox = \"shared@example.com\"\nsmtp_user = \"delegate@example.com\"\naliases = [\"other@example.com\"]";
    let scene = Scene::with(Setting { account, ..Setting::default() }).await;
    for protocol in Protocol::ALL {
        let mut peer = scene.client(protocol).await;
        // `\0OTHER@example.com\0pass word`
        log_in(&mut peer, protocol, "AE9USEVSQGV4YW1wbGUuY29tAHBhc3Mgd29yZA==").await;
        peer.expect(try_later(protocol)).await;
    }
    let mut users: Vec<_> = scene.provider.logins().into_iter().map(|login| (login.protocol, login.user)).collect();
    users.dedup();
    let expected = [("smtp", "delegate@example.com"), ("imap", "shared@example.com"), ("pop3", "shared@example.com")];
    assert_eq!(users, expected.map(|(protocol, user)| (protocol, user.to_owned())));
}

#[tokio::test]
async fn a_silent_client_is_sent_away() {
    let scene = Scene::with(Setting { limits: "login_seconds = 1", ..Setting::default() }).await;
    for (protocol, goodbye) in [(Protocol::Smtp, "421 4.4.2 "), (Protocol::Imap, "* BYE "), (Protocol::Pop3, "-ERR ")] {
        let mut peer = scene.client(protocol).await;
        peer.expect(goodbye).await;
        peer.expect_end().await;
    }
}

/// Law 9: disconnects and floods at every step end one session and nothing else.
#[tokio::test]
async fn rude_clients_harm_nobody() {
    let scene = Scene::new().await;
    let long = vec![b'x'; 100_000];
    let rude: [&[u8]; 8] = [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\0\0\0\0\r\n",
        &long,
        b"a LOGIN {3}\r\n",
        b"AUTH PLAIN\r\n",
        b"AUTH LOGIN\r\ndXNlcg==\r\n",
        b"USER x\r\n",
    ];
    for protocol in Protocol::ALL {
        for bytes in rude {
            let mut peer = scene.client(protocol).await;
            peer.send(bytes).await;
            drop(peer);
            let mut peer = scene.client(protocol).await;
            peer.send(bytes).await;
            peer.shutdown().await;
            peer.rest().await;
        }
        drop(scene.logged_in(protocol).await);
    }
}

/// Law 9. Its endpoint takes the connection and never says a word.
#[tokio::test]
async fn a_hung_token_endpoint_delays_no_login_of_another_account() {
    let hung = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let others = format!(
        r#"
[providers.hung]
token_url = "http://{}/token"
scopes = ["mail"]
imap = {{ host = "127.0.0.1", port = 1, tls = "implicit" }}
smtp = {{ host = "127.0.0.1", port = 1, tls = "implicit" }}
pop3 = {{ host = "127.0.0.1", port = 1, tls = "implicit" }}
[tokens.hung]
provider = "hung"
grant = "client_credentials"
mailbox = "hung@example.com"
client_id = "client"
client_secret = "client s3cret"
[accounts.hung]
password_hash = "{}"
token = "hung"
"#,
        hung.local_addr().unwrap(),
        gatepost::account::hash_password(&"pass word".into()).unwrap().as_str(),
    );
    let scene =
        Scene::with(Setting { account: others.leak(), limits: "token_seconds = 15", ..Setting::default() }).await;
    let mut stuck = Vec::new();
    for protocol in Protocol::ALL.into_iter().cycle().take(12) {
        let mut peer = scene.client(protocol).await;
        // `\0hung\0pass word`
        log_in(&mut peer, protocol, "AGh1bmcAcGFzcyB3b3Jk").await;
        stuck.push((protocol, peer));
    }
    let _silent = hung.accept().await.unwrap();
    let begun = std::time::Instant::now();
    for protocol in Protocol::ALL {
        drop(scene.logged_in(protocol).await);
    }
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    for (protocol, mut peer) in stuck {
        peer.expect(try_later(protocol)).await;
    }
}
