use crate::proto::Violation;
use crate::proto::sasl::{Mechanism, Sasl};

/// How to log in with a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// AUTH (RFC 5034).
    Sasl(Sasl),
    /// USER and PASS (RFC 1939).
    UserPass,
}

impl Way {
    /// The best that a capability list (RFC 2449, 6) offers: a mechanism of its SASL line, else USER. Small servers list
    /// neither; they are taken to know USER, for only an explicit SASL line without a mechanism for passwords says no.
    pub(super) fn of(list: &[u8]) -> Result<Self, Violation> {
        let words = |line: &[u8]| -> Vec<String> {
            line.split(u8::is_ascii_whitespace).map(|word| String::from_utf8_lossy(word).to_ascii_uppercase()).collect()
        };
        let lines: Vec<_> = list.split(|&octet| octet == b'\n').map(words).collect();
        let tagged = |tag: &str| lines.iter().find(|line| line.first().is_some_and(|word| word == tag));
        let Some(sasl) = tagged("SASL") else { return Ok(Self::UserPass) };
        let chosen = Mechanism::Password.choose(|name| sasl[1..].iter().any(|word| word == name));
        match tagged("USER") {
            Some(_) => Ok(chosen.map_or(Self::UserPass, Self::Sasl)),
            None => chosen.map(Self::Sasl),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_way_of_a_list() {
        for (list, way) in [
            (&b"TOP\nUIDL\nSASL PLAIN XOAUTH2\nUSER\n"[..], Ok(Way::Sasl(Sasl::Plain))),
            (b"sasl login\n", Ok(Way::Sasl(Sasl::Login))),
            (b"SASL LOGIN PLAIN\n", Ok(Way::Sasl(Sasl::Plain))),
            (b"SASL XOAUTH2\nUSER\n", Ok(Way::UserPass)),
            (b"SASL\nUSER\n", Ok(Way::UserPass)),
            (b"TOP\nUSER\n", Ok(Way::UserPass)),
            (b"TOP\nUIDL\n", Ok(Way::UserPass)),
            (b"", Ok(Way::UserPass)),
            (b"TOP\nSASL XOAUTH2\n", Err(Violation::NoMechanism("PLAIN or LOGIN"))),
            (b"IMPLEMENTATION SASL PLAIN\nSASL XPLAIN\n", Err(Violation::NoMechanism("PLAIN or LOGIN"))),
        ] {
            assert_eq!(Way::of(list), way, "{}", String::from_utf8_lossy(list));
        }
    }
}
