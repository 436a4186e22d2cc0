//! Passwords with limits of their own.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use gatepost::account::hash_password;
use gatepost::model::Protocol;

use crate::scene::{PLAIN, Scene, Setting, log_in, wrong_password, yes};

/// `\0evmail\0scan`
const SCANNER: &str = "AGV2bWFpbABzY2Fu";
/// `\0evmail\0desk`
const DESK: &str = "AGV2bWFpbABkZXNr";

const NOT_ALLOWED: [(Protocol, &str); 3] = [
    (Protocol::Smtp, "525 5.7.13 this password is not allowed"),
    (Protocol::Imap, "a NO [AUTHORIZATIONFAILED] this password is not allowed"),
    (Protocol::Pop3, "-ERR [AUTH] this password is not allowed"),
];

/// The account's own password may do anything; `scan` sends mail; `desk` reads it, and elsewhere may do all.
fn passwords() -> &'static str {
    static LINES: OnceLock<String> = OnceLock::new();
    LINES.get_or_init(|| {
        let hash = |password: &str| hash_password(&password.into()).unwrap().as_str().to_owned();
        format!(
            r#"passwords = [
  {{ hash = "{}", label = "scanner", networks = ["127.0.0.0/8"], protocols = ["smtp"] }},
  {{ hash = "{}", label = "elsewhere", networks = ["10.0.0.0/8"] }},
  {{ hash = "{}", label = "desk", protocols = ["imap", "pop3"] }},
]
"#,
            hash("scan"),
            hash("desk"),
            hash("desk"),
        )
    })
}

#[tokio::test]
async fn a_password_opens_what_it_is_for_and_is_not_wrong_elsewhere() {
    let scene = Scene::with(Setting { account: passwords(), ..Setting::default() }).await;
    // The second time from memory.
    for _ in 0..2 {
        for (protocol, not_allowed) in NOT_ALLOWED {
            for (plain, opens) in
                [(PLAIN, true), (SCANNER, protocol == Protocol::Smtp), (DESK, protocol != Protocol::Smtp)]
            {
                let mut peer = scene.client(protocol).await;
                log_in(&mut peer, protocol, plain).await;
                peer.expect(if opens { yes(protocol) } else { not_allowed }).await;
            }
            let mut peer = scene.client(protocol).await;
            log_in(&mut peer, protocol, crate::scene::WRONG).await;
            peer.expect(wrong_password(protocol)).await;
        }
    }
}

#[tokio::test]
async fn the_accounts_own_limits_bind_its_passwords() {
    let account: &'static str = format!("networks = [\"10.0.0.0/8\"]\n{}", passwords()).leak();
    let scene = Scene::with(Setting { account, ..Setting::default() }).await;
    let mut peer = scene.client(Protocol::Smtp).await;
    log_in(&mut peer, Protocol::Smtp, SCANNER).await;
    peer.expect("525 5.7.13 this account is").await;
    assert!(scene.provider.logins().is_empty());
}

/// What the command line does to an account of the store holds at the next login, also for a password that is remembered.
#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_password_opens_nothing_that_was_closed() {
    let scene = Scene::with(Setting { top: "default_domain = \"example.com\"", ..Setting::default() }).await;
    let file = scene.directory.path().join("gatepost.toml");
    let run = |arguments: &[&str], password: &str| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        program.args(arguments).arg("--config").arg(&file).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = program.spawn().unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{arguments:?}");
    };
    // Each within a look at the store.
    let hears = async |reply: &str| {
        for _ in 0..200 {
            let mut peer = scene.client(Protocol::Smtp).await;
            // `\0desk@example.com\0pw`
            log_in(&mut peer, Protocol::Smtp, "AGRlc2tAZXhhbXBsZS5jb20AcHc=").await;
            if peer.line().await.starts_with(reply) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never {reply}");
    };
    run(&["account", "add", "desk", "--token", "support"], "other\n");
    run(&["account", "password", "desk", "--label", "here", "--network", "127.0.0.1"], "pw\n");
    hears("235 2.7.0").await;
    run(&["account", "password", "desk", "--label", "here", "--network", "10.0.0.0/8"], "pw\n");
    hears("525 5.7.13 this password").await;
    run(&["account", "password", "desk", "--label", "here", "--network", "127.0.0.1"], "pw\n");
    hears("235 2.7.0").await;
    run(&["account", "disable", "desk"], "");
    hears("525 5.7.13 this account").await;
    run(&["account", "enable", "desk"], "");
    hears("235 2.7.0").await;
    run(&["account", "remove", "desk", "--yes"], "");
    hears("535 5.7.8").await;
}
