//! What `--cache-store` keeps apart from the configuration: a file of the same kind, or the JSON of a secrets manager.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use zeroize::Zeroizing;

use super::ini::{Entry, Ini, Section};
use crate::cli::import::report::Remarks;

/// All that is read from it.
const KEYS: [&str; 7] = [
    "access_token",
    "access_token_expiry",
    "refresh_token",
    "token_salt",
    "token_iterations",
    "client_secret_encrypted",
    "last_activity",
];

/// Accounts by name, each with its keys.
type Kept = Vec<(String, Vec<(String, Zeroizing<String>)>)>;

/// Lays it over the configuration. An account that only a catch-all one stands for comes from here.
pub(super) fn lay_over(
    ini: &mut Ini,
    text: &str,
    file: &Path,
    catch_all: bool,
    remarks: &mut Remarks,
) -> anyhow::Result<()> {
    for (name, kept) in read(text).with_context(|| file.display().to_string())? {
        if ini.section(&name).is_none() {
            if !catch_all {
                remarks.add(file, 0, &name, "what is kept for it is left out: the configuration has no such account");
                continue;
            }
            ini.sections.push(Section { name: name.clone(), line: 0, entries: Vec::new() });
        }
        let Some(section) = ini.sections.iter_mut().find(|section| section.name == name) else { continue };
        for (key, value) in kept.iter().filter(|(key, _)| KEYS.contains(&key.as_str())) {
            section.set(key, value);
        }
    }
    Ok(())
}

fn read(text: &str) -> anyhow::Result<Kept> {
    if text.trim_start().starts_with('{') {
        let kept: BTreeMap<String, BTreeMap<String, String>> =
            serde_json::from_str(text).map_err(|_| anyhow::anyhow!("it is no JSON of accounts and their tokens"))?;
        let values = |values: BTreeMap<String, String>| values.into_iter().map(|(key, value)| (key, value.into()));
        return Ok(kept.into_iter().map(|(name, all)| (name, values(all).collect())).collect());
    }
    let sections = Ini::parse(text)?.sections.into_iter().filter(|section| section.name.contains('@'));
    let value = |entry: Entry| (entry.key, entry.value);
    Ok(sections.map(|section| (section.name, section.entries.into_iter().map(value).collect())).collect())
}
