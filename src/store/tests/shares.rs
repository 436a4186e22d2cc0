//! Limits over several replicas, against a real database.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::model::{MailboxLimits, Protocol, Provider};
use crate::share::{Measure, Shares, Taken};
use crate::store::shares::{Ask, Beat, Given, Shared, Standing, Want};
use crate::submit::gate::{Gate, GateSettings, Pass};

const LONG: Duration = Duration::from_mins(2);

/// Some replicas of one database, looked after until the end.
struct Replicas {
    ground: Ground,
    all: Vec<Arc<Shares>>,
    end: CancellationToken,
}

impl Replicas {
    /// So many, each of which has its basic part.
    async fn of(count: usize) -> Option<Self> {
        let (ground, key, end) = (Ground::postgres().await?, generate_key().unwrap(), CancellationToken::new());
        let mut all = Vec::new();
        for number in 0..count {
            let store = ground.open(Keys::new(&key).unwrap()).await.unwrap();
            let shares = Shares::new(store, &format!("replica{number}"));
            tokio::spawn(Arc::clone(&shares).keep(end.clone()));
            all.push(shares);
        }
        let replicas = Self { ground, all, end };
        let settled = format!("{count}|{count}");
        let probe = Measure { most: u32::try_from(count).unwrap(), lasting: false };
        timeout(LONG, async {
            while replicas.ask("SELECT count(*), min(counted) FROM holders").await != settled
                || !replicas.all.iter().all(|shares| shares.look(&"probe".into(), probe).0)
            {
                sleep(Duration::from_millis(50)).await;
            }
        })
        .await
        .unwrap();
        Some(replicas)
    }

    /// Nothing can be asked for some seconds.
    async fn shut(&self) {
        let Ground::Postgres { server, database } = &self.ground else { unreachable!() };
        let (server, database) = (server.clone(), database.clone());
        let shutting = "BEGIN; LOCK TABLE shares; SELECT pg_sleep(20); COMMIT";
        tokio::spawn(async move { server.query_in(&database, shutting).await });
        let shut = "SELECT count(*) FROM pg_locks WHERE relation = 'shares'::regclass AND mode = 'AccessExclusiveLock' AND granted";
        while self.ask(shut).await != "1" {
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn ask(&self, sql: &str) -> String {
        match &self.ground {
            Ground::Postgres { server, database } => server.query_in(database, sql).await.trim().to_owned(),
            Ground::Sqlite(_) => unreachable!(),
        }
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_never_use_more_than_there_is_and_everybody_comes_to_his_turn() {
    let Some(replicas) = Replicas::of(3).await else { return };
    let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let mut users = JoinSet::new();
    for shares in replicas.all.iter().flat_map(|shares| [shares; 4]) {
        let (shares, now, most) = (Arc::clone(shares), Arc::clone(&now), Arc::clone(&most));
        users.spawn(async move {
            let unit = shares.take(&"desk".into(), Measure { most: 2, lasting: false }, LONG).await;
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(Duration::from_millis(20)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            matches!(unit, Taken::Unit(_))
        });
    }
    assert!(users.join_all().await.into_iter().all(|served| served));
    assert!(most.load(Ordering::SeqCst) <= 2, "{most:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_replica_may_have_all_that_the_others_do_not_use() {
    let Some(replicas) = Replicas::of(3).await else { return };
    let (name, measure) = ("desk".into(), Measure { most: 9, lasting: false });
    let mut units = Vec::new();
    for _ in 0..9 {
        let Taken::Unit(unit) = replicas.all[0].take(&name, measure, LONG).await else { panic!("there are nine") };
        units.push(unit);
    }
    let none = replicas.all[1].take(&name, measure, Duration::from_secs(10)).await;
    assert!(matches!(none, Taken::None), "{none:?}");
    drop(units.pop());
    assert!(matches!(replicas.all[1].take(&name, measure, LONG).await, Taken::Unit(_)));
}

/// Whoever is to decide then knows that nobody knows.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_database_that_does_not_answer_nothing_is_known() {
    let Some(replicas) = Replicas::of(3).await else { return };
    let (name, measure) = ("desk".into(), Measure { most: 1, lasting: false });
    let Taken::Unit(_unit) = replicas.all[0].take(&name, measure, LONG).await else { panic!("there is one") };
    let asked = replicas.all[1].take(&name, measure, Duration::from_secs(10)).await;
    assert!(matches!(asked, Taken::None), "{asked:?}");
    replicas.shut().await;
    let asked = replicas.all[2].take(&name, measure, Duration::from_secs(2)).await;
    assert!(matches!(asked, Taken::Unanswered), "{asked:?}");
}

fn gate(shares: &Arc<Shares>) -> Arc<Gate> {
    let settings = GateSettings { wait: Duration::from_secs(1), waiters: 100, idle: Duration::from_secs(10) };
    Arc::new(Gate::new(settings).sharing(Some(Arc::clone(shares))))
}

#[tokio::test(flavor = "multi_thread")]
async fn gates_share_a_mailbox_and_its_usual_part_costs_no_statement() {
    let Some(replicas) = Replicas::of(3).await else { return };
    let gates: Vec<_> = replicas.all.iter().map(gate).collect();
    let limits = MailboxLimits {
        smtp_sessions: NonZeroU32::new(3),
        messages_per_minute: NonZeroU32::new(6),
        imap_sessions: None,
    };
    let provider = Provider { name: "corp".into(), limits, ..Provider::default() };
    let mut sessions = Vec::new();
    for gate in &gates {
        let mailbox = gate.of(&provider, "desk@example.com");
        sessions.push(mailbox.enter_now(Pass::Session(Protocol::Smtp)).expect("its part"));
        for _ in 0..2 {
            drop(mailbox.enter_now(Pass::Message).expect("its part"));
        }
    }
    assert_eq!(replicas.ask("SELECT count(*) FROM shares").await, "0", "nobody was asked");
    for gate in &gates {
        let mailbox = gate.of(&provider, "desk@example.com");
        assert!(mailbox.enter(Pass::Message).await.is_err(), "six a minute have gone");
        assert!(mailbox.enter(Pass::Session(Protocol::Smtp)).await.is_err(), "three are open");
    }
    // One that is idle is asked for its place by those who wait at another replica.
    let waiting = gates[1].of(&provider, "desk@example.com");
    let mut idle = sessions.remove(0);
    let gave = tokio::spawn(async move {
        idle.wanted_at_once().await;
        drop(idle);
    });
    let entered = timeout(LONG, async {
        loop {
            if let Ok(permit) = waiting.enter(Pass::Session(Protocol::Smtp)).await {
                return permit;
            }
        }
    });
    drop(entered.await.unwrap());
    gave.await.unwrap();
}

fn beat(owner: &str, number: i64, knows: u32) -> Beat {
    let lease = Duration::from_secs(20);
    Beat { owner: owner.into(), number, lease, believes: knows, could: 9, buries: true, leaves: false }
}

fn ask(name: &str, keep: u32, need: u32) -> Ask {
    Ask { name: name.into(), most: 4, lasting: name == "messages", keep, need, wish: 0, leaves: false }
}

fn units(shared: Shared) -> Vec<Option<u32>> {
    match shared {
        Shared::Given(given) => given.into_iter().map(|Given { units, .. }| units).collect(),
        Shared::Lapsed => panic!("lapsed"),
    }
}

#[tokio::test]
async fn what_a_dead_replica_held_comes_free_and_what_it_has_sent_a_minute_later() {
    let Some(ground) = Ground::postgres().await else { return };
    let store = ground.store().await;
    assert_eq!(store.share("a", 1, vec![ask("sessions", 0, 1)]).await.unwrap(), Shared::Lapsed, "it never beat");
    let alone = store.hold(beat("a", 2, 0)).await.unwrap();
    assert_eq!(alone, Standing { holders: 1, counted: 1, lapsed: true, rows: Some(Vec::new()) });
    assert_eq!(store.hold(beat("b", 1, 0)).await.unwrap().counted, 0, "not before the other divides by two");
    assert_eq!(store.hold(beat("a", 3, 1)).await.unwrap().counted, 2);
    assert_eq!(store.hold(beat("b", 2, 0)).await.unwrap().counted, 2);

    let both = |keep, need| vec![ask("sessions", keep, need), ask("messages", keep, need)];
    assert_eq!(units(store.share("a", 4, both(2, 2)).await.unwrap()), [Some(2); 2], "the other has its part");
    let wanted = store.wanted("b").await.unwrap();
    let want = |name: &str, lasting| Want { name: name.into(), most: 4, lasting, units: 2 };
    assert_eq!((wanted.holders, wanted.wants.len()), (2, 2));
    assert!(wanted.wants.contains(&want("sessions", false)) && wanted.wants.contains(&want("messages", true)));
    assert_eq!(units(store.share("b", 3, both(0, 0)).await.unwrap()), [Some(0); 2]);
    assert_eq!(units(store.share("a", 5, both(2, 2)).await.unwrap()), [Some(4); 2]);
    assert_eq!(store.share("a", 4, both(0, 0)).await.unwrap(), Shared::Lapsed, "an old question comes late");

    ground.alter("UPDATE holders SET ends_at = ends_at - 21000 WHERE owner = 'a'").await;
    assert_eq!(units(store.share("b", 4, both(0, 4)).await.unwrap()), [Some(0); 2], "nobody has found it dead");
    assert_eq!(store.hold(beat("b", 5, 2)).await.unwrap().holders, 2);
    assert_eq!(units(store.share("b", 6, both(0, 4)).await.unwrap()), [Some(4), Some(0)]);
    assert_eq!(store.share("a", 6, both(4, 0)).await.unwrap(), Shared::Lapsed);
    ground.alter("UPDATE holders SET ends_at = ends_at - 66000 WHERE owner = 'a'").await;
    assert_eq!(store.hold(beat("b", 7, 2)).await.unwrap().counted, 1);
    assert_eq!(units(store.share("b", 8, vec![ask("messages", 0, 4)]).await.unwrap()), [Some(4)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_in_vain_for_many_limits_lives_on() {
    let Some(replicas) = Replicas::of(2).await else { return };
    let measure = Measure { most: 1, lasting: false };
    let limits: Vec<Arc<str>> = (0..100).map(|number| format!("desk{number}").into()).collect();
    let mut users = JoinSet::new();
    for (shares, name) in [0, 1].into_iter().flat_map(|at| limits.iter().map(move |name| (at, name))) {
        let (shares, name) = (Arc::clone(&replicas.all[shares]), Arc::clone(name));
        users.spawn(async move {
            // Whoever has it keeps it.
            std::mem::forget(shares.take(&name, measure, LONG).await);
        });
    }
    let all = limits.len().to_string();
    timeout(LONG, async {
        while replicas.ask("SELECT count(*) FROM shares WHERE wants > 0").await != all {
            sleep(Duration::from_millis(50)).await;
        }
        let ends =
            async |which| replicas.ask(&format!("SELECT {which}(ends_at) FROM holders")).await.parse::<i64>().unwrap();
        let last = ends("max").await;
        while ends("min").await <= last {
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("both beat");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_counted_is_given_back() {
    let Some(replicas) = Replicas::of(1).await else { return };
    let (gate, session) = (gate(&replicas.all[0]), Pass::Session(Protocol::Smtp));
    let of = |smtp_sessions| {
        let limits = MailboxLimits { smtp_sessions, messages_per_minute: None, imap_sessions: None };
        gate.of(&Provider { name: "corp".into(), limits, ..Provider::default() }, "desk@example.com")
    };
    let unbounded = of(None).enter_now(session).expect("no limit");
    let bounded = of(NonZeroU32::new(3)).enter_now(session).expect("a limit came");
    drop(unbounded);
    let measure = Measure { most: 1, lasting: false };
    let name = "smtp_sessions/corp/desk@example.com".into();
    assert_eq!(replicas.all[0].look(&name, measure), (false, 0), "one is in use");
    drop(bounded);
    assert_eq!(replicas.all[0].look(&name, measure), (true, 0));
}
