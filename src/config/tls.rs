use std::path::PathBuf;

use super::reader::Table;
use super::words::short;

/// The certificate of listeners with TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// PEM file with the certificate and its chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
    /// The lowest version that listeners take which say nothing else.
    pub minimum: MinimumTls,
}

/// A lowest version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinimumTls {
    /// TLS 1.2.
    #[default]
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl MinimumTls {
    /// As the configuration writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
}

pub(super) fn read(table: &Table<'_>) -> Option<Tls> {
    let certificate = file(table, "certificate", "the PEM file of the certificate and its chain");
    let key = file(table, "key", "the PEM file of the private key");
    let minimum = minimum(table, "minimum", MinimumTls::default());
    table.finish();
    Some(Tls { certificate: certificate?, key: key?, minimum: minimum? })
}

/// The lowest version that a key names, or else this one.
pub(super) fn minimum(table: &Table<'_>, key: &'static str, default: MinimumTls) -> Option<MinimumTls> {
    if table.absent(key) {
        return Some(default);
    }
    let text = table.string(key)?;
    let found = [MinimumTls::Tls12, MinimumTls::Tls13].into_iter().find(|minimum| minimum.name() == text);
    if found.is_none() {
        // However it is spelt: 1.0, TLSv1, TLS1.1, SSLv3.
        let older = ["1", "1.0", "1.1", "sslv2", "sslv3"].iter().any(|old| text.to_lowercase().ends_with(old));
        let hint = older.then(|| OLDER.to_owned());
        table.error(key, format!("found {:?}", short(&text)), Some("\"1.2\" or \"1.3\"".into()), hint);
    }
    found
}

const OLDER: &str = "rustls, which does TLS here, has nothing older than 1.2 (RFC 8996 forbids it). For a device that cannot do \
                     better: newer firmware; a listener with tls = \"none\" and the device's network in `plaintext_auth`; or \
                     stunnel or HAProxy in front, with `proxy_protocol`. See docs/tls.md";

fn file(table: &Table<'_>, key: &'static str, what: &str) -> Option<PathBuf> {
    table.required(key, what)?;
    let path = table.file(key)?;
    if let Err(fault) = std::fs::metadata(&path) {
        table.error(key, format!("cannot read {}: {fault}", path.display()), Some(what.to_owned()), None);
        return None;
    }
    Some(path)
}
