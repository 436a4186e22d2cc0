//! A new password in a form: made up, or typed twice.

use secrecy::{ExposeSecret as _, SecretString};

use crate::admin::form::{Control, Field, Wrong};
use crate::admin::typed::Typed;
use crate::registry::generated;

/// The field that says how.
pub(super) const HOW: &str = "how";
pub(super) const MADE_UP: &str = "generate";
const TYPED: &str = "type";

/// A new password.
pub(super) enum Chosen {
    /// Nobody has seen it yet.
    MadeUp(SecretString),
    /// By the administrator, who knows it.
    Typed(SecretString),
}

impl Chosen {
    pub(super) fn of(typed: &Typed) -> Result<Self, Wrong> {
        let (password, again) = (typed.secret("password"), typed.secret("again"));
        if typed.text(HOW) != TYPED {
            if [&password, &again].iter().any(|typed| !typed.expose_secret().is_empty()) {
                let text = "You typed a password, and chose that one is made up. Choose one of the two; to have yours, type it \
                            again.";
                return Err(Wrong::new(HOW, text));
            }
            let text = "The system gives no randomness for a password. Try again, or type one.";
            return generated().map(Self::MadeUp).map_err(|_| Wrong::new(HOW, text));
        }
        if password.expose_secret().is_empty() {
            return Err(Wrong::new("password", "It is empty: type a password, or choose to have one made up."));
        }
        if password.expose_secret() != again.expose_secret() {
            return Err(Wrong::new("again", "The two are not the same. Type the password in both fields."));
        }
        Ok(Self::Typed(password))
    }

    pub(super) const fn password(&self) -> &SecretString {
        let (Self::MadeUp(password) | Self::Typed(password)) = self;
        password
    }
}

/// Nothing that was typed is shown again.
pub(super) fn fields(how: &str) -> [Field; 3] {
    let ways = [(MADE_UP, "Make one up, and show it once"), (TYPED, "Take the one that I type")];
    let ways = ways.map(|(word, label)| (word.to_owned(), label.to_owned()));
    [
        Field::new(HOW, "Password", Control::Choice(ways.into()))
            .value(how)
            .hint("A password that is made up is strong, and free of letters that look alike."),
        Field::new("password", "Typed password", Control::Text("password"))
            .autocomplete("new-password")
            .hint("Only if you type it yourself. Some devices take letters and digits alone."),
        Field::new("again", "The same again", Control::Text("password"))
            .autocomplete("new-password")
            .hint("Against typing errors."),
    ]
}
