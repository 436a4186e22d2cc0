use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::process::{Process, TICKS};

/// Whom else the machine works for while something is measured.
pub struct Disturbance {
    start: Instant,
    busy: f64,
    own: f64,
}

/// In cores. What a machine at rest does beside.
const QUIET: f64 = 0.15;

impl Disturbance {
    /// From now on.
    #[must_use]
    pub fn begin() -> Self {
        Self { start: Instant::now(), busy: busy(), own: Process::own().processor() }
    }

    /// How many cores worked for processes that are neither this one nor its descendants.
    #[must_use]
    pub fn cores(&self) -> f64 {
        let own = Process::own().processor() - self.own;
        ((busy() - self.busy - own) / self.start.elapsed().as_secs_f64()).max(0.0)
    }
}

/// Waits until the machine does little for others, at most so long; whether it came to that.
pub async fn wait_until_quiet(most: Duration) -> bool {
    let start = Instant::now();
    while start.elapsed() < most {
        let disturbance = Disturbance::begin();
        sleep(Duration::from_secs(1)).await;
        if disturbance.cores() < QUIET {
            return true;
        }
    }
    false
}

/// Seconds in which a core did something: all times of proc(5), but idle and waiting for disks.
fn busy() -> f64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = text.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8);
    let ticks = fields.enumerate().filter(|(field, _)| ![3, 4].contains(field));
    ticks.filter_map(|(_, ticks)| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS
}
