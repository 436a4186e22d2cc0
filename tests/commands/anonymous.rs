//! Clients without a login, as the log tells of them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gatepost_kit::Peer;

use crate::place::Place;

/// The first event of that name, which may come a little after what it tells of.
fn event(place: &Place, name: &str) -> serde_json::Value {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        let log = place.read("log");
        let mut events = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        if let Some(event) = events.find(|event| event["event"] == name) {
            return event;
        }
        assert!(Instant::now() < end, "no {name}:\n{log}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_who_sent_without_a_login_and_what_was_refused() {
    let mut place = Place::new().await;
    place.edit(
        "protocol = \"smtp\"\n",
        "protocol = \"smtp\"\nanonymous = { networks = [\"127.0.0.1\"], account = \"scanner\", recipients = [\"*@example.com\"], messages_per_minute = 1 }\n",
    );
    assert!(place.fails(78, &["config", "check"], &[]).contains("there is no account \"scanner\""));
    // There is a store now, which may have it.
    place.edit("account = \"scanner\"", "account = \"evmail\"");
    place.fed(&["account", "add", "other", "--token", "support"], "p");
    place.edit("account = \"evmail\"", "account = \"scanner\"");
    let told = place.run_loudly(&["account", "list"]);
    assert!(told.contains("there is no account \"scanner\"; make it with `gatepost account add scanner`"), "{told}");
    place.serve();

    let port = place.port(0);
    let client = async || {
        let mut peer = Peer::connect(SocketAddr::from(([127, 0, 0, 1], port))).await;
        peer.expect("220 ").await;
        peer
    };
    let mut peer = client().await;
    peer.send("MAIL FROM:<support@example.com>\r\n").await;
    peer.expect("451 4.3.0 ").await;
    let failed = event(&place, "session.login_failed");
    assert_eq!((&failed["anonymous"], &failed["user"]), (&true.into(), &"scanner".into()), "{failed}");

    place.run_loudly(&["account", "add", "scanner", "--token", "support", "--generate"]);
    place.soon("scanner", "wrong", crate::place::WRONG).await;
    let end = Instant::now() + Duration::from_mins(1);
    let mut peer = loop {
        let mut peer = client().await;
        peer.send("MAIL FROM:<support@example.com>\r\n").await;
        let answer = peer.line().await;
        if answer.starts_with("250 ") {
            break peer;
        }
        assert!(Instant::now() < end, "{answer}");
    };
    peer.send("RCPT TO:<a@example.com>\r\nRCPT TO:<a@example.net>\r\n").await;
    peer.expect("250 ").await;
    peer.expect("550 5.7.1 ").await;
    peer.send("DATA\r\n").await;
    peer.expect("354 ").await;
    peer.send("x\r\n.\r\nMAIL FROM:<support@example.com>\r\nQUIT\r\n").await;
    for reply in ["250 ", "451 4.7.1 ", "221 "] {
        peer.expect(reply).await;
    }
    let login = event(&place, "session.login");
    assert_eq!((&login["anonymous"], &login["account"]), (&true.into(), &"scanner".into()), "{login}");
    assert!(login["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{login}");
    let accepted = event(&place, "message.accepted");
    assert_eq!((&accepted["peer"], &accepted["recipients"]), (&"127.0.0.1".into(), &1.into()), "{accepted}");
    let refused = event(&place, "message.refused");
    assert_eq!((&refused["peer"], &refused["path"]), (&"127.0.0.1".into(), &"<a@example.net>".into()), "{refused}");
    let limit = event(&place, "limit.reached");
    assert_eq!(limit["limit"], "anonymous.messages_per_minute", "{limit}");
}
