use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::file::{LogFile, Unwritten};
use super::told::Told;
use crate::config::{Log, Rotation};

/// Takes lines and writes them, in order, in a thread of its own.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Mutex<Queue>,
    /// There is something to do.
    work: Condvar,
    /// Something was done.
    done: Condvar,
}

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Stderr,
    File(PathBuf, Rotation),
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    octets: usize,
    /// Lines that did not fit.
    lost: u64,
    /// How many items were taken in, and how many are dealt with.
    taken: u64,
    settled: u64,
    /// The writer waits for work.
    rests: bool,
    /// Somebody waits until all is dealt with.
    awaited: bool,
}

#[derive(Debug)]
enum Item {
    Line(String),
    /// From here on lines go there. A file is opened again.
    Redirect(Output),
}

/// What waits to be written is at most so long, in octets: some 30,000 lines.
const LONGEST: usize = 8 * 1024 * 1024;

/// So much is written at a time, in octets.
const BATCH: usize = 64 * 1024;

impl Output {
    pub(super) fn of(log: &Log) -> Self {
        match &log.file {
            Some(file) => Self::File(file.clone(), log.rotation),
            None => Self::Stderr,
        }
    }

    fn open(self) -> Sink {
        match self {
            Self::Stderr => Sink::Stderr,
            Self::File(path, rotation) => Sink::File(LogFile::new(path, rotation)),
        }
    }
}

impl Writer {
    /// Begins to write. The thread lasts as long as the process: it may be stuck in a pipe that nobody reads.
    pub(super) fn start(output: Output, tell: fn(&Told<'_>)) -> Arc<Self> {
        let writer = Arc::new(Self { queue: Mutex::default(), work: Condvar::new(), done: Condvar::new() });
        writer.redirect(output);
        let writing = Arc::clone(&writer);
        let started = std::thread::Builder::new().name("log".into()).spawn(move || writing.run(tell));
        // Without it nothing is written; mail goes through.
        drop(started);
        writer
    }

    /// Takes a line, with its end. Waits for nothing.
    pub(super) fn put(&self, line: String) {
        let mut queue = self.lock();
        if queue.octets + line.len() > LONGEST {
            queue.lost += 1;
            return;
        }
        queue.octets += line.len();
        self.take(queue, Item::Line(line));
    }

    pub(super) fn redirect(&self, output: Output) {
        self.take(self.lock(), Item::Redirect(output));
    }

    /// Waits until all that was taken is dealt with, at most so long.
    pub(super) fn flush(&self, limit: Duration) {
        let mut queue = self.lock();
        let all = queue.taken;
        queue.awaited = true;
        // Whatever comes of it: there is nothing more to be done.
        drop(self.done.wait_timeout_while(queue, limit, |queue| queue.settled < all));
    }

    fn take(&self, mut queue: MutexGuard<'_, Queue>, item: Item) {
        queue.taken += 1;
        queue.items.push_back(item);
        let rests = std::mem::take(&mut queue.rests);
        drop(queue);
        if rests {
            self.work.notify_one();
        }
    }

    fn run(&self, tell: fn(&Told<'_>)) {
        let mut sink = Sink::Stderr;
        let mut failing = false;
        let mut lost = 0;
        loop {
            let batch = self.next();
            if let Some(output) = batch.redirect {
                sink = output.open();
            }
            let written = sink.write(&batch.lines, tell);
            self.settle(batch.items);
            lost += batch.lost;
            if let Err(Unwritten { lines, fault }) = &written {
                lost += lines;
                if !failing {
                    sink.failed(fault, tell);
                }
            }
            failing = written.is_err();
            if lost > 0 && !failing {
                tell(&Told::Lost(std::mem::take(&mut lost)));
            }
        }
    }

    fn settle(&self, items: u64) {
        let mut queue = self.lock();
        queue.settled += items;
        let all = queue.settled == queue.taken;
        if queue.awaited {
            queue.awaited = !all;
            self.done.notify_all();
        }
    }

    /// A few lines, and where they and all that follow go, if that is another place than before.
    fn next(&self) -> Batch {
        let idle = |queue: &mut Queue| {
            queue.rests = queue.items.is_empty();
            queue.rests
        };
        let mut queue = self.work.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let mut batch = Batch::default();
        let mut length = 0;
        while length < BATCH
            && let Some(item) = queue.items.pop_front()
        {
            match item {
                Item::Line(line) => {
                    length += line.len();
                    batch.lines.push(line);
                }
                Item::Redirect(output) if batch.lines.is_empty() => batch.redirect = Some(output),
                redirect @ Item::Redirect(_) => {
                    queue.items.push_front(redirect);
                    break;
                }
            }
            batch.items += 1;
        }
        queue.octets -= length;
        if queue.items.is_empty() {
            // Those that did not fit stood behind those that did.
            batch.lost = std::mem::take(&mut queue.lost);
        }
        batch
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Batch {
    redirect: Option<Output>,
    lines: Vec<String>,
    items: u64,
    lost: u64,
}

/// What is written to.
#[derive(Debug)]
enum Sink {
    Stderr,
    File(LogFile),
}

impl Sink {
    fn write(&mut self, lines: &[String], tell: fn(&Told<'_>)) -> Result<(), Unwritten> {
        match self {
            Self::Stderr => {
                let mut stderr = io::stderr().lock();
                let written = stderr.write_all(lines.concat().as_bytes());
                written.map_err(|fault| Unwritten { lines: lines.len() as u64, fault })
            }
            Self::File(file) => file.write(lines, tell),
        }
    }

    /// The file's own fault cannot stand in it, so whoever reads standard error hears of it too.
    fn failed(&self, fault: &io::Error, tell: fn(&Told<'_>)) {
        let Self::File(file) = self else { return };
        let (path, fault) = (file.path(), fault.to_string());
        if is_read(&io::stderr()) {
            let name = path.display();
            let _ =
                writeln!(io::stderr(), "gatepost: warning: cannot write the log file {name}: {fault}; lines are lost");
        }
        tell(&Told::Failed(path, fault));
    }
}

/// Whether a short line would not be waited for.
fn is_read(stream: &impl AsFd) -> bool {
    let mut streams = [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)];
    poll(&mut streams, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}
