use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use tokio::sync::broadcast::error::RecvError;
use tracing::{Level, info, warn};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::clock;
use crate::model::{Account, Endpoint, Grant, Password, PasswordHash, Protocol, Provider, Token, UpstreamTls};
use crate::net::Peer;
use crate::store::{Keys, SqliteStore};

const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$cGFzc3dvcmRwYXNzd29yZHBhc3N3b3JkcGFzc3dvcmQ";

fn account(name: &str, labels: &[&str]) -> Arc<Account> {
    let mut provider = Provider::default();
    provider.endpoints.imap = Some(Endpoint { host: "imap.example".into(), port: 993, tls: UpstreamTls::Implicit });
    let token = Token::bare("support", Arc::new(provider), Grant::ClientCredentials);
    let hash = PasswordHash::parse(HASH).unwrap();
    let password = |label: &&str| Password { label: Some((*label).into()), ..hash.clone().into() };
    Arc::new(Account {
        passwords: labels.iter().map(password).collect(),
        protocols: vec![Protocol::Imap],
        ..Account::bare(name, Arc::new(Token { mailbox: "support@example.com".into(), ..token }))
    })
}

fn now() -> DateTime<Utc> {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn enter(roll: &Roll, account: &Arc<Account>, password: Option<u8>, stop: &CancellationToken) -> Entered {
    let peer = Peer::Tcp(SocketAddr::from(([10, 1, 2, 3], 4711)));
    let login = Login { account: Arc::clone(account), password, protocol: Protocol::Imap, peer };
    roll.enter(SessionId::next(), login, now(), stop)
}

#[test]
fn the_roll_knows_who_is_there() {
    let (activity, stop) = (Activity::default(), CancellationToken::new());
    let roll = &activity.roll;
    let (tim, zoe) = (account("tim", &["phone", "scanner"]), account("zoe", &["pc"]));
    let first = enter(roll, &tim, Some(1), &stop);
    let second = enter(roll, &tim, None, &stop);
    let third = enter(roll, &zoe, Some(0), &stop);
    first.line().carried.send(5);
    first.line().carried.receive(7);
    assert_eq!((roll.open(), roll.open_of("tim"), roll.open_of("zoe"), roll.open_of("x")), (3, 2, 1, 0));
    let list = roll.list();
    let labels: Vec<_> = list.iter().map(|seen| (seen.label.as_deref(), seen.guest)).collect();
    assert_eq!(labels, [(Some("scanner"), false), (None, true), (Some("pc"), false)], "the longest first");
    let Seen { account, token, peer, since, sent, received, upstream, .. } = &list[0];
    assert_eq!((account.as_str(), token.as_str(), peer.as_str()), ("tim", "support", "10.1.2.3:4711"));
    assert_eq!((*since, *sent, *received), (now(), 5, 7));
    assert_eq!(upstream, "support@example.com at imap.example");
    let imap = Figures { open: 3, sent: 5, received: 7 };
    let nothing = Figures::default();
    let of = |protocol, figures| (protocol, figures);
    let all = |imap| [of(Protocol::Smtp, nothing), of(Protocol::Imap, imap), of(Protocol::Pop3, nothing)];
    assert_eq!(roll.figures(), all(imap));
    drop((first, second));
    assert_eq!(roll.figures(), all(Figures { open: 1, ..imap }), "what was carried stays counted");
    assert_eq!((roll.open(), roll.open_of("tim"), roll.open_of("zoe")), (1, 0, 1));
    drop(third);
    assert!(roll.list().is_empty());
    assert_eq!(activity.counts.window(now(), 1, 1)[0].sessions, 3);
}

#[test]
fn one_session_is_ended_and_no_other() {
    let (roll, stop) = (Roll::default(), CancellationToken::new());
    let tim = account("tim", &["phone"]);
    let (first, second) = (enter(&roll, &tim, Some(0), &stop), enter(&roll, &tim, Some(0), &stop));
    let id = first.line().id.to_string();
    assert!(roll.end(&id) && roll.end(&id), "it is still there");
    let ended = |entered: &Entered| (entered.line().stop.is_cancelled(), entered.line().ended());
    assert_eq!((ended(&first), ended(&second)), ((true, Some(Why::Administrator)), (false, None)));
    drop(first);
    let of_another_process = format!("{:08x}{}", 0, &id[8..]);
    for id in [id.as_str(), "", "-", "x-y", &of_another_process] {
        assert!(!roll.end(id), "{id:?}");
    }
    stop.cancel();
    assert_eq!(ended(&second), (true, None), "the service's stop is everybody's");
}

#[test]
fn a_review_ends_those_that_may_not_go_on() {
    let (roll, stop) = (Roll::default(), CancellationToken::new());
    let (tim, zoe) = (account("tim", &["phone"]), account("zoe", &["pc"]));
    let (first, second) = (enter(&roll, &tim, Some(0), &stop), enter(&roll, &zoe, Some(0), &stop));
    assert_eq!(roll.review(|_| true), 0);
    let only_zoe = |line: &Line| line.login.account.name == "zoe";
    assert_eq!((roll.review(only_zoe), roll.review(only_zoe)), (1, 0));
    assert_eq!((first.line().ended(), second.line().ended()), (Some(Why::Revoked), None));
}

/// A session costs so much more than the bytes it moves; see the law about bounds.
#[test]
fn a_line_is_small() {
    assert!(size_of::<Line>() <= 128, "{}", size_of::<Line>());
}

fn recorded(activity: &Arc<Activity>, told: impl FnOnce()) {
    let subscriber = tracing_subscriber::registry().with(activity.recorder());
    tracing::subscriber::with_default(subscriber, told);
}

/// Events of this file have its own target, so each is Gatepost's.
fn evening() {
    info!(session = %"a-1", account = "tim", password = "phone", token = "support", ms = 12, "session.login");
    info!(account = "tim", peer = None::<&str>, size = 9, "message.accepted");
    warn!(session = %"a-2", user = "TIM\r\n\u{202e}", reason = "unknown user", "session.login_failed");
    warn!(account = "zoe", reply = "550 no", "message.refused");
    info!(token = "sales", user = "sales@example.com", "token.refreshed");
    warn!(token = "sales", "token.refresh_failed");
    tracing::debug!(account = "tim", "session.closed");
    info!(target: "rustls::conn", account = "tim", "theirs");
}

fn names(activity: &Activity, filter: &Filter) -> Vec<String> {
    activity.events.recent(filter).iter().map(|event| event.name.clone()).collect()
}

#[test]
fn what_is_told_is_kept_counted_and_noted() {
    let activity = Arc::default();
    recorded(&activity, evening);
    let all = Filter::default();
    let told = ["session.login", "message.accepted", "session.login_failed", "message.refused", "token.refreshed"];
    assert_eq!(names(&activity, &all)[..5], told);
    assert_eq!(names(&activity, &Filter { most: 2, ..all.clone() }), ["token.refreshed", "token.refresh_failed"]);
    let of = |account: &str| Filter { account: Some(account.into()), ..Filter::default() };
    assert_eq!(names(&activity, &of("TiM")), ["session.login", "message.accepted", "session.login_failed"]);
    assert_eq!(names(&activity, &of("sales")), [""; 0], "the user of a token is no account");
    let sales = Filter { token: Some("sal".into()), ..all.clone() };
    assert_eq!(names(&activity, &sales), ["token.refreshed", "token.refresh_failed"]);
    assert_eq!(names(&activity, &Filter { level: Level::WARN, ..all.clone() }).len(), 3);

    let events = activity.events.recent(&all);
    assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(events[1].fields, [("account", "tim".into()), ("size", "9".into())], "what is not there is not shown");
    assert_eq!(events[2].fields[1], ("user", "TIM\\u{d}\\u{a}\\u{202e}".into()), "nothing is hidden");

    let minute = activity.counts.window(clock::now(), 2, 1)[0];
    assert_eq!((minute.logins, minute.messages, minute.failures, minute.refreshes), (1, 1, 3, 1));
    let last = activity.uses.last("tim");
    assert!(last.login.is_some() && last.message.is_some());
    assert_eq!(activity.uses.password("tim", Some("phone")), last.login);
    assert_eq!(activity.uses.password("tim", Some("scanner")), None);
    assert_eq!(activity.uses.last("zoe"), LastUse::default(), "a refusal is no use");
}

#[tokio::test]
async fn listeners_miss_nothing_or_are_told_how_much() {
    let activity: Arc<Activity> = Arc::default();
    recorded(&activity, || (1..=5).for_each(|number| info!(number, "x")));
    let Watch { due, missed, mut live, .. } = activity.events.watch(Some(3)).unwrap();
    assert_eq!((due.iter().map(|event| event.id).collect::<Vec<_>>(), missed), (vec![4, 5], 0));
    recorded(&activity, || info!("y"));
    assert_eq!(live.recv().await.unwrap().id, 6);
    recorded(&activity, || (0..2000).for_each(|number| info!(number, "z")));
    assert_eq!(activity.events.recent(&Filter::default()).len(), KEPT);
    assert!(matches!(live.recv().await, Err(RecvError::Lagged(left_out)) if left_out > 900));
    assert!(live.recv().await.is_ok());
    let late = activity.events.watch(Some(3)).unwrap();
    assert_eq!((late.due.len(), late.missed), (KEPT, 2006 - 1000 - 3));
    let of_another_run = activity.events.watch(Some(9999)).unwrap();
    assert_eq!((of_another_run.due.len(), of_another_run.after), (KEPT, 0));
    let new = activity.events.watch(None).unwrap();
    assert_eq!((new.due.len(), new.missed, new.after), (0, 0, 2006));
    drop(late);
    let others: Vec<_> = (0..WATCHERS).map_while(|_| activity.events.watch(None)).collect();
    assert_eq!(others.len(), WATCHERS - 2, "listeners are bounded");
}

#[tokio::test]
async fn uses_are_in_the_store_after_a_stop_and_back_after_a_start() {
    let directory = tempfile::tempdir().unwrap();
    let key = "gpk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into();
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(&directory.path().join("gatepost.db"), Keys::new(&key).unwrap()).unwrap());
    let (before, stop) = (Arc::<Activity>::default(), CancellationToken::new());
    recorded(&before, evening);
    stop.cancel();
    Arc::clone(&before).keep(Arc::clone(&store), stop).await;
    let after = Activity::default();
    after.uses.load(store.as_ref(), DateTime::UNIX_EPOCH).await.unwrap();
    let seconds = |time: Option<DateTime<Utc>>| time.map(|time| time.timestamp());
    assert_eq!(seconds(after.uses.last("tim").login), seconds(before.uses.last("tim").login));
    assert_eq!(seconds(after.uses.last("tim").message), seconds(before.uses.last("tim").message));
    assert!(after.uses.password("tim", Some("phone")).is_some());
    assert!(before.uses.news_is_told() && after.uses.news_is_told());
    after.uses.retain(|account| account != "tim");
    assert_eq!(after.uses.last("tim"), LastUse::default());
}
