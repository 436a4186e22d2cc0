//! The model as a store, with time that is not real: of everything else it has nothing.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::model::Model;
use crate::model::TokenState;
use crate::store::shares::{self, Ask, Shared, Standing, Wanted};
use crate::store::{
    Answer, Beat, Changed, Copied, Deed, Inflow, Kind, Noted, Outflow, Outline, Record, Replica, Saved, Sketch, Store,
    StoreError, Stored, Topic, Use, Version,
};

#[derive(Debug, Default)]
pub(super) struct Memory {
    model: Mutex<Model>,
    news: watch::Sender<u64>,
    /// How long a question takes.
    takes: Duration,
}

impl Memory {
    pub(super) fn slow(takes: Duration) -> Self {
        Self { takes, ..Self::default() }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }
}

fn nothing<T: Send + 'static>() -> Answer<'static, T> {
    Box::pin(async { Err(StoreError::Late { seconds: 0 }) })
}

impl Store for Memory {
    fn share(&self, owner: &str, _: i64, asks: Vec<Ask>) -> Answer<'_, Shared> {
        let owner = owner.to_owned();
        Box::pin(async move {
            sleep(self.takes).await;
            let (shared, news) = self.model().share(&owner, &asks, Instant::now());
            self.news.send_modify(|count| *count += u64::from(news));
            Ok(shared)
        })
    }

    fn hold(&self, beat: shares::Beat) -> Answer<'_, Standing> {
        Box::pin(async move { Ok(self.model().hold(&beat, Instant::now())) })
    }

    fn wanted(&self, owner: &str) -> Answer<'_, Wanted> {
        let wanted = self.model().wanted(owner, Instant::now());
        Box::pin(async { Ok(wanted) })
    }

    fn changes(&self, _: Topic<'_>) -> u64 {
        *self.news.borrow()
    }

    fn changed(&self, _: Topic<'_>, seen: u64) -> Changed<'_> {
        Box::pin(async move { drop(self.news.subscribe().wait_for(|count| *count != seen).await) })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn touch(&self, _: Topic<'_>) {}

    fn token(&self, _: &str) -> Answer<'_, Stored> {
        nothing()
    }

    fn outlines(&self) -> Answer<'_, Vec<(String, Outline)>> {
        nothing()
    }

    fn sketches(&self) -> Answer<'_, Vec<(String, Sketch)>> {
        nothing()
    }

    fn names(&self) -> Answer<'_, Vec<String>> {
        nothing()
    }

    fn save(&self, _: &str, _: Version, _: &TokenState) -> Answer<'_, Saved> {
        nothing()
    }

    fn forget(&self, _: &str) -> Answer<'_, ()> {
        nothing()
    }

    fn records(&self, _: Kind) -> Answer<'_, Vec<Record>> {
        nothing()
    }

    fn record(&self, _: Kind, _: &str) -> Answer<'_, Record> {
        nothing()
    }

    fn put(&self, _: Record, _: Option<Duration>) -> Answer<'_, Saved> {
        nothing()
    }

    fn announce(&self, _: &str, _: &str) -> Answer<'_, bool> {
        nothing()
    }

    fn withdraw(&self, _: &str, _: &str) -> Answer<'_, bool> {
        nothing()
    }

    fn announced(&self) -> Answer<'_, Vec<(String, String)>> {
        nothing()
    }

    fn note(&self, _: Deed) -> Answer<'_, ()> {
        nothing()
    }

    fn deeds(&self, _: Option<i64>, _: usize) -> Answer<'_, Vec<Noted>> {
        nothing()
    }

    fn uses(&self, _: DateTime<Utc>) -> Answer<'_, Vec<Use>> {
        nothing()
    }

    fn uses_of(&self, _: &str) -> Answer<'_, Vec<Use>> {
        nothing()
    }

    fn used(&self, _: Vec<Use>) -> Answer<'_, ()> {
        nothing()
    }

    fn unused(&self, _: &str) -> Answer<'_, ()> {
        nothing()
    }

    fn lease(&self, _: &str, _: &str, _: Duration) -> Answer<'_, bool> {
        nothing()
    }

    fn release(&self, _: &str, _: &str) -> Answer<'_, ()> {
        nothing()
    }

    fn beat(&self, _: Beat) -> Answer<'_, ()> {
        nothing()
    }

    fn replicas(&self) -> Answer<'_, Vec<Replica>> {
        nothing()
    }

    fn gone(&self, _: &str) -> Answer<'_, ()> {
        nothing()
    }

    fn pour(&self, _: Outflow) -> Answer<'_, ()> {
        nothing()
    }

    fn fill(&self, _: Inflow) -> Answer<'_, Copied> {
        nothing()
    }

    fn rekey(&self) -> Answer<'_, usize> {
        nothing()
    }
}
