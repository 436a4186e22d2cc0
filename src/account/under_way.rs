use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::OnceCell;

/// Work under way, by what it is about: whoever comes for the same joins it.
///
/// Invariant: an entry lives as long as someone sits at it. Whoever does the work may vanish (its client hung up) without
/// taking the others along, and without leaving the entry behind.
#[derive(Debug)]
pub(super) struct UnderWay<K: Copy + Eq + Hash, V> {
    cells: Mutex<HashMap<K, Weak<OnceCell<V>>>>,
}

/// A seat at work under way. The first to reach for the result does the work; when it vanishes the next does.
#[derive(Debug)]
pub(super) struct Seat<'a, K: Copy + Eq + Hash, V> {
    house: &'a UnderWay<K, V>,
    key: K,
    cell: Arc<OnceCell<V>>,
}

impl<K: Copy + Eq + Hash, V> UnderWay<K, V> {
    pub(super) fn new() -> Self {
        Self { cells: Mutex::new(HashMap::new()) }
    }

    /// Joins the work about `key`, or begins it.
    pub(super) fn join(&self, key: K) -> Seat<'_, K, V> {
        let mut cells = self.lock();
        let joined = cells.get(&key).and_then(Weak::upgrade);
        let cell = joined.unwrap_or_else(|| {
            let begun = Arc::new(OnceCell::new());
            cells.insert(key, Arc::downgrade(&begun));
            begun
        });
        Seat { house: self, key, cell }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Weak<OnceCell<V>>>> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Copy + Eq + Hash, V: Copy> Seat<'_, K, V> {
    /// The result of the work, done once. A failure is not shared: the next one tries for itself.
    pub(super) async fn result<E>(&self, work: impl Future<Output = Result<V, E>>) -> Result<V, E> {
        self.cell.get_or_try_init(|| work).await.copied()
    }
}

impl<K: Copy + Eq + Hash, V> Drop for Seat<'_, K, V> {
    fn drop(&mut self) {
        let mut cells = self.house.lock();
        // Given up while locked: the last one to leave sees that it is the last.
        self.cell = Arc::default();
        if cells.get(&self.key).is_some_and(|cell| cell.strong_count() == 0) {
            cells.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::pending;

    use super::*;

    type Work = UnderWay<u8, u32>;

    #[tokio::test]
    async fn the_work_is_done_once_and_forgotten() {
        let work = Work::new();
        let (first, second) = (work.join(1), work.join(1));
        assert_eq!(first.result(async { Ok::<_, Infallible>(7) }).await, Ok(7));
        assert_eq!(second.result(async { Ok::<_, Infallible>(8) }).await, Ok(7), "joined");
        assert_eq!(work.join(2).result(async { Ok::<_, Infallible>(9) }).await, Ok(9), "another matter");
        drop(first);
        assert_eq!(work.lock().len(), 1);
        drop(second);
        assert!(work.lock().is_empty());
    }

    #[tokio::test]
    async fn who_vanishes_takes_nobody_along_and_leaves_nothing_behind() {
        let work = Work::new();
        let waiting = work.join(1);
        {
            let vanishing = work.join(1);
            tokio::select! {
                biased;
                _ = vanishing.result(pending::<Result<u32, Infallible>>()) => unreachable!(),
                () = std::future::ready(()) => {}
            }
        }
        assert_eq!(waiting.result(async { Ok::<_, Infallible>(7) }).await, Ok(7));
        drop(waiting);
        assert!(work.lock().is_empty());
    }

    #[tokio::test]
    async fn a_failure_is_not_shared() {
        let work = Work::new();
        let (first, second) = (work.join(1), work.join(1));
        assert_eq!(first.result(async { Err("busy") }).await, Err("busy"));
        assert_eq!(second.result(async { Ok::<_, &str>(7) }).await, Ok(7));
    }
}
