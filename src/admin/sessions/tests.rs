use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::super::tests::browser::Browser;
use super::super::tests::desk;
use super::*;
use crate::activity::{Entered, Login, SessionId, Why};
use crate::model::{Account, Grant, Password, PasswordHash, Protocol, Provider, Token};
use crate::net::Peer;

const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$cGFzc3dvcmRwYXNzd29yZHBhc3N3b3JkcGFzc3dvcmQ";

fn enter(desk: &Desk, name: &str, protocol: Protocol, port: u16) -> Entered {
    let token = Token::bare("support", Arc::new(Provider::default()), Grant::ClientCredentials);
    let password = Password { label: Some("<i>phone".into()), ..PasswordHash::parse(HASH).unwrap().into() };
    let account = Arc::new(Account {
        passwords: vec![password],
        ..Account::bare(name, Arc::new(Token { mailbox: "support@example.com".into(), ..token }))
    });
    let peer = Peer::Tcp(SocketAddr::from(([10, 1, 2, 3], port)));
    let login = Login { account, password: Some(0), protocol, peer };
    desk.activity.roll.enter(SessionId::next(), login, clock::now(), &CancellationToken::new())
}

#[tokio::test]
async fn who_is_logged_in_is_shown_and_found_and_nothing_is_markup() {
    let (desk, _directory) = desk("https://mail.example.com/gate/").await;
    let mut browser = Browser::signed_in(&desk).await;
    let nobody = browser.get("/sessions").await.text;
    assert!(nobody.contains("Nobody is logged in.") && !nobody.contains("None."), "{nobody}");
    let tim = enter(&desk, "tim", Protocol::Imap, 4711);
    let evil = enter(&desk, "<script>x", Protocol::Smtp, 4712);
    tim.line().carried.send(2048);
    let all = browser.get("/sessions").await.text;
    for shown in
        ["10.1.2.3:4711", "2.0 KiB", "support@example.com", "&#60;i&#62;phone", "&#60;script&#62;x", "1 to 2 of 2"]
    {
        assert!(all.contains(shown), "{shown}: {all}");
    }
    assert!(!all.contains("<script>x") && !all.contains("<i>"));
    let action = format!("action=\"/gate/sessions/{}/end\"", tim.line().id);
    for (asked, finds) in
        [("TIM", true), ("imap", true), (":4711", true), ("phone", true), ("zoe", false), ("smtp", false)]
    {
        let found = browser.get(&format!("/sessions?q={asked}")).await.text;
        assert_eq!(found.contains(&action), finds, "{asked}: {found}");
    }
    drop(evil);
}

#[tokio::test]
async fn one_is_ended_noted_and_told_and_a_second_click_is_harmless() {
    let (desk, _directory) = desk("https://mail.example.com/gate/").await;
    let mut browser = Browser::signed_in(&desk).await;
    let (one, other) = (enter(&desk, "tim", Protocol::Imap, 1), enter(&desk, "tim", Protocol::Imap, 2));
    let path = format!("/sessions/{}/end", one.line().id);
    let answer = browser.post(&path, &[("q", "t&m"), ("page", "2")]).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/gate/sessions?q=t%26m&page=2"));
    assert_eq!((one.line().ended(), other.line().ended()), (Some(Why::Administrator), None));
    let page = browser.get("/sessions").await.text;
    assert!(page.contains("The imap session of account &#34;tim&#34; is ended."), "{page}");
    let deed = desk.store.deeds(None, 1).await.unwrap().remove(0).deed;
    assert_eq!((deed.who.as_str(), deed.what.as_str()), ("administrator", "session.ended"));
    assert_eq!((deed.subject, deed.detail), ("tim".into(), format!("imap from 10.1.2.3:1, session {}", one.line().id)));
    drop(one);
    for path in [path.as_str(), "/sessions/nonsense/end"] {
        assert_eq!(browser.post(path, &[]).await.status, StatusCode::SEE_OTHER);
        assert!(browser.get("/sessions").await.text.contains("That session had ended by itself."));
    }
    let path = format!("/sessions/{}/end", other.line().id);
    browser.csrf = "forged".into();
    assert_eq!(browser.post(&path, &[]).await.status, StatusCode::FORBIDDEN);
    assert!(Browser::new(&desk).post(&path, &[]).await.is_for_strangers());
    assert_eq!(other.line().ended(), None);
}

#[tokio::test]
async fn thousands_come_in_pages() {
    let (desk, _directory) = desk("https://mail.example.com/").await;
    let mut browser = Browser::signed_in(&desk).await;
    let all: Vec<_> = (1..=9500).map(|port| enter(&desk, "tim", Protocol::Imap, port)).collect();
    let last = browser.get("/sessions?page=190").await.text;
    assert!(last.contains("9451 to 9500 of 9500") && last.contains("10.1.2.3:50<") && !last.contains("10.1.2.3:51<"));
    let found = browser.get("/sessions?q=:9499").await.text;
    assert!(found.contains("1 to 1 of 1"), "{found}");
    drop(all);
}
