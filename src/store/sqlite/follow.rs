//! When to look whether another process has written. While nobody writes nobody looks.
//!
//! Every commit goes through the write-ahead log, a file beside the database, and the kernel tells who writes there (inotify).
//! It tells it *before* the commit counts: that comes with a mark in shared memory, which nobody can watch, after the disk has
//! what was written. So once something was written it is looked at for a while.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::lifecycle::Files;

/// Between two looks where the kernel does not tell, and the longest between two while something goes on.
pub(super) const WATCH: Duration = Duration::from_millis(250);
/// After a write: it may be followed by others, and they cost one look together.
const FIRST: Duration = Duration::from_millis(2);
/// How long after the last write a commit may come to count: as long as a disk may take for it.
const AFTERMATH: Duration = Duration::from_secs(10);
/// Between two looks while nothing goes on, should something have been missed all the same.
const NET: Duration = Duration::from_mins(10);

/// Looks as long as this lives.
#[derive(Debug)]
pub(super) struct Following {
    /// Its other end tells when this is gone.
    _end: PipeWriter,
}

/// Has `look` called, in a thread of its own, when another process may have written; until it answers `false`.
pub(super) fn follow(database: &Path, look: impl Fn() -> bool + Send + 'static) -> io::Result<Following> {
    let (ended, end) = io::pipe()?;
    let watch = watch(database);
    std::thread::Builder::new().name("store watch".into()).spawn(move || run(watch.as_ref(), &ended, look))?;
    Ok(Following { _end: end })
}

fn run(watch: Option<&Files>, ended: &PipeReader, look: impl Fn() -> bool) {
    let mut pace = if watch.is_some() { Pace::Still } else { Pace::Blind };
    loop {
        let woken = wait(watch.filter(|_| pace.listens()), ended, pace.pause());
        let wrote = watch.is_some_and(Files::heard);
        if woken == Woken::Ended || !look() {
            return;
        }
        pace = pace.next(wrote);
    }
}

/// How often it is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// The kernel does not tell.
    Blind,
    /// Nobody writes.
    Still,
    /// Somebody has written.
    Since { pause: Duration, left: Duration },
}

impl Pace {
    const fn pause(self) -> Duration {
        match self {
            Self::Blind => WATCH,
            Self::Still => NET,
            Self::Since { pause, .. } => pause,
        }
    }

    /// Whether a write is worth a look at once.
    fn listens(self) -> bool {
        self.pause() > FIRST
    }

    /// After a look.
    fn next(self, wrote: bool) -> Self {
        match self {
            Self::Blind => Self::Blind,
            _ if wrote => Self::Since { pause: FIRST, left: AFTERMATH },
            Self::Since { pause, left } if left > pause => {
                Self::Since { pause: (pause * 2).min(WATCH), left: left.saturating_sub(pause) }
            }
            Self::Since { .. } | Self::Still => Self::Still,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Woken {
    Ended,
    Wrote,
    Time,
}

fn wait(watch: Option<&Files>, ended: &PipeReader, pause: Duration) -> Woken {
    let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
    let mut waited = vec![readable(ended.as_fd())];
    waited.extend(watch.map(|watch| readable(watch.as_fd())));
    let limit = PollTimeout::try_from(pause).unwrap_or(PollTimeout::MAX);
    match poll(&mut waited, limit) {
        Ok(1..) if waited[0].any() != Some(false) => Woken::Ended,
        Ok(1..) => Woken::Wrote,
        // A signal is as good as time.
        Ok(_) | Err(_) => Woken::Time,
    }
}

/// None where the kernel does not tell.
fn watch(database: &Path) -> Option<Files> {
    // SQLite has it beside the file itself, wherever a link to that may be.
    let mut log = database.canonicalize().ok()?.into_os_string();
    log.push("-wal");
    Files::written(Path::new(&log))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_soon_after_a_write_then_less_and_then_hardly_at_all() {
        let mut pace = Pace::Still.next(false);
        assert_eq!(pace, Pace::Still);
        pace = pace.next(true);
        let (mut looks, mut passed) = (0, Duration::ZERO);
        while pace != Pace::Still {
            assert!(pace.pause() <= WATCH);
            (looks, passed) = (looks + 1, passed + pace.pause());
            pace = pace.next(false);
        }
        assert!(passed >= AFTERMATH && looks < 60, "{looks} looks in {passed:?}");
        let early = Pace::Since { pause: WATCH, left: WATCH }.next(true);
        assert_eq!(early, Pace::Since { pause: FIRST, left: AFTERMATH });
        assert_eq!(Pace::Blind.next(true), Pace::Blind);
    }

    /// Also that an end is no write.
    #[test]
    fn a_write_wakes_at_once_and_so_does_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("gatepost.db");
        let log = directory.path().join("gatepost.db-wal");
        for file in [&database, &log] {
            std::fs::write(file, "").unwrap();
        }
        let Some(watch) = watch(&database) else { panic!("the kernel tells nothing of {}", database.display()) };
        let (ended, end) = io::pipe().unwrap();
        std::fs::write(&database, "a checkpoint is nothing new").unwrap();
        assert!(!watch.heard());
        std::fs::write(&log, "a commit").unwrap();
        assert!(wait(Some(&watch), &ended, NET) == Woken::Wrote);
        assert!(watch.heard() && !watch.heard(), "once");
        drop(end);
        assert!(wait(Some(&watch), &ended, NET) == Woken::Ended);
    }
}
