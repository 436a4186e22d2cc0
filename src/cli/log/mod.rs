//! Where log lines go, and which: what is told becomes lines, and a thread of their own writes them.
//!
//! Nothing that tells something waits for a disk, a pipe or a terminal: lines queue up, and where they do not fit any more
//! they are counted and left out.

mod file;
mod lines;
mod shown;
mod told;
mod writer;

use std::io::IsTerminal as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::info;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::activity::Activity;
use crate::clock;
use crate::config::{Levels, Log};
use lines::Lines;
use shown::Shown;
use writer::{Output, Writer};

/// The log of this process.
#[derive(Debug)]
pub(super) struct Logging {
    shown: Shown,
    lines: Arc<ArcSwap<Lines>>,
    writer: Arc<Writer>,
    state: Mutex<State>,
    chosen: Notify,
}

/// There is one of a process, as there is one subscriber to what is told.
static OF_PROCESS: OnceLock<Arc<Logging>> = OnceLock::new();

/// What is shown, and what was before somebody chose something else for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// What the configuration wishes.
    pub(super) usual: Levels,
    /// What somebody wishes instead, and until when, if not for good.
    pub(super) chosen: Option<(Levels, Option<DateTime<Utc>>)>,
    /// How often somebody has chosen.
    pub(super) choices: u64,
}

/// How long the end of the process waits for lines to be written. Whoever reads them may be stuck.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The same after a panic, which may be one of many.
const PANIC_LINES: Duration = Duration::from_millis(200);

impl Logging {
    /// Starts logging, and tells what is going on to those who watch it, also what is not shown. A second start (in tests)
    /// changes nothing.
    pub(super) fn start(log: &Log, replica: Option<String>, activity: &Arc<Activity>) -> Arc<Self> {
        let logging = Self::new(log, replica);
        let (lines, writer) = (Arc::clone(&logging.lines), Arc::clone(&logging.writer));
        let shown = lines::Layer { lines, writer }.with_filter(logging.shown.clone());
        if tracing_subscriber::registry().with(shown).with(activity.recorder()).try_init().is_ok() {
            told::tell_panics(Arc::clone(&logging.writer));
            logging.shown.change(&log.levels);
            drop(OF_PROCESS.set(Arc::clone(&logging)));
        }
        logging
    }

    /// The log that was started, if one was.
    pub(super) fn of_process() -> Option<&'static Self> {
        OF_PROCESS.get().map(Arc::as_ref)
    }

    fn new(log: &Log, replica: Option<String>) -> Arc<Self> {
        let output = Output::of(log);
        let replica = replica.map(Arc::from);
        let lines = Arc::new(ArcSwap::from_pointee(look(log, replica)));
        let state = State { usual: log.levels.clone(), chosen: None, choices: 0 };
        Arc::new(Self {
            shown: Shown::new(&log.levels),
            lines,
            writer: Writer::start(output, told::tell),
            state: Mutex::new(state),
            chosen: Notify::new(),
        })
    }

    /// What is shown now.
    pub(super) fn state(&self) -> State {
        self.lock().clone()
    }

    /// Shows this instead of what is configured. Returns the number of the choice.
    pub(super) fn choose(&self, levels: Levels, until: Option<DateTime<Utc>>) -> u64 {
        let mut state = self.lock();
        state.choices += 1;
        state.chosen = Some((levels, until));
        self.show(&state);
        self.chosen.notify_one();
        state.choices
    }

    /// Ends what was chosen for a while, until told to stop.
    pub(super) async fn keep(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let State { chosen, choices, .. } = self.state();
            let over = async {
                match chosen {
                    Some((_, Some(until))) => sleep((until - clock::now()).to_std().unwrap_or_default()).await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.chosen.notified() => {}
                () = over => self.expire(choices),
            }
        }
    }

    /// A choice is over, if no other was made since.
    fn expire(&self, choice: u64) {
        let mut state = self.lock();
        if state.choices == choice && state.chosen.take().is_some() {
            self.show(&state);
        }
    }

    /// What is configured is shown again.
    pub(super) fn reset(&self) {
        let mut state = self.lock();
        state.choices += 1;
        state.chosen = None;
        self.show(&state);
    }

    /// The configuration has changed, or the file is to be opened again. What somebody has chosen stays.
    pub(super) fn apply(&self, log: &Log) {
        let mut state = self.lock();
        let replica = self.lines.load().replica.clone();
        self.lines.store(Arc::new(look(log, replica)));
        self.writer.redirect(Output::of(log));
        if state.usual != log.levels {
            state.usual = log.levels.clone();
            self.show(&state);
        }
    }

    /// Waits until all is written, but not for long.
    pub(super) fn finish(&self) {
        self.writer.flush(LAST_LINES);
    }

    /// Told while the louder of both levels holds, so that it is seen.
    fn show(&self, state: &State) {
        let levels = state.shown();
        let tell = || info!(level = %levels, until = state.until(), "log.level_changed");
        let before = self.shown.most();
        if levels.most() >= before {
            self.shown.change(levels);
            tell();
        } else {
            tell();
            self.shown.change(levels);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is shown.
    pub(super) fn shown(&self) -> &Levels {
        self.chosen.as_ref().map_or(&self.usual, |(levels, _)| levels)
    }

    /// Until when, where that ends by itself.
    pub(super) fn until(&self) -> Option<String> {
        let until = self.chosen.as_ref()?.1?;
        Some(until.format("%Y-%m-%dT%H:%M:%SZ").to_string())
    }
}

/// How lines look.
fn look(log: &Log, replica: Option<Arc<str>>) -> Lines {
    let to_stderr = log.file.is_none();
    let (journal, colour) = (to_stderr && to_journal(), to_stderr && in_colour());
    Lines { format: log.format, journal, colour, now: clock::now, replica }
}

fn in_colour() -> bool {
    let is = |name, wanted: fn(&str) -> bool| std::env::var(name).is_ok_and(|value| wanted(&value));
    // https://no-color.org
    std::io::stderr().is_terminal()
        && !is("NO_COLOR", |value| !value.is_empty())
        && !is("TERM", |value| value == "dumb")
}

/// Whether standard error is the journal's stream.
fn to_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    std::fs::metadata("/proc/self/fd/2").is_ok_and(|stderr| names(&stream, stderr.dev(), stderr.ino()))
}

/// systemd.exec(5): device and inode. Programs inherit the variable from a desktop's session though they write elsewhere.
fn names(stream: &str, device: u64, inode: u64) -> bool {
    stream.split_once(':').is_some_and(|(d, i)| d.parse() == Ok(device) && i.parse() == Ok(inode))
}

#[cfg(test)]
mod tests;
