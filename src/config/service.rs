use std::path::PathBuf;

use super::reader::Table;

/// How the process keeps itself to what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Whether it does.
    pub sandbox: bool,
    /// What it leaves beside what the configuration names.
    pub sandbox_paths: Vec<PathBuf>,
    /// Its name among several that share a store; the host's own by default.
    pub replica: Option<String>,
}

pub(super) fn read(root: &Table<'_>) -> Service {
    let mut service = Service { sandbox: true, sandbox_paths: Vec::new(), replica: None };
    let Some(table) = root.table("service") else { return service };
    service.sandbox = table.boolean("sandbox").unwrap_or(true);
    let directory = table.directory("sandbox_paths");
    let paths = table.strings("sandbox_paths").unwrap_or_default();
    service.sandbox_paths = paths.iter().map(|path| directory.join(path)).collect();
    service.replica = replica(&table);
    table.finish();
    service
}

/// It stands in log lines and labels: one word, not longer than the name of a host may be.
fn replica(table: &Table<'_>) -> Option<String> {
    let name = table.string("replica")?;
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    if plain && (1..=253).contains(&name.len()) {
        return Some(name);
    }
    table.wrong("replica", &name, "a name of letters, digits, `-`, `.` and `_`, such as \"east-1\"")
}
