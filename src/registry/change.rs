//! How a record is changed: read, checked, and saved if nobody was faster; then noted, and declared.

use serde_json::Value;

use super::{Actor, ChangeError, Registry, settings};
use crate::config::Settings;
use crate::store::{Kind, Record, Saved, StoreError, Version};

/// How often to begin again when others change the same record at the same time.
const TRIES: usize = 10;

/// What was done, for the trail.
pub(super) struct Done {
    pub(super) what: &'static str,
    pub(super) detail: String,
}

impl Done {
    pub(super) fn new(what: &'static str, detail: impl Into<String>) -> Self {
        Self { what, detail: detail.into() }
    }
}

impl Registry {
    /// Saves what was made of a record, if it is still the one that was read; nothing removes it.
    pub(super) async fn swap(
        &self,
        by: &Actor,
        record: Record,
        next: Option<&Settings>,
        done: Done,
    ) -> Result<(), ChangeError> {
        let (kind, name) = (record.kind, record.name.clone());
        let watch = self.watch();
        self.save(record, next).await?;
        self.finish(by, kind, &name, done).await?;
        watch.ends();
        Ok(())
    }

    pub(super) async fn save(&self, record: Record, next: Option<&Settings>) -> Result<Version, ChangeError> {
        let (kind, name) = (record.kind, record.name.clone());
        let content = next.map(|settings| Value::Object(settings.clone()).to_string());
        match self.store().put(record.with(content), None).await? {
            Saved::Conflict => Err(ChangeError::Conflict { kind, name }),
            Saved::Done(version) => Ok(version),
        }
    }

    /// What was saved is noted, and in force when this returns.
    pub(super) async fn finish(&self, by: &Actor, kind: Kind, name: &str, done: Done) -> Result<(), ChangeError> {
        self.note(by, kind, done.what, name, &done.detail).await;
        Ok(self.declare().await?)
    }

    /// Edits the settings of a record, again and again if others are faster. An edit that says nothing was done saves nothing.
    pub(super) async fn edit(
        &self,
        by: &Actor,
        (kind, name): (Kind, &str),
        edit: impl Fn(&mut Settings) -> Result<Option<Done>, ChangeError>,
    ) -> Result<(), ChangeError> {
        for _ in 0..TRIES {
            let record = self.existing(kind, name).await?;
            let mut content = readable(&record)?;
            // Somebody did it already, and may have gone before it was in force.
            let Some(done) = edit(&mut content)? else { return Ok(self.declare().await?) };
            match self.swap(by, record, Some(&content), done).await {
                Err(ChangeError::Conflict { .. }) => {}
                swapped => return swapped,
            }
        }
        Err(ChangeError::Conflict { kind, name: name.to_owned() })
    }

    /// Removes a record, whatever others make of it meanwhile, and whether it can be read or not.
    pub(super) async fn drop_record(
        &self,
        by: &Actor,
        (kind, name): (Kind, &str),
        done: fn() -> Done,
    ) -> Result<(), ChangeError> {
        for _ in 0..TRIES {
            let record = self.existing(kind, name).await?;
            match self.swap(by, record, None, done()).await {
                Err(ChangeError::Conflict { .. }) => {}
                swapped => return swapped,
            }
        }
        Err(ChangeError::Conflict { kind, name: name.to_owned() })
    }

    /// The record of that very name, as somebody saw it.
    pub(super) async fn seen(&self, kind: Kind, name: &str, seen: Version) -> Result<Record, ChangeError> {
        let record = self.existing(kind, name).await?;
        if record.version == seen { Ok(record) } else { Err(ChangeError::Conflict { kind, name: name.to_owned() }) }
    }

    async fn existing(&self, kind: Kind, name: &str) -> Result<Record, ChangeError> {
        let record = self.store().record(kind, name).await?;
        if record.version == Version::default() { Err(self.unknown(kind, name)) } else { Ok(record) }
    }

    /// That there is none, with some that there are.
    pub(super) fn unknown(&self, kind: Kind, name: &str) -> ChangeError {
        let declared = self.declared();
        let names: Vec<_> = match kind {
            Kind::Token => declared.tokens.iter().map(|token| token.name.as_str()).take(SHOWN + 1).collect(),
            _ => declared.accounts.iter().map(|account| account.name.as_str()).take(SHOWN + 1).collect(),
        };
        let known = match names.len() {
            0 => "none yet".to_owned(),
            count if count > SHOWN => format!("{}, …", names[..SHOWN].join(", ")),
            _ => names.join(", "),
        };
        ChangeError::Unknown { kind, name: name.to_owned(), known }
    }
}

/// How many names an error tells.
const SHOWN: usize = 20;

/// The settings of a record that is to be changed.
pub(super) fn readable(record: &Record) -> Result<Settings, ChangeError> {
    let content = record.content.clone()?.unwrap_or_default();
    let unusable = || ChangeError::Unusable { kind: record.kind, name: record.name.clone() };
    settings(&content).ok_or_else(unusable)
}

/// The settings of a record that is to be shown; none where there is no record.
pub(super) fn shown(record: Record) -> Result<Option<(Version, Settings)>, StoreError> {
    let Some(content) = record.content? else { return Ok(None) };
    let inconsistent = || StoreError::Inconsistent {
        what: format!("{} {:?}", record.kind.name(), record.name),
        fault: "it holds no settings".into(),
    };
    Ok(Some((record.version, settings(&content).ok_or_else(inconsistent)?)))
}

/// The keys that two settings differ in, for the trail: never a value.
pub(super) fn difference(before: &Settings, after: &Settings) -> Vec<String> {
    let mut keys: Vec<_> =
        before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.into_iter().cloned().collect()
}

/// Writes a switch, or leaves it out. Whether that changed anything.
pub(super) fn switch(settings: &mut Settings, key: &str, on: bool) -> bool {
    let was = settings.remove(key) == Some(Value::Bool(true));
    if on {
        settings.insert(key.to_owned(), Value::Bool(true));
    }
    was != on
}
