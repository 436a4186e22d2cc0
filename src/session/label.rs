use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names a session in all its log lines: a random part of the process and a counter, so that the sessions of two runs or
/// two replicas are not confused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionId(u64);

impl SessionId {
    pub(super) fn next() -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(1);
        Self(COUNTER.fetch_add(1, Ordering::Relaxed))
    }
}

static PROCESS: LazyLock<u32> = LazyLock::new(|| {
    let mut random = [0; 4];
    // Without randomness the ids are merely less unlike those of other processes.
    let _ = aws_lc_rs::rand::fill(&mut random);
    u32::from_le_bytes(random)
});

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:x}", *PROCESS, self.0)
    }
}

/// Names this process in leases, unlike any other.
#[must_use]
pub fn process_name() -> String {
    format!("{:08x}-{}", *PROCESS, std::process::id())
}
