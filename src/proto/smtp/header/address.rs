//! Addresses of From and Sender, by a narrow grammar: what readers are known to read in different ways is no address here.

use std::fmt;

/// `name <address> (comment)`, or the address without name and brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mailbox<'v> {
    /// As written, folds included; empty where there is none.
    pub(super) name: &'v str,
    /// `local@domain`.
    pub(super) address: &'v str,
    /// What stands in the brackets behind it; empty where there is none.
    pub(super) comment: &'v str,
}

/// Why a list of addresses is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unclear {
    /// No address at all.
    Empty,
    /// Octets that are not UTF-8, or control characters.
    Octets,
    /// A line of blanks alone within it.
    BlankFold,
    /// A group, `name: a@b, c@d;`.
    Group,
    /// A route, or something else that is no address where one belongs.
    NoAddress,
    /// A quoted string, a comment or a bracket that does not end, or that holds another.
    Unbalanced,
    /// Something behind or between addresses that does not belong there.
    Stray,
    /// More than [`MOST`].
    TooMany,
}

/// Addresses in one field.
const MOST: usize = 64;

/// Octets of an address (RFC 5321, 4.5.3.1: 64 and 255 with the sign between them).
const LONGEST: usize = 320;

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "is empty",
            Self::Octets => "holds octets that are not UTF-8 text",
            Self::BlankFold => "goes on behind a blank line",
            Self::Group => "holds a group",
            Self::NoAddress => "holds something that is no plain address",
            Self::Unbalanced => "holds a quote or a bracket that does not end",
            Self::Stray => "holds something that does not belong there",
            Self::TooMany => "holds too many addresses",
        })
    }
}

/// `local@domain` without quotes, comments or literals.
pub(super) fn is_address(text: &str) -> bool {
    const SPECIAL: &str = "!#$%&'*+-/=?^_`{|}~";
    let Some((local, domain)) = text.split_once('@') else { return false };
    let local_part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || SPECIAL.contains(c));
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || "-_".contains(c));
    text.len() <= LONGEST && local.split('.').all(local_part) && domain.split('.').all(label)
}

/// The mailboxes of a field's value.
pub(super) fn mailboxes(value: &[u8]) -> Result<Vec<Mailbox<'_>>, Unclear> {
    let text = std::str::from_utf8(value).map_err(|_| Unclear::Octets)?;
    if text.split("\r\n").skip(1).any(|line| line.trim_matches([' ', '\t']).is_empty()) {
        return Err(Unclear::BlankFold);
    }
    let unprintable = |c: char| (c.is_control() && !BLANKS.contains(&c)) || matches!(c, '\u{2028}' | '\u{2029}');
    if text.contains(unprintable) {
        return Err(Unclear::Octets);
    }
    let mut reader = Reader { text, at: 0 };
    let mut found = Vec::new();
    loop {
        found.push(reader.mailbox()?);
        match reader.token()? {
            None => return Ok(found),
            Some(Token::Sign(',')) if found.len() < MOST => {}
            Some(Token::Sign(',')) => return Err(Unclear::TooMany),
            Some(_) => return Err(Unclear::Stray),
        }
    }
}

/// Line breaks are folds here, for each is known to be followed by a blank.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'v> {
    /// Neither blank nor sign nor quote.
    Word(&'v str),
    /// With its quotes.
    Quoted,
    /// Without its brackets.
    Comment(&'v str),
    /// One of `<>,:;` and their like.
    Sign(char),
}

struct Reader<'v> {
    text: &'v str,
    at: usize,
}

impl<'v> Reader<'v> {
    fn mailbox(&mut self) -> Result<Mailbox<'v>, Unclear> {
        let mut words = 0;
        let mut last = "";
        self.skip_blanks();
        let start = self.at;
        loop {
            let name = self.text[start..self.at].trim_matches(BLANKS);
            let before = self.at;
            match self.token()? {
                Some(Token::Word(word)) => (words, last) = (words + 1, word),
                Some(Token::Quoted) => (words, last) = (words + 1, ""),
                Some(Token::Sign('<')) => {
                    let address = self.bracketed()?;
                    return Ok(Mailbox { name, address, comment: self.comment()? });
                }
                Some(Token::Sign(':' | ';')) => return Err(Unclear::Group),
                None if words == 0 && self.text.trim_matches(BLANKS).is_empty() => return Err(Unclear::Empty),
                Some(Token::Sign(',') | Token::Comment(_)) | None if words == 1 && is_address(last) => {
                    self.at = before;
                    return Ok(Mailbox { name: "", address: last, comment: self.comment()? });
                }
                Some(Token::Comment(_)) => return Err(Unclear::Stray),
                Some(Token::Sign(_)) | None => return Err(Unclear::NoAddress),
            }
        }
    }

    fn bracketed(&mut self) -> Result<&'v str, Unclear> {
        match (self.token()?, self.token()?) {
            (Some(Token::Word(word)), Some(Token::Sign('>'))) if is_address(word) => Ok(word),
            _ => Err(Unclear::NoAddress),
        }
    }

    /// At most one comment.
    fn comment(&mut self) -> Result<&'v str, Unclear> {
        let before = self.at;
        if let Some(Token::Comment(comment)) = self.token()? {
            return Ok(comment);
        }
        self.at = before;
        Ok("")
    }

    fn token(&mut self) -> Result<Option<Token<'v>>, Unclear> {
        self.skip_blanks();
        let rest = &self.text[self.at..];
        let Some(first) = rest.chars().next() else { return Ok(None) };
        let (length, token) = match first {
            '"' => (quoted(rest)?, Token::Quoted),
            '(' => {
                let end = rest[1..].find(['(', ')', '\\', '"', '<', '>', ',', ';']).map(|end| end + 1);
                let end = end.filter(|&end| rest[end..].starts_with(')')).ok_or(Unclear::Unbalanced)?;
                (end + 1, Token::Comment(&rest[1..end]))
            }
            sign if SIGNS.contains(&sign) => (1, Token::Sign(sign)),
            _ => {
                let ends = |c| BLANKS.contains(&c) || SIGNS.contains(&c) || matches!(c, '"' | '(');
                let end = rest.find(ends).unwrap_or(rest.len());
                (end, Token::Word(&rest[..end]))
            }
        };
        self.at += length;
        Ok(Some(token))
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.text[self.at..].trim_start_matches(BLANKS).len();
    }
}

const SIGNS: [char; 9] = ['<', '>', ',', ':', ';', ')', '[', ']', '\\'];

/// How long the quoted string is, its quotes included.
fn quoted(text: &str) -> Result<usize, Unclear> {
    let mut escaped = false;
    let end = text[1..].find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.map(|end| end + 2).ok_or(Unclear::Unbalanced)
}
