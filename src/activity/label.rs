use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names a session in all its log lines: a random part of the process and a counter, so that the sessions of two runs or
/// two replicas are not confused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(u64);

impl SessionId {
    /// One that no other session of this process has; later ones are greater.
    #[must_use]
    pub fn next() -> Self {
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

/// As it is shown; nothing where it is no session of this process.
impl FromStr for SessionId {
    type Err = NoSession;

    fn from_str(text: &str) -> Result<Self, NoSession> {
        let (process, number) = text.split_once('-').ok_or(NoSession)?;
        let [process, number] = [process, number].map(|part| u64::from_str_radix(part, 16));
        if process != Ok(u64::from(*PROCESS)) {
            return Err(NoSession);
        }
        number.map(Self).map_err(|_| NoSession)
    }
}

/// A text names no session of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no session of this process")]
pub struct NoSession;
