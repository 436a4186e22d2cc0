//! What the log tells about itself, and what becomes of a panic.

use std::panic::PanicHookInfo;
use std::path::Path;
use std::sync::Arc;

use tracing::{error, warn};

use super::PANIC_LINES;
use super::writer::Writer;

/// Something about the log itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told<'a> {
    /// The file cannot be written.
    Failed(&'a Path, String),
    /// The file cannot be put aside; it grows.
    NotRotated(&'a Path, String),
    /// So many lines are not in the log.
    Lost(u64),
}

pub(super) fn tell(told: &Told<'_>) {
    match told {
        Told::Failed(file, fault) => error!(file = %file.display(), error = fault, "log.file_failed"),
        Told::NotRotated(file, fault) => warn!(file = %file.display(), error = fault, "log.file_not_rotated"),
        Told::Lost(lines) => warn!(lines, "log.lines_lost"),
    }
}

/// A panic is told as every event is: standard error may be read by nobody, and what a panic says may hold what a client has
/// sent (law 8), so that only texts of the program itself are shown.
pub(super) fn tell_panics(writer: Arc<Writer>) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        error!(place, text = text(panic), "process.panicked");
        writer.flush(PANIC_LINES);
    }));
}

fn text<'a>(panic: &'a PanicHookInfo<'_>) -> Option<&'a str> {
    panic.payload().downcast_ref::<&'static str>().copied()
}
