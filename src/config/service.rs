use std::path::PathBuf;

use super::reader::Table;

/// How the process keeps itself to what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Whether it does.
    pub sandbox: bool,
    /// What it leaves beside what the configuration names.
    pub sandbox_paths: Vec<PathBuf>,
}

pub(super) fn read(root: &Table<'_>) -> Service {
    let mut service = Service { sandbox: true, sandbox_paths: Vec::new() };
    let Some(table) = root.table("service") else { return service };
    service.sandbox = table.boolean("sandbox").unwrap_or(true);
    let directory = table.directory("sandbox_paths");
    let paths = table.strings("sandbox_paths").unwrap_or_default();
    service.sandbox_paths = paths.iter().map(|path| directory.join(path)).collect();
    table.finish();
    service
}
