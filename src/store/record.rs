use super::keys::Keys;
use super::seal::Seal;
use super::{Place, SealError, StoreError, Version};

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A token that stands in no file: its settings.
    Token,
    /// An account that stands in no file: its settings.
    Account,
    /// A consent under way, by the hash of its state.
    Authorization,
    /// The password of the pages, as a hash.
    AdminPassword,
    /// Someone who is signed in to the pages, by the hash of the cookie.
    AdminSession,
    /// A link by which the first password is set, by the hash of its code.
    AdminLink,
    /// A key of the API, by its name.
    ApiKey,
    /// A password that was made up and waits to be shown once, by a hash of to whom.
    FreshPassword,
    /// An account that is being examined, or was lately, by the id of that.
    Examination,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Token,
        Self::Account,
        Self::Authorization,
        Self::AdminPassword,
        Self::AdminSession,
        Self::AdminLink,
        Self::ApiKey,
        Self::FreshPassword,
        Self::Examination,
    ];

    /// The name in the store and in errors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Account => "account",
            Self::Authorization => "authorization",
            Self::AdminPassword => "admin password",
            Self::AdminSession => "admin session",
            Self::AdminLink => "admin link",
            Self::ApiKey => "api key",
            Self::FreshPassword => "fresh password",
            Self::Examination => "examination",
        }
    }

    /// The kind of that name, if this version knows it.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Something that is kept sealed, by kind and name.
#[derive(Clone)]
pub struct Record {
    /// What it is.
    pub kind: Kind,
    /// Its name among its kind.
    pub name: String,
    /// The version to put its successor by.
    pub version: Version,
    /// What it holds; none is no record (any more). One that does not open says why, and spoils no other.
    pub content: Result<Option<String>, StoreError>,
}

impl Record {
    /// Its successor.
    #[must_use]
    pub fn with(self, content: Option<String>) -> Self {
        Self { content: Ok(content), ..self }
    }
}

/// The content may be a secret.
impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({} {:?}, {:?})", self.kind.name(), self.name, self.version)
    }
}

/// Where a record's content belongs. The kind is part of the row's name: a name may occur in several.
pub(super) fn with_place<T>(kind: Kind, name: &str, work: impl FnOnce(Place<'_>) -> T) -> T {
    let row = format!("{}\u{1f}{name}", kind.name());
    work(Place { table: "records", row: &row, column: "content" })
}

pub(super) fn opened(kind: Kind, name: String, version: i64, content: &[u8], keys: &Keys) -> Record {
    let opened = with_place(kind, &name, |place| {
        let content = keys.open(place, content)?;
        String::from_utf8(content.to_vec()).map(Some).map_err(|_| SealError::Malformed)
    });
    let content = opened.map_err(|fault| StoreError::Sealed { what: format!("{} {name:?}", kind.name()), fault });
    Record { kind, name, version: Version(version), content }
}

/// A record's content, sealed with another key. Its place has the name of its kind, and so that has to be known.
pub(super) fn resealed(kind: &str, name: &str, content: &[u8], keys: &Keys, new: &Seal) -> Result<Vec<u8>, StoreError> {
    let Some(known) = Kind::named(kind) else { return Err(StoreError::UnknownKind { kind: kind.to_owned() }) };
    let sealed = with_place(known, name, |place| new.seal(place, &keys.open(place, content)?));
    sealed.map_err(|fault| StoreError::Sealed { what: format!("{kind} {name:?}"), fault })
}
