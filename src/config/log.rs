use super::reader::Table;

/// How it logs, on standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// Least level that is shown: off, error, warn, info, debug, trace.
    pub level: String,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A line of text each.
    Text,
    /// A JSON object a line.
    Json,
}

const LEVELS: [(&str, &str); 6] =
    [("off", "off"), ("error", "error"), ("warn", "warn"), ("info", "info"), ("debug", "debug"), ("trace", "trace")];

pub(super) fn read(root: &Table<'_>) -> Log {
    let table = root.table("log");
    let format = table
        .as_ref()
        .and_then(|table| table.choice("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]));
    let level = table.as_ref().and_then(|table| table.choice("level", &LEVELS));
    if let Some(table) = table {
        table.finish();
    }
    Log { format: format.unwrap_or(LogFormat::Text), level: level.unwrap_or("info").to_owned() }
}
