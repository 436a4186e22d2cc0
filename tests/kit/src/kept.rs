//! What services say in tests is kept where `GATEPOST_TEST_LOGS` says, to be searched for secrets when all tests are over.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

fn place(name: &str) -> Option<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let directory = PathBuf::from(std::env::var_os("GATEPOST_TEST_LOGS")?);
    std::fs::create_dir_all(&directory).ok()?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Some(directory.join(format!("{name}-{}-{number}.log", std::process::id())))
}

/// Keeps a log that is about to be deleted.
pub fn keep_log(name: &str, log: &Path) {
    if let Some(place) = place(name) {
        // A service that never started has none.
        drop(std::fs::copy(log, place));
    }
}

/// Where to write what is not in a file yet; `None` where nobody wants it.
#[must_use]
pub fn kept_log(name: &str) -> Option<File> {
    File::create(place(name)?).ok()
}
