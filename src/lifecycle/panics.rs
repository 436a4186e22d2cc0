use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future whose panic is a result: it ends nothing but itself.
#[must_use = "it does nothing unless awaited"]
pub struct Caught(Pin<Box<dyn Future<Output = ()> + Send>>);

/// Where somebody's reckoning did not hold. What it said is not kept: it may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked {
    /// `FILE:LINE`.
    pub place: String,
}

thread_local! {
    static CATCHES: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on it is known where something panicked that is [caught](Caught), and whoever catches it tells of it. Other panics are
/// told as before.
pub fn note_where_it_panics() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        if CATCHES.get() {
            let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
            PLACE.with_borrow_mut(|noted| *noted = place);
        } else {
            others(info);
        }
    }));
}

impl Caught {
    /// Of this.
    pub fn new(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Box::pin(work))
    }
}

impl Future for Caught {
    type Output = Result<(), Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let before = CATCHES.replace(true);
        // What panicked is not used again, and what it shared is guarded by locks that bear it.
        let polled = catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx)));
        CATCHES.set(before);
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(said) => {
                forget(said);
                let place = PLACE.with_borrow_mut(Option::take);
                Poll::Ready(Err(Panicked { place: place.unwrap_or_else(|| "unknown".into()) }))
            }
        }
    }
}

/// Even its end may panic.
fn forget(said: Box<dyn Any + Send>) {
    if catch_unwind(AssertUnwindSafe(|| drop(said))).is_err() {
        PLACE.with_borrow_mut(Option::take);
    }
}

impl fmt::Debug for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caught").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_result_and_all_that_was_held_is_let_go() {
        let held = Arc::new(());
        let other = Arc::clone(&held);
        let broken = Caught::new(async move {
            let held = other;
            tokio::task::yield_now().await;
            assert!(Arc::strong_count(&held) > 7, "with words that nobody may read");
        });
        let panicked = broken.await.unwrap_err();
        assert!(!format!("{panicked:?}").contains("nobody may read"));
        assert_eq!(Arc::strong_count(&held), 1);
        Caught::new(async {}).await.unwrap();
    }
}
