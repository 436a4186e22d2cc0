//! What the process takes from the machine.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Vitals {
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
    /// Resident, in KiB.
    pub(crate) memory: usize,
}

impl Vitals {
    pub(crate) fn of(pid: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
        };
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        Self { descriptors, threads: number("Threads:"), memory: number("VmRSS:") }
    }
}

/// A sample each second, until stopped.
pub(crate) async fn watch(pid: u32, stop: CancellationToken) -> Vec<Vitals> {
    let mut samples = Vec::new();
    while stop.run_until_cancelled(sleep(Duration::from_secs(1))).await.is_some() {
        samples.push(Vitals::of(pid));
    }
    samples
}

/// When all programs have left: connections that are being closed get their time.
pub(crate) async fn settled(pid: u32, descriptors: usize) -> Vitals {
    for _ in 0..60 {
        if Vitals::of(pid).descriptors <= descriptors + SPARE {
            break;
        }
        sleep(Duration::from_millis(500)).await;
    }
    Vitals::of(pid)
}

/// Descriptors that may be more than at the start: the store's second connection, kept connections to token endpoints.
pub(crate) const SPARE: usize = 24;
