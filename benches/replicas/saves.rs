use std::sync::Arc;
use std::time::{Duration, Instant};

use gatepost::store::{PostgresStore, Saved, Store as _, Version};
use gatepost_kit::Postgres;
use gatepost_kit::bench::Table;
use tokio::task::JoinSet;

use crate::choice::Choice;
use crate::rows::{stage, state};

/// Each has eight connections.
const REPLICAS: usize = 4;

/// How many tokens are saved in a second by so many at a time, as it is and without a notice of each: PostgreSQL lets one
/// transaction with a notice commit after the other, each with its wait for the disk.
pub(crate) async fn measure(postgres: &Postgres, choice: &Choice) -> Table {
    let stage = stage(postgres).await;
    let mut stores = Vec::new();
    for _ in 0..REPLICAS {
        stores.push(Arc::new(stage.store().await));
    }
    // What is measured is the wait for the disk, which tests do without.
    postgres.set("fsync = on\n").await;
    let mut table = Table::new(&["saves at a time", "saves/s", "without notices"]);
    for at_a_time in [1, 8, 32] {
        let mut row = vec![at_a_time.to_string()];
        for notices in ["ENABLE", "DISABLE"] {
            let switched = format!("ALTER TABLE tokens {notices} TRIGGER USER");
            stage.postgres.query_in(&stage.database, &switched).await;
            row.push(format!("{:.0}", per_second(&stores, at_a_time, choice.span()).await));
        }
        table.row(row);
    }
    postgres.set("fsync = off\n").await;
    table
}

async fn per_second(stores: &[Arc<PostgresStore>], at_a_time: usize, span: Duration) -> f64 {
    let (begun, mut tasks) = (Instant::now(), JoinSet::new());
    for number in 0..at_a_time {
        tasks.spawn(saves(Arc::clone(&stores[number % stores.len()]), format!("saved{number}"), begun + span));
    }
    let saved = tasks.join_all().await.into_iter().sum::<u32>();
    f64::from(saved) / begun.elapsed().as_secs_f64()
}

/// Of one token, until then.
async fn saves(store: Arc<PostgresStore>, name: String, end: Instant) -> u32 {
    store.forget(&name).await.unwrap();
    let (mut version, mut saved, state) = (Version::default(), 0, state());
    while Instant::now() < end {
        let Saved::Done(next) = store.save(&name, version, &state).await.unwrap() else { panic!("nobody else saves") };
        version = next;
        saved += 1;
    }
    saved
}
