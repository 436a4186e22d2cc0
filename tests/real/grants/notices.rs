//! Somebody is told when a grant has ended, once, and once when it is good again.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::scene::{Scene, eventually, mailbox};
use crate::mail::login;
use crate::peers::peers;

/// A hook: an address that takes what is posted to it.
struct Hook {
    port: u16,
    posted: Arc<Mutex<Vec<Value>>>,
}

impl Hook {
    /// Its thread ends with the tests.
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let posted = Arc::default();
        let book: Arc<Mutex<Vec<Value>>> = Arc::clone(&posted);
        std::thread::spawn(move || {
            for tcp in listener.incoming() {
                let mut tcp = BufReader::new(tcp.unwrap());
                let (mut length, mut line) = (0, String::new());
                while tcp.read_line(&mut line).unwrap() > 2 {
                    let lower = line.to_lowercase();
                    length = lower.strip_prefix("content-length:").map_or(length, |rest| rest.trim().parse().unwrap());
                    line.clear();
                }
                let mut body = vec![0; length];
                tcp.read_exact(&mut body).unwrap();
                book.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                tcp.into_inner().write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
            }
        });
        Self { port, posted }
    }

    fn events(&self) -> Vec<Value> {
        self.posted.lock().unwrap().iter().map(|notice| notice["event"].clone()).collect()
    }
}

#[test]
fn a_grant_that_ends_is_told_once_and_its_return_once() {
    let Some(peers) = peers() else { return };
    let hook = Hook::open();
    let told = tempfile::NamedTempFile::new().unwrap();
    let notify = format!(
        "[notify]\ncommand = [\"/bin/sh\", \"-c\", \"cat >> {0}; echo \\\" $GATEPOST_EVENT\\\" >> {0}\"]\nurl = \"http://127.0.0.1:{1}/hook\"\n",
        told.path().display(),
        hook.port
    );
    let mut scene = Scene::with(peers, &notify);
    scene.declare("fickle", &["--grant", "authorization_code", "--client-id", "fickle"]);
    scene.authorized("fickle");
    scene.relays("fickle");

    peers.oauth(&format!("/withdraw?mailbox={}", mailbox("fickle")));
    peers.oauth("/revoke?client=fickle");
    let later = "-ERR [SYS/TEMP] token 'fickle' needs to be authorized again";
    assert!(login(&scene, "fickle").starts_with(later));
    eventually("nobody was told", || !hook.events().is_empty());
    let notice = hook.posted.lock().unwrap()[0].clone();
    assert_eq!(
        [&notice["event"], &notice["token"], &notice["mailbox"], &notice["provider"]],
        ["token.needs_authorization", "fickle", "fickle@example.test", "real"]
    );
    assert!(notice["remedy"].as_str().unwrap().contains("gatepost token authorize fickle"), "{notice}");
    assert_eq!(scene.shown("fickle")["state"], "needs authorization");
    // Neither others that notice it nor a new start tell it again.
    scene.refuses(&["token", "refresh", "fickle"], "");
    scene.gatepost.restart();
    assert!(login(&scene, "fickle").starts_with(later));
    scene.refuses(&["token", "refresh", "fickle"], "");

    // A command that sees it recover leaves the word to the service; the refreshes after that are no news.
    peers.oauth("/ttl?client=fickle&seconds=2");
    scene.authorized("fickle");
    scene.refresh("fickle");
    scene.gatepost.restart();
    let refreshes = || scene.events("token.refreshed").len();
    let before = refreshes();
    eventually("it is not refreshed", || refreshes() >= before + 2);
    scene.relays("fickle");
    eventually("nobody was told of the return", || hook.events().len() > 1);
    assert_eq!(hook.events(), ["token.needs_authorization", "token.recovered"]);
    eventually("the command was not run", || std::fs::read_to_string(told.path()).unwrap().matches('\n').count() > 1);
    let commands = std::fs::read_to_string(told.path()).unwrap();
    let last_words: Vec<_> = commands.lines().filter_map(|line| line.rsplit(' ').next()).collect();
    assert_eq!(last_words, ["token.needs_authorization", "token.recovered"], "{commands}");
    scene.is_discreet();
}
