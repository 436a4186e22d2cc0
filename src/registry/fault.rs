use crate::account::HashingFailed;
use crate::config::{ConfigError, ConfigErrors};
use crate::store::{Kind, StoreError};

/// One thing that is wrong with what was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which setting; `name` for the name itself.
    pub key: String,
    /// What is wrong, and what to do.
    pub text: String,
}

impl Fault {
    pub(super) fn new(key: &str, text: impl Into<String>) -> Self {
        Self { key: key.to_owned(), text: text.into() }
    }

    fn of(error: &ConfigError) -> Self {
        let note = |label: &str, note: &Option<String>| {
            note.as_ref().map(|note| format!("; {label}{note}")).unwrap_or_default()
        };
        let text = format!("{}{}{}", error.problem, note("allowed: ", &error.allowed), note("", &error.hint));
        Self { key: key(&error.key).unwrap_or(NAME).to_owned(), text }
    }

    /// All that the code which reads the file found.
    pub(super) fn all(errors: &ConfigErrors) -> Vec<Self> {
        errors.0.iter().map(Self::of).collect()
    }
}

/// The key of a name.
pub(super) const NAME: &str = "name";

/// The last part of `tokens.NAME.key`; a name in quotes may hold dots.
fn key(path: &str) -> Option<&str> {
    let (_, named) = path.split_once('.')?;
    let key = match named.rsplit_once('"') {
        Some((_, after)) => after.strip_prefix('.')?,
        None => named.split_once('.')?.1,
    };
    (!key.is_empty()).then_some(key)
}

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// What was given cannot be used.
    #[error("{}", listed(.0))]
    Wrong(Vec<Fault>),
    /// It is declared in a file, which only people change.
    #[error("the {} {name:?} stands in {place}", .kind.name())]
    InFile {
        /// A token or an account.
        kind: Kind,
        /// Its name.
        name: String,
        /// `FILE:LINE`, or the name of a variable.
        place: String,
    },
    /// There is one of that name.
    #[error("there is {} {name:?} already", one(*.kind))]
    Exists {
        /// A token or an account.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// There is one of that name, and it is damaged.
    #[error("there is {} {name:?} in the store that cannot be used", one(*.kind))]
    Unusable {
        /// A token or an account.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// There is none of that name.
    #[error("there is no {} {name:?}; there are: {known}", .kind.name())]
    Unknown {
        /// A token or an account.
        kind: Kind,
        /// What was asked for.
        name: String,
        /// Some that there are.
        known: String,
    },
    /// It is an alias.
    #[error("{name:?} is another name of the account {owner}")]
    OtherName {
        /// What was asked for.
        name: String,
        /// The account, and where it stands.
        owner: String,
    },
    /// Somebody else was faster.
    #[error("somebody else has just changed the {} {name:?}; nothing was changed", .kind.name())]
    Conflict {
        /// A token or an account.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// Every login would cost as many hashes.
    #[error("{name} would have {count} passwords, and {most} are the most")]
    TooMany {
        /// The account.
        name: String,
        /// With the new one.
        count: usize,
        /// The bound.
        most: usize,
    },
    /// There is no such password.
    #[error("{name} has no password {label:?}; there are: {known}")]
    NoSuchPassword {
        /// The account.
        name: String,
        /// Its label, or the mark of one without.
        label: String,
        /// The labels that there are.
        known: String,
    },
    /// An account without any password cannot be.
    #[error("{label:?} is the only password of {name}")]
    LastPassword {
        /// The account.
        name: String,
        /// The label, or the mark of one without.
        label: String,
    },
    /// A password could not be hashed.
    #[error(transparent)]
    NoRandomness(#[from] HashingFailed),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ChangeError {
    /// The next step.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Wrong(_) => "mend what is said beside each setting, and save again".into(),
            Self::InFile { place, .. } => format!("change it there: {place}"),
            Self::Exists { .. } => "take another name, or change that one".into(),
            Self::Unusable { kind: Kind::Token, .. } => "forget it first, then add it again".into(),
            Self::Unusable { .. } => "remove it first, then add it again".into(),
            Self::Unknown { .. } => "look whether somebody has removed it".into(),
            Self::OtherName { owner, .. } => format!("change the account {owner}"),
            Self::Conflict { .. } => "look at what it is now, and make your change again".into(),
            Self::TooMany { .. } => "revoke one that nobody uses first".into(),
            Self::NoSuchPassword { .. } => "look whether somebody has revoked it".into(),
            Self::LastPassword { .. } => "give it another password first, or disable or remove the account".into(),
            Self::NoRandomness(_) => "try again; if it stays so, look at the machine's random number source".into(),
            Self::Store(_) => "mend that, and try again".into(),
        }
    }
}

fn listed(faults: &[Fault]) -> String {
    faults.iter().map(|Fault { key, text }| format!("{key}: {text}")).collect::<Vec<_>>().join("; ")
}

fn one(kind: Kind) -> String {
    let article = if kind.name().starts_with('a') { "an" } else { "a" };
    format!("{article} {}", kind.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_behind_any_name() {
        for (path, found) in [
            ("tokens.support.grant", Some("grant")),
            ("tokens.support", None),
            ("accounts.\"a.b@example.com\".token", Some("token")),
            ("accounts.\"a.b@example.com\"", None),
            ("accounts.office.passwords[0].networks", Some("passwords[0].networks")),
            ("", None),
        ] {
            assert_eq!(key(path), found, "{path}");
        }
    }
}
