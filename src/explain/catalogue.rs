use std::fmt::Write as _;

use super::{Explanation, Turn, google, mail, microsoft};

/// One row of what can be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// By what it is recognised: a number, an OAuth `error` value, or what stands in a reply.
    pub said: String,
    /// What it means.
    pub known: Explanation,
}

/// All that token endpoints of Microsoft may answer, by their numbers.
pub fn microsoft() -> impl Iterator<Item = Entry> {
    microsoft::TABLE.iter().map(|(numbers, turn, cause, remedy)| {
        let mut said = String::new();
        for number in *numbers {
            let _ = write!(said, "{}AADSTS{number}", if said.is_empty() { "" } else { " " });
        }
        entry(said, *turn, cause, remedy)
    })
}

/// All that other token endpoints may answer: the `error`, and behind a colon what stands beside it.
pub fn standard() -> impl Iterator<Item = Entry> {
    google::TABLE.iter().map(|(error, hint, turn, cause, remedy)| {
        let said = if hint.is_empty() { (*error).to_owned() } else { format!("{error}: {hint}") };
        entry(said, *turn, cause, remedy)
    })
}

/// All that mail servers may say, by a part of it.
pub fn mail_servers() -> impl Iterator<Item = Entry> {
    mail::TABLE.iter().map(|(said, turn, cause, remedy)| entry((*said).to_owned(), *turn, cause, remedy))
}

const fn entry(said: String, turn: Turn, cause: &'static str, remedy: &'static str) -> Entry {
    Entry { said, known: Explanation { turn, cause, remedy } }
}
