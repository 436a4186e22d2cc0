use chrono::{DateTime, Utc};

/// What an administrator did. Nothing in it is a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// When.
    pub at: DateTime<Utc>,
    /// Who, such as `administrator` or `command line`.
    pub who: String,
    /// Where from: an address, the name of a login; empty where nothing is known.
    pub from: String,
    /// What, such as `token.added`.
    pub what: String,
    /// To which token, account or session.
    pub subject: String,
    /// What else there is to say, for people.
    pub detail: String,
}

/// A deed in the trail. Later ones have greater numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Its number.
    pub id: i64,
    /// The deed.
    pub deed: Deed,
}

/// When a password of an account was last used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The account's name.
    pub account: String,
    /// The label of the password; empty for one without.
    pub password: String,
    /// The last login.
    pub login: Option<DateTime<Utc>>,
    /// The last message that was accepted.
    pub message: Option<DateTime<Utc>>,
}
