use std::path::{Path, PathBuf};

use super::reader::Table;

/// Where commands speak with the running service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// The socket file.
    pub socket: PathBuf,
    /// Whether the configuration names it; else it lies beside the store.
    pub named: bool,
}

pub(super) fn read(root: &Table<'_>, store: &Path) -> Control {
    let table = root.table("control");
    let named = table.as_ref().and_then(|table| Some(table.directory("socket").join(table.string("socket")?)));
    if let Some(table) = table {
        table.finish();
    }
    match named {
        Some(socket) => Control { socket, named: true },
        None => Control { socket: beside(store), named: false },
    }
}

/// `gatepost.db.socket` for `gatepost.db`.
fn beside(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".socket");
    name.into()
}
