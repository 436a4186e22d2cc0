//! The words of a notice.

use chrono::{DateTime, Utc};

use crate::model::TroubleClass;
use crate::store::{Kind, Outline, Version};

/// A notice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told<'a> {
    pub(super) number: i64,
    /// Who wrote.
    pub(super) writer: &'a str,
    pub(super) what: What<'a>,
}

/// What was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What<'a> {
    Token(&'a str, Outline),
    Records(Kind),
    Shares,
    /// Said, not written.
    Word(&'a str),
    Everything,
    Unknown,
}

impl<'a> Told<'a> {
    pub(super) fn read(payload: &'a str) -> Option<Self> {
        let mut words = payload.splitn(3, ' ');
        let (number, writer, what) = (words.next()?.parse().ok()?, words.next()?, words.next()?);
        Some(Self { number, writer, what: what_of(what)? })
    }
}

fn what_of(text: &str) -> Option<What<'_>> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    Some(match word {
        "token" => {
            let mut words = rest.splitn(10, ' ');
            let outline = outline(&mut words)?;
            What::Token(words.next()?, outline)
        }
        "forgotten" => What::Token(rest, Outline::default()),
        "shares" => What::Shares,
        "word" => What::Word(rest),
        "record" => Kind::named(rest).map_or(What::Unknown, What::Records),
        "*" => What::Everything,
        _ => What::Unknown,
    })
}

/// In the order in which the trigger says it.
fn outline<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Outline> {
    let version = Version(words.next()?.parse().ok()?);
    let expires_at = time(words.next()?)?;
    let refresh = words.next()? != "-";
    let (authorized_at, refresh_ends_at) = (time(words.next()?)?, time(words.next()?)?);
    let refreshed_at = time(words.next()?)?;
    let (class, since, retry_at) = (words.next()?, time(words.next()?)?, time(words.next()?)?);
    let trouble = match class {
        "-" => None,
        class => Some((TroubleClass::ALL.into_iter().find(|one| one.name() == class)?, since?, retry_at?)),
    };
    Some(Outline { version, expires_at, refresh, authorized_at, refresh_ends_at, refreshed_at, trouble })
}

/// None within: there is none.
#[expect(clippy::option_option, reason = "what is no time is another thing than no time")]
fn time(word: &str) -> Option<Option<DateTime<Utc>>> {
    match word {
        "-" => Some(None),
        word => Some(Some(DateTime::from_timestamp_millis(word.parse().ok()?)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_read_and_what_is_none_is_not() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let told = Told::read("7 ab12 token 42 1800000000000 refresh - - 1799990000000 ended 1 2000 a b").unwrap();
        let trouble = (TroubleClass::Ended, DateTime::from_timestamp_millis(1).unwrap(), at(2).unwrap());
        let outline = Outline {
            version: Version(42),
            expires_at: at(1_800_000_000),
            refresh: true,
            refreshed_at: at(1_799_990_000),
            trouble: Some(trouble),
            ..Outline::default()
        };
        assert_eq!(told, Told { number: 7, writer: "ab12", what: What::Token("a b", outline) });
        let what = |payload| Told::read(payload).map(|told| told.what);
        let unsaved = Outline { version: Version(3), ..Outline::default() };
        assert_eq!(what("8 - token 3 - - - - - - - - x"), Some(What::Token("x", unsaved)));
        assert_eq!(what("8 - forgotten a b"), Some(What::Token("a b", Outline::default())));
        assert_eq!(what("9 - record admin session"), Some(What::Records(Kind::AdminSession)));
        assert_eq!(what("9 - *"), Some(What::Everything));
        assert_eq!([what("9 - record new kind"), what("9 - else 1")], [Some(What::Unknown), Some(What::Unknown)]);
        for nothing in ["", "x - *", "9", "9 -", "9 - token 1 2 3", "9 - token 1 soon - - - - - - - x"] {
            assert_eq!(Told::read(nothing), None, "{nothing}");
        }
    }
}
