use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::panics::{Caught, Panicked};

/// Before work that broke is taken up again; doubles each time, up to the longest.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_mins(1);

/// Does work that must go on until it is stopped: where it breaks, or ends before, that is told and it is taken up again.
pub async fn kept<F>(task: &'static str, stop: CancellationToken, work: impl Fn() -> F + Send)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut pause = SHORTEST;
    loop {
        let begun = Instant::now();
        let ended = Caught::new(work()).await;
        if stop.is_cancelled() && ended.is_ok() {
            return;
        }
        if begun.elapsed() > LONGEST {
            pause = SHORTEST;
        }
        let place = ended.err().map(|Panicked { place }| place);
        error!(task, place, "service.task_failed");
        if stop.run_until_cancelled(sleep(pause)).await.is_none() {
            return;
        }
        pause = (pause * 2).min(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_that_breaks_or_ends_is_taken_up_again_until_it_is_stopped() {
        let (stop, rounds) = (CancellationToken::new(), Arc::new(AtomicU32::new(0)));
        let (stopped, counted) = (stop.clone(), Arc::clone(&rounds));
        let work = move || {
            let (stop, round) = (stopped.clone(), counted.fetch_add(1, Ordering::Relaxed));
            async move {
                match round {
                    0 => panic!("it breaks"),
                    1 => {}
                    _ => stop.cancelled().await,
                }
            }
        };
        let keeping = tokio::spawn(kept("test", stop.clone(), work));
        while rounds.load(Ordering::Relaxed) < 3 {
            sleep(SHORTEST).await;
        }
        stop.cancel();
        keeping.await.unwrap();
        assert_eq!(rounds.load(Ordering::Relaxed), 3);
    }
}
