use std::error::Error;
use std::fmt::Write as _;

use tokio_postgres::error::SqlState;

use super::super::StoreError;
use super::super::seal::SealError;
use super::schema::SCHEMA;

/// What can go wrong on a connection.
#[derive(Debug)]
pub(super) enum Fault {
    /// The database said no, or the connection broke.
    Postgres(tokio_postgres::Error),
    /// No server could be reached, or none that takes writes.
    Unreachable(String),
    Key(SealError),
    TooNew(i64),
    Store(StoreError),
}

impl Fault {
    /// With the database as it is shown to people.
    pub(super) fn of(self, shown: &str) -> StoreError {
        let file = shown.to_owned();
        match self {
            Self::Postgres(ref fault) if self.is_broken() => {
                StoreError::Unreachable { store: file, fault: text(fault) }
            }
            Self::Postgres(fault) if fault.as_db_error().is_none() => {
                StoreError::Inconsistent { what: "a row".into(), fault: text(&fault) }
            }
            Self::Postgres(fault) => StoreError::Database { file, fault: text(&fault) },
            Self::Unreachable(fault) => StoreError::Unreachable { store: file, fault },
            Self::Key(fault) => StoreError::Key { file, fault },
            Self::TooNew(found) => StoreError::TooNew { file, found, known: SCHEMA },
            Self::Store(error) => error,
        }
    }

    pub(super) fn is_read_only(&self) -> bool {
        matches!(self, Self::Postgres(fault) if fault.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION))
    }

    /// Whether the database itself said no, in an orderly manner.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self, Self::Postgres(fault) if fault.as_db_error().is_some()) && !self.is_broken()
    }

    /// Whether the connection is of no use any more: it is gone, or leads to a server that takes no writes (any more).
    pub(super) fn is_broken(&self) -> bool {
        let Self::Postgres(fault) = self else { return false };
        match fault.code() {
            // A value of another type than is read came over a connection that is sound.
            None => fault.is_closed() || fault.source().is_some_and(<dyn Error>::is::<std::io::Error>),
            Some(code) => {
                [
                    &SqlState::ADMIN_SHUTDOWN,
                    &SqlState::CRASH_SHUTDOWN,
                    &SqlState::CANNOT_CONNECT_NOW,
                    &SqlState::READ_ONLY_SQL_TRANSACTION,
                    &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                ]
                .contains(&code)
                    || code.code().starts_with("08")
            }
        }
    }
}

/// What the database said, or what became of the connection. Details of a row are left out.
pub(super) fn text(fault: &tokio_postgres::Error) -> String {
    if let Some(said) = fault.as_db_error() {
        return format!("{} ({})", said.message(), said.code().code());
    }
    let mut text = fault.to_string();
    let mut source = fault.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

impl From<tokio_postgres::Error> for Fault {
    fn from(fault: tokio_postgres::Error) -> Self {
        Self::Postgres(fault)
    }
}

impl From<SealError> for Fault {
    fn from(fault: SealError) -> Self {
        Self::Key(fault)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
