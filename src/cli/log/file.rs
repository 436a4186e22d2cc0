use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, Utc};

use super::told::Told;
use crate::clock;
use crate::config::Rotation;

/// A log file that is put aside when it has grown, and opened again when somebody else has moved it away.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    rotation: Rotation,
    open: Option<Open>,
    /// Its last line has no end.
    torn: bool,
    /// Since when it cannot be put aside: it grows until another try.
    stuck: Option<Instant>,
    /// When it could not be written last.
    failed: Option<Instant>,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Device and inode.
    identity: (u64, u64),
    length: u64,
    day: NaiveDate,
}

/// How many lines are not in it, and why.
#[derive(Debug)]
pub(super) struct Unwritten {
    pub(super) lines: u64,
    pub(super) fault: io::Error,
}

/// Between two tries to write a file that cannot be written, or to put one aside that cannot be.
const RETRY: Duration = Duration::from_millis(250);

impl LogFile {
    pub(super) const fn new(path: PathBuf, rotation: Rotation) -> Self {
        Self { path, rotation, open: None, torn: false, stuck: None, failed: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes lines, each with its end.
    pub(super) fn write(&mut self, lines: &[String], tell: fn(&Told<'_>)) -> Result<(), Unwritten> {
        let all = lines.len() as u64;
        if self.failed.is_some_and(|failed| failed.elapsed() < RETRY) {
            return Err(Unwritten { lines: all, fault: ErrorKind::WouldBlock.into() });
        }
        let mut written = 0;
        let outcome = self.write_each(lines, tell, &mut written);
        self.failed = outcome.is_err().then(Instant::now);
        outcome.map_err(|fault| Unwritten { lines: all - written, fault })
    }

    fn write_each(&mut self, lines: &[String], tell: fn(&Told<'_>), written: &mut u64) -> io::Result<()> {
        let today = clock::now().date_naive();
        self.find(today)?;
        let mut rest = lines;
        while !rest.is_empty() {
            self.make_room(rest[0].len() as u64, today, tell)?;
            let (now, later) = rest.split_at(self.fitting(rest));
            self.append(now, written)?;
            rest = later;
        }
        Ok(())
    }

    /// How many of these lines fit before the next rotation; one at least.
    fn fitting(&self, lines: &[String]) -> usize {
        let limit = if self.rotation.octets == 0 { u64::MAX } else { self.rotation.octets };
        let mut length = self.open.as_ref().map_or(0, |open| open.length);
        let fits = |line: &&String| {
            length += line.len() as u64;
            length <= limit
        };
        lines.iter().take_while(fits).count().max(1)
    }

    fn append(&mut self, lines: &[String], written: &mut u64) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Err(ErrorKind::NotFound.into()) };
        let mut text = if self.torn { String::from("\n") } else { String::new() };
        text.extend(lines.iter().map(String::as_str));
        let mut rest = text.as_bytes();
        let outcome = loop {
            if rest.is_empty() {
                break Ok(());
            }
            match open.file.write(rest) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(count) => rest = &rest[count..],
                Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
                Err(fault) => break Err(fault),
            }
        };
        let there = &text.as_bytes()[..text.len() - rest.len()];
        open.length += there.len() as u64;
        let ends = memchr::memchr_iter(b'\n', there).count() as u64;
        *written += if self.torn { ends.saturating_sub(1) } else { ends };
        self.torn = there.last().map_or(self.torn, |last| *last != b'\n');
        outcome
    }

    /// Opens the file unless it is open and still in its place.
    fn find(&mut self, today: NaiveDate) -> io::Result<()> {
        let there = std::fs::metadata(&self.path).ok().map(|there| (there.dev(), there.ino()));
        if there.is_some() && self.open.as_ref().map(|open| open.identity) == there {
            return Ok(());
        }
        self.open = None;
        let file = OpenOptions::new().create(true).append(true).mode(0o640).open(&self.path)?;
        let about = file.metadata()?;
        let (identity, length) = ((about.dev(), about.ino()), about.len());
        let written = about.modified().map_or(today, |time| DateTime::<Utc>::from(time).date_naive());
        let day = if length == 0 { today } else { written };
        self.open = Some(Open { file, identity, length, day });
        self.torn = false;
        Ok(())
    }

    /// Puts the file aside where another line would be too many, or of another day.
    fn make_room(&mut self, line: u64, today: NaiveDate, tell: fn(&Told<'_>)) -> io::Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        let full = self.rotation.octets > 0 && open.length + line > self.rotation.octets;
        let due = open.length > 0 && (full || (self.rotation.daily && open.day != today));
        if !due || self.stuck.is_some_and(|since| since.elapsed() < RETRY) {
            return Ok(());
        }
        match put_aside(&self.path, self.rotation.keep) {
            Ok(()) => {
                self.stuck = None;
                self.open = None;
                self.find(today)
            }
            Err(fault) => {
                if self.stuck.replace(Instant::now()).is_none() {
                    tell(&Told::NotRotated(&self.path, fault.to_string()));
                }
                Ok(())
            }
        }
    }
}

/// FILE becomes FILE.1, that becomes FILE.2, and so on; the last goes.
fn put_aside(path: &Path, keep: u64) -> io::Result<()> {
    let aside = |number: u64| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    if keep == 0 {
        return std::fs::remove_file(path);
    }
    for number in (1..keep).rev() {
        match std::fs::rename(aside(number), aside(number + 1)) {
            Err(fault) if fault.kind() == ErrorKind::NotFound => {}
            moved => moved?,
        }
    }
    std::fs::rename(path, aside(1))
}
