//! A thread that stays outside the sandbox, for the one program that the administrator names: it may be anything, and may want
//! anything, a `sendmail` that changes its group for one. Where none is named, there is no such thread.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle};

static OUTSIDE: OnceLock<Handle> = OnceLock::new();

/// Before the sandbox is closed. Its end is that of the process.
pub(super) fn start() {
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
    if OUTSIDE.set(runtime.handle().clone()).is_ok() {
        let started = std::thread::Builder::new().name("outside".into());
        // Without it, programs are started inside.
        drop(started.spawn(move || runtime.block_on(std::future::pending::<()>())));
    }
}

pub(super) fn handle() -> Option<&'static Handle> {
    OUTSIDE.get()
}

/// Does this outside, where there is an outside.
pub(super) async fn run<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    match handle() {
        Some(outside) => outside.spawn(work).await.ok(),
        None => Some(work.await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Paths;

    /// The thread of this test is confined for good, which no other notices.
    #[test]
    fn a_program_that_is_run_outside_reaches_what_its_caller_does_not() {
        start();
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        std::fs::write(&file, "out there").unwrap();
        let inside = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            drop(Paths::default().keep_to());
            let read = run(async move { tokio::process::Command::new("/bin/cat").arg(file).output().await });
            runtime.block_on(read).unwrap().unwrap().stdout
        });
        assert_eq!(inside.join().unwrap(), b"out there");
    }
}
