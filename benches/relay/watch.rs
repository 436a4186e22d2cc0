use gatepost_kit::bench::{Disturbance, Process, wait_until_quiet};

use crate::choice::Choice;

/// Something that was done, and what was seen meanwhile.
pub(crate) struct Watched<T> {
    pub(crate) outcome: T,
    /// Processor time of the relay, in seconds.
    pub(crate) processor: Option<f64>,
    /// Cores that worked for others.
    pub(crate) disturbed: f64,
}

/// What was disturbed is done again so often.
const TRIES: usize = 3;
/// In cores.
const DISTURBED: f64 = 0.15;

/// Does it once the machine is quiet, or has not become so; and once more when others disturbed it. The least disturbed counts.
pub(crate) async fn watch<T>(choice: &Choice, relay: Option<Process>, deed: impl AsyncFn() -> T) -> Watched<T> {
    let tries = if choice.patience().is_zero() { 1 } else { TRIES };
    let mut best: Option<Watched<T>> = None;
    for _ in 0..tries {
        wait_until_quiet(choice.patience()).await;
        let (before, disturbance) = (relay.map(Process::processor), Disturbance::begin());
        let outcome = deed().await;
        let disturbed = disturbance.cores();
        let processor = relay.zip(before).map(|(relay, before)| relay.processor() - before);
        if best.as_ref().is_none_or(|best| disturbed < best.disturbed) {
            best = Some(Watched { outcome, processor, disturbed });
        }
        if disturbed <= DISTURBED {
            break;
        }
    }
    best.unwrap()
}
