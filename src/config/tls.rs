use std::path::PathBuf;

use super::reader::Table;

/// The certificate of listeners with TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// PEM file with the certificate and its chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

pub(super) fn read(table: &Table<'_>) -> Option<Tls> {
    let certificate = file(table, "certificate", "the PEM file of the certificate and its chain");
    let key = file(table, "key", "the PEM file of the private key");
    table.finish();
    Some(Tls { certificate: certificate?, key: key? })
}

fn file(table: &Table<'_>, key: &'static str, what: &str) -> Option<PathBuf> {
    table.required(key, what)?;
    let path = table.file(key)?;
    if let Err(fault) = std::fs::metadata(&path) {
        table.error(key, format!("cannot read {}: {fault}", path.display()), Some(what.to_owned()), None);
        return None;
    }
    Some(path)
}
