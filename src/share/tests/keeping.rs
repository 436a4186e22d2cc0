//! Who looks after the parts, by a clock that only the test moves.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::super::book::{LEASE, Measure};
use super::super::keeper::{Shares, Taken, Unit};
use super::memory::Memory;

const DESK: &str = "smtp_sessions/corp/desk";
const THREE: Measure = Measure { most: 3, lasting: false };
const LONG: Duration = Duration::from_mins(2);

struct Kept {
    shares: Arc<Shares>,
    end: CancellationToken,
    keeps: JoinHandle<()>,
}

/// So many replicas of one store, each of which has its part.
async fn replicas(store: &Arc<Memory>, count: u32) -> Vec<Kept> {
    let all: Vec<_> = (0..count).map(|number| Kept::start(store, number)).collect();
    let probe = Measure { most: count, lasting: false };
    while !all.iter().all(|one| one.shares.look(&"probe".into(), probe).0) {
        sleep(Duration::from_millis(100)).await;
    }
    all
}

impl Kept {
    fn start(store: &Arc<Memory>, number: u32) -> Self {
        let shares = Shares::new(Arc::clone(store) as _, &format!("replica{number}"));
        let end = CancellationToken::new();
        let keeps = tokio::spawn(Arc::clone(&shares).keep(end.clone()));
        Self { shares, end, keeps }
    }

    async fn takes_three(&self) -> Vec<Unit> {
        let mut units = Vec::new();
        for _ in 0..3 {
            let Taken::Unit(unit) = self.shares.take(&DESK.into(), THREE, LONG).await else {
                panic!("there are three")
            };
            units.push(unit);
        }
        units
    }

    async fn gets_one(&self) -> bool {
        matches!(self.shares.take(&DESK.into(), THREE, LONG).await, Taken::Unit(_))
    }
}

#[tokio::test(start_paused = true)]
async fn who_stops_gives_nothing_away_that_is_in_use_and_all_of_it_as_soon_as_that_is_over() {
    let store = Arc::new(Memory::default());
    let mut all = replicas(&store, 2).await;
    let (other, stopping) = (all.remove(1), all.remove(0));
    let mut units = stopping.takes_three().await;
    stopping.end.cancel();
    assert!(timeout(Duration::from_secs(4), other.gets_one()).await.is_err(), "three are in use");
    units.clear();
    assert!(timeout(Duration::from_secs(1), other.gets_one()).await.unwrap());
    stopping.keeps.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_in_use_for_longer_than_a_stop_takes_comes_free_after_the_lease() {
    let store = Arc::new(Memory::default());
    let all = replicas(&store, 2).await;
    let units = all[0].takes_three().await;
    let (stopped, lease_ends) = (Instant::now(), all[0].shares.lease_ends());
    all[0].end.cancel();
    let gets_one = all[1].gets_one();
    assert!(gets_one.await && Instant::now() >= lease_ends, "{:?} after", stopped.elapsed());
    assert!(stopped.elapsed() <= LEASE + Duration::from_secs(6) && all[0].keeps.is_finished());
    drop(units);
}

/// A newcomer makes basic parts smaller than what is in use of very many limits, all at once.
#[tokio::test(start_paused = true)]
async fn however_many_there_are_to_ask_for_the_others_hear_that_it_lives() {
    let store = Arc::new(Memory::slow(Duration::from_secs(1)));
    let mut all = replicas(&store, 2).await;
    let (one, measure) = (all.swap_remove(0), Measure { most: 2, lasting: false });
    let names: Vec<Arc<str>> = (0..64 * 60).map(|number| format!("smtp_sessions/corp/{number}").into()).collect();
    for name in &names {
        one.shares.enter(name, measure);
    }
    all.push(Kept::start(&store, 2));
    for _ in 0..120 {
        sleep(Duration::from_secs(1)).await;
        assert!(one.shares.lease_ends() > Instant::now());
    }
    assert_eq!(one.shares.figures().leases[0].units, 64 * 60);
    assert!(all.iter().all(|one| one.shares.figures().holders == 3));
}
