use std::num::NonZeroU32;

use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::*;
use crate::explain::throttle;
use crate::model::{MailboxLimits, Protocol};

const SMTP: Pass = Pass::Session(Protocol::Smtp);

const SETTINGS: GateSettings =
    GateSettings { wait: Duration::from_secs(30), waiters: 4, idle: Duration::from_secs(10) };

fn gate() -> Arc<Gate> {
    Arc::new(Gate::new(SETTINGS))
}

fn mailbox(gate: &Arc<Gate>, user: &str) -> MailboxGate {
    sending(gate, user, 60)
}

/// One that may send so many messages a minute.
fn sending(gate: &Arc<Gate>, user: &str, messages: u32) -> MailboxGate {
    let limits = MailboxLimits {
        smtp_sessions: NonZeroU32::new(1),
        messages_per_minute: NonZeroU32::new(messages),
        imap_sessions: None,
    };
    gate.of(&Provider { name: "simulated".into(), limits, ..Provider::default() }, user)
}

/// Waits in a task of its own, and has begun to.
async fn waiter(mailbox: &MailboxGate, pass: Pass) -> JoinHandle<Result<Permit, Full>> {
    let mailbox = mailbox.clone();
    let waiting = tokio::spawn(async move { mailbox.enter(pass).await });
    tokio::task::yield_now().await;
    waiting
}

/// Lets every task go as far as it can.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

async fn through(waiting: JoinHandle<Result<Permit, Full>>) -> Permit {
    timeout(Duration::from_millis(1), waiting).await.unwrap().unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn first_come_first_served() {
    let gate = gate();
    let mailbox = mailbox(&gate, "a");
    let first = mailbox.enter(SMTP).await.unwrap();
    let mut waiters = Vec::new();
    for _ in 0..3 {
        waiters.push(waiter(&mailbox, SMTP).await);
    }
    drop(first);
    for waiting in waiters {
        let permit = through(waiting).await;
        let late = timeout(Duration::from_millis(1), mailbox.enter(SMTP)).await;
        assert!(late.is_err(), "one at a time");
        drop(permit);
    }
    assert!(mailbox.enter(SMTP).await.is_ok());
    assert_eq!(gate.remembered(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_figures_say_who_is_through_who_waits_and_who_is_slowed_down() {
    let gate = gate();
    let (busy, slow) = (mailbox(&gate, "a"), mailbox(&gate, "b"));
    let inside = busy.enter(SMTP).await.unwrap();
    let waiting = waiter(&busy, SMTP).await;
    let imap = slow.enter(Pass::Session(Protocol::Imap)).await.unwrap();
    let throttled = throttle("432 4.3.2 Concurrent connections limit exceeded").unwrap();
    assert!(slow.throttled(Pass::Message, throttled).is_some());
    let figures = Figures { inside: [1, 1, 0, 0], waiting: [1, 0, 0, 0], paused: 1 };
    assert_eq!(gate.figures(), figures);
    drop((inside, imap));
    drop(through(waiting).await);
    sleep(Duration::from_hours(1)).await;
    assert_eq!(gate.figures(), Figures::default());
}

#[tokio::test(start_paused = true)]
async fn waiting_is_bounded_in_time_and_number() {
    let gate = gate();
    let mailbox = mailbox(&gate, "a");
    let _first = mailbox.enter(SMTP).await.unwrap();
    let begun = Instant::now();
    let mut waiters = Vec::new();
    for _ in 0..4 {
        waiters.push(waiter(&mailbox, SMTP).await);
    }
    assert_eq!(mailbox.enter(SMTP).await.unwrap_err(), Full::Crowded { waiters: 4 });
    for waiting in waiters {
        let full = waiting.await.unwrap().unwrap_err();
        assert_eq!(full, Full::InUse { limit: "smtp_sessions", seconds: 30 });
    }
    assert_eq!(begun.elapsed(), SETTINGS.wait);
}

#[tokio::test(start_paused = true)]
async fn who_vanishes_while_waiting_holds_nobody_up() {
    let gate = gate();
    let mailbox = mailbox(&gate, "a");
    let first = mailbox.enter(SMTP).await.unwrap();
    let (vanishing, patient) = (waiter(&mailbox, SMTP).await, waiter(&mailbox, SMTP).await);
    vanishing.abort();
    settle().await;
    drop(first);
    drop(through(patient).await);

    // Even one that had been called already.
    let first = mailbox.enter(SMTP).await.unwrap();
    let (vanishing, patient) = (waiter(&mailbox, SMTP).await, waiter(&mailbox, SMTP).await);
    drop(first);
    vanishing.abort();
    drop(through(patient).await);
    assert_eq!(gate.remembered(), 0);
}

#[tokio::test(start_paused = true)]
async fn mailboxes_and_protocols_do_not_wait_for_each_other() {
    let gate = gate();
    let _busy = mailbox(&gate, "a").enter(SMTP).await.unwrap();
    let same = timeout(Duration::from_secs(1), mailbox(&gate, " A ").enter(SMTP)).await;
    assert!(same.is_err(), "case and blanks do not matter");
    let begun = Instant::now();
    let _other = mailbox(&gate, "b").enter(SMTP).await.unwrap();
    for _ in 0..100 {
        let _imap = mailbox(&gate, "a").enter(Pass::Session(Protocol::Imap)).await.unwrap();
    }
    assert!(begun.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn messages_wait_for_their_turn_of_the_minute() {
    let gate = gate();
    let mailbox = sending(&gate, "a", 6);
    let begun = Instant::now();
    for seconds in [0, 0, 10, 20, 30, 40, 60, 60, 70] {
        drop(mailbox.enter(Pass::Message).await.unwrap());
        assert_eq!(begun.elapsed().as_secs(), seconds);
    }
    // The third one from now has to wait for almost 30 seconds, the fourth for the next minute.
    sleep(Duration::from_millis(100)).await;
    let waiters = [waiter(&mailbox, Pass::Message).await, waiter(&mailbox, Pass::Message).await];
    let third = waiter(&mailbox, Pass::Message).await;
    let fourth = timeout(Duration::from_millis(1), mailbox.enter(Pass::Message)).await.unwrap();
    assert_eq!(fourth.unwrap_err(), Full::InUse { limit: "messages_per_minute", seconds: 0 }, "at once");
    for waiting in waiters {
        drop(waiting.await.unwrap().unwrap());
    }
    drop(third.await.unwrap().unwrap());
    assert_eq!(begun.elapsed().as_secs(), 100);
    assert_eq!(gate.remembered(), 1, "the minute is remembered");
    sleep(Duration::from_mins(2)).await;
    drop(super::tests::mailbox(&gate, "b").enter(SMTP).await.unwrap());
    assert_eq!(gate.remembered(), 0);
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_one_goes_ahead_and_the_others_follow_its_success() {
    let gate = gate();
    let mailbox = mailbox(&gate, "a");
    let begun = Instant::now();
    let rate = throttle("421 4.4.2 Message submission rate for this client has exceeded the configured limit").unwrap();
    let mut first = mailbox.enter(Pass::Message).await.unwrap();
    let second = mailbox.enter(Pass::Message).await.unwrap();
    assert_eq!(first.throttled(rate), Some(Duration::from_secs(5)));
    drop((first, second));
    let (waiting, behind) = (waiter(&mailbox, Pass::Message).await, waiter(&mailbox, Pass::Message).await);
    let mut probe = waiting.await.unwrap().unwrap();
    assert_eq!(begun.elapsed().as_secs(), 5);
    settle().await;
    assert!(!behind.is_finished());
    assert_eq!(probe.throttled(rate), Some(Duration::from_secs(10)));
    drop(probe);
    let lost = behind.await.unwrap().unwrap();
    assert_eq!(begun.elapsed().as_secs(), 15);
    let behind = waiter(&mailbox, Pass::Message).await;
    drop(lost);
    let mut probe = through(behind).await;
    let behind = waiter(&mailbox, Pass::Message).await;
    probe.succeeded();
    drop(through(behind).await);
}

#[tokio::test(start_paused = true)]
async fn a_pause_longer_than_the_wait_is_refused_at_once_also_to_those_who_wait() {
    let gate = gate();
    let mailbox = mailbox(&gate, "a");
    let imap = Pass::Session(Protocol::Imap);
    let rising = throttle("[ALERT] Too many simultaneous connections. (Failure)").unwrap();
    let stated = throttle("Request is throttled. Suggested Backoff Time: 120000 milliseconds").unwrap();
    let mut held = mailbox.enter(imap).await.unwrap();
    assert!(held.throttled(rising).is_some());
    let waiting = waiter(&mailbox, imap).await;
    assert!(held.throttled(stated).is_some());
    assert_eq!(through_not(waiting).await, Full::Paused { seconds: 120 });
    assert_eq!(mailbox.enter(imap).await.unwrap_err(), Full::Paused { seconds: 120 });
    assert!(mailbox.enter(SMTP).await.is_ok());
}

async fn through_not(waiting: JoinHandle<Result<Permit, Full>>) -> Full {
    timeout(Duration::from_millis(1), waiting).await.unwrap().unwrap().unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_is_left_in_peace_by_messages_and_logins() {
    let gate = gate();
    let busy = throttle("451 4.7.500 Server busy. Please try again later from [192.0.2.1]").unwrap();
    for (seen, other) in [(SMTP, Pass::Message), (Pass::Message, SMTP)] {
        let mailbox = mailbox(&gate, "a");
        let mut permit = mailbox.enter(seen).await.unwrap();
        let seconds = permit.throttled(busy).unwrap();
        drop(permit);
        let begun = Instant::now();
        let mut probes = [mailbox.enter(other).await.unwrap(), mailbox.enter(seen).await.unwrap()];
        assert_eq!(begun.elapsed().as_secs(), seconds.as_secs());
        probes.iter_mut().for_each(Permit::succeeded);
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_is_asked_for_its_place_once_and_only_when_someone_waits() {
    let gate = gate();
    let mailbox = mailbox(&gate, "a");
    let mut idle = mailbox.enter(SMTP).await.unwrap();
    let since = Instant::now();
    assert!(timeout(Duration::from_mins(5), idle.wanted(since)).await.is_err(), "nobody waits");
    let waiting = waiter(&mailbox, SMTP).await;
    timeout(Duration::from_millis(1), idle.wanted(since)).await.unwrap();
    drop(idle);
    let mut next = through(waiting).await;

    // Not before the grace is over, and one for each that waits.
    let since = Instant::now();
    let waiting = waiter(&mailbox, SMTP).await;
    next.wanted(since).await;
    assert_eq!(since.elapsed(), SETTINGS.idle);
    assert!(next.gives_up_its_place());
    drop(next);
    drop(through(waiting).await);
    assert_eq!(gate.remembered(), 0);
}
