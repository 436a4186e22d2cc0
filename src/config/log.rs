mod levels;

use std::path::PathBuf;

use super::reader::Table;
pub use levels::{Least, LevelError, Levels};

/// How it logs, on standard error or into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// What is shown.
    pub levels: Levels,
    /// Instead of standard error.
    pub file: Option<PathBuf>,
    /// When the file is put aside, and how many of those are kept.
    pub rotation: Rotation,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A line of text each.
    Text,
    /// A JSON object a line.
    Json,
}

/// How a log file is kept from growing for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// It is put aside before it is longer; 0 is never.
    pub octets: u64,
    /// It is put aside when a day begins (UTC).
    pub daily: bool,
    /// How many that were put aside are kept.
    pub keep: u64,
}

impl Default for Log {
    fn default() -> Self {
        let rotation = Rotation { octets: 10_485_760, daily: false, keep: 5 };
        Self { format: LogFormat::Text, levels: Levels::default(), file: None, rotation }
    }
}

pub(super) fn read(root: &Table<'_>) -> Log {
    let mut log = Log::default();
    let Some(table) = root.table("log") else { return log };
    log.format = table.choice("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]).unwrap_or(log.format);
    if let Some(levels) = levels(&table) {
        log.levels = levels;
    }
    log.file = table.file("file");
    let usual = log.rotation;
    log.rotation = Rotation {
        octets: octets(&table).unwrap_or(usual.octets),
        daily: table.boolean("rotate_daily").unwrap_or(usual.daily),
        keep: table.integer("keep", &(0..=1000)).unwrap_or(usual.keep),
    };
    table.finish();
    log
}

fn levels(table: &Table<'_>) -> Option<Levels> {
    match table.string("level")?.parse() {
        Ok(levels) => Some(levels),
        Err(LevelError { problem, allowed }) => {
            table.error("level", problem, Some(allowed), None);
            None
        }
    }
}

/// A file that is put aside after every few lines would tell nothing.
const SMALLEST: u64 = 4096;

fn octets(table: &Table<'_>) -> Option<u64> {
    let octets = table.integer("rotate_octets", &(0..=1_099_511_627_776))?;
    if (1..SMALLEST).contains(&octets) {
        return table.wrong("rotate_octets", &octets.to_string(), "0 (never), or at least 4096 octets");
    }
    Some(octets)
}
