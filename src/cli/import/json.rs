//! Small JSON files of other programs, whose numbers may be texts.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use secrecy::SecretString;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// Octets of such a file.
const LONGEST: u64 = 1024 * 1024;

/// All of a file; `-` is standard input.
pub(super) fn octets(file: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let cannot = || format!("cannot read {}", file.display());
    let mut octets = Zeroizing::new(Vec::new());
    if file == Path::new("-") {
        std::io::stdin().lock().take(LONGEST + 1).read_to_end(&mut octets).context("cannot read standard input")?;
    } else {
        let open = std::fs::File::open(file).with_context(cannot)?;
        open.take(LONGEST + 1).read_to_end(&mut octets).with_context(cannot)?;
    }
    ensure!(octets.len() as u64 <= LONGEST, "{} is longer than {LONGEST} octets", file.display());
    Ok(octets)
}

/// The members of an object. Nothing of it is told: it is a secret.
pub(super) struct Members(Map<String, Value>);

impl Members {
    pub(super) fn parse(octets: &[u8]) -> Option<Self> {
        serde_json::from_slice(octets).ok().map(Self)
    }

    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        Self::parse(&octets(file)?).with_context(|| format!("{} is no JSON object", file.display()))
    }

    /// A text that is not empty.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str().filter(|text| !text.is_empty())
    }

    pub(super) fn secret(&self, key: &str) -> Option<SecretString> {
        self.text(key).map(Into::into)
    }

    pub(super) fn number(&self, key: &str) -> Option<i64> {
        let value = self.0.get(key)?;
        value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }
}
