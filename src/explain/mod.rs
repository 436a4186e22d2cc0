//! What a provider's refusal means and what to do, as data. For people: no decision that could do harm is taken here, for
//! codes and texts change over time while the OAuth `error` value does not. What [`passing`] and [`throttle`] decide is how
//! soon a fresh token is taken, and how long a mailbox is left in peace.

/// Everything that can be explained, for the handbook.
pub mod catalogue;
mod google;
mod hurdle;
mod mail;
mod microsoft;
mod passing;
#[cfg(test)]
mod tests;
mod throttle;

pub use google::is_bare_end;
pub use hurdle::{GOOGLE as GOOGLE_HURDLES, Hurdle, MICROSOFT as MICROSOFT_HURDLES};
pub use mail::{is_exchange_identity, mail_refusal};
pub use passing::{Heard, Kind, Passing, after_login};
pub use throttle::{Pause, Reach, Throttle, throttle};

/// A refusal in words of this house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whose turn it is.
    pub turn: Turn,
    /// What happened, a sentence without its full stop.
    pub cause: &'static str,
    /// The next step; `{token}` stands for the token's name, `MAILBOX` for its user at the mail server.
    pub remedy: &'static str,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nobody's; it passes.
    Wait,
    /// The owner of the mailbox has to sign in.
    User,
    /// Whoever keeps the app registration or Gatepost's configuration.
    App,
    /// An administrator of the tenant or the Workspace.
    Admin,
}

impl Turn {
    /// In a word, for tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wait => "nobody",
            Self::User => "the mailbox's owner",
            Self::App => "whoever keeps the app registration",
            Self::Admin => "the provider's administrator",
        }
    }
}

/// What a token endpoint or a consent page answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answered<'a> {
    /// The OAuth `error` value.
    pub error: &'a str,
    /// `suberror` or `error_subtype`.
    pub subcode: Option<&'a str>,
    /// Microsoft's `error_codes`.
    pub numbers: &'a [u32],
    /// `error_description`.
    pub description: &'a str,
}

/// The explanation of a token endpoint's answer: by Microsoft's number, by Google's value, else by the standard's.
#[must_use]
pub fn oauth(answered: &Answered<'_>) -> Option<Explanation> {
    let numbers = answered.numbers.iter().copied().chain(microsoft::numbers(answered.description));
    numbers.into_iter().find_map(microsoft::explanation).or_else(|| google::explanation(answered))
}

impl Explanation {
    /// The next step for this token.
    #[must_use]
    pub fn remedy_for(&self, token: &str) -> String {
        self.remedy.replace("{token}", token)
    }

    /// The same after a mail server's refusal of this user.
    #[must_use]
    pub fn remedy_at(&self, token: &str, user: &str) -> String {
        self.remedy_for(token).replace("MAILBOX", user)
    }
}
