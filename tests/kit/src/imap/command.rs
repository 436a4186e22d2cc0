//! Commands: a line, and as many literals and lines as follow.

use std::io;

use crate::wire::Wire;

/// A piece of a command. A section in brackets belongs to its atom: `BODY.PEEK[HEADER.FIELDS (TO)]<0.10>` is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Open,
    Close,
    Atom(String),
    /// A quoted string or a literal.
    Text(Vec<u8>),
}

impl Token {
    /// What an astring says.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Atom(atom) => Some(atom.clone()),
            Self::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            Self::Open | Self::Close => None,
        }
    }

    /// The atom in upper case; empty for anything else.
    pub(super) fn word(&self) -> String {
        if let Self::Atom(atom) = self { atom.to_uppercase() } else { String::new() }
    }
}

#[derive(Debug)]
pub(super) struct Command {
    pub(super) tag: String,
    /// In upper case, without a `UID` before it.
    pub(super) verb: String,
    /// Whether numbers are UIDs.
    pub(super) uid: bool,
    pub(super) arguments: Vec<Token>,
}

/// Largest literal, in octets.
const LITERAL: usize = 64 * 1024 * 1024;

impl Command {
    pub(super) async fn read(wire: &mut Wire) -> io::Result<Self> {
        let mut tokens = Vec::new();
        loop {
            let line = wire.line().await?;
            let Some((line, length, sync)) = literal(&line) else {
                tokenize(&line, &mut tokens);
                return Ok(Self::new(tokens));
            };
            if length > LITERAL {
                return Err(io::ErrorKind::InvalidData.into());
            }
            tokenize(line, &mut tokens);
            if sync {
                wire.send("+ Ready for additional command text.\r\n").await?;
            }
            tokens.push(Token::Text(wire.take(length).await?));
        }
    }

    fn new(tokens: Vec<Token>) -> Self {
        let mut tokens = tokens.into_iter();
        let tag = tokens.next().and_then(|tag| tag.text()).unwrap_or_else(|| "*".into());
        let mut verb = tokens.next().map(|verb| verb.word()).unwrap_or_default();
        let uid = verb == "UID";
        if uid {
            verb = tokens.next().map(|verb| verb.word()).unwrap_or_default();
        }
        Self { tag, verb, uid, arguments: tokens.collect() }
    }

    /// The argument as an astring.
    pub(super) fn text(&self, at: usize) -> Option<String> {
        self.arguments.get(at)?.text()
    }
}

/// The line before `{n}` or `{n+}`, n, and whether the client waits for a go-ahead.
fn literal(line: &str) -> Option<(&str, usize, bool)> {
    let (line, length) = line.strip_suffix('}')?.rsplit_once('{')?;
    let sync = !length.ends_with('+');
    Some((line, length.trim_end_matches('+').parse().ok()?, sync))
}

fn tokenize(line: &str, tokens: &mut Vec<Token>) {
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let token;
        (token, rest) = match first {
            '(' => (Token::Open, &rest[1..]),
            ')' => (Token::Close, &rest[1..]),
            '"' => quoted(&rest[1..]),
            _ => atom(rest),
        };
        tokens.push(token);
        rest = rest.trim_start();
    }
}

fn quoted(rest: &str) -> (Token, &str) {
    let mut text = Vec::new();
    let mut octets = rest.bytes().enumerate();
    while let Some((at, octet)) = octets.next() {
        match octet {
            b'"' => return (Token::Text(text), &rest[at + 1..]),
            b'\\' => text.extend(octets.next().map(|(_, octet)| octet)),
            octet => text.push(octet),
        }
    }
    (Token::Text(text), "")
}

fn atom(rest: &str) -> (Token, &str) {
    let mut brackets = 0_usize;
    let end = rest.find(|c: char| {
        match c {
            '[' => brackets += 1,
            ']' => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        brackets == 0 && matches!(c, ' ' | '(' | ')')
    });
    let (atom, rest) = rest.split_at(end.unwrap_or(rest.len()));
    (Token::Atom(atom.to_owned()), rest)
}

#[cfg(test)]
mod tests {
    use super::{Token, literal, tokenize};

    #[test]
    fn tokens() {
        let mut tokens = Vec::new();
        tokenize(r#"a FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (TO)]<0.10>) "q\"\\ x" "#, &mut tokens);
        let atom = |text: &str| Token::Atom(text.into());
        let expected = [
            atom("a"),
            atom("FETCH"),
            atom("1:*"),
            Token::Open,
            atom("UID"),
            atom("BODY.PEEK[HEADER.FIELDS (TO)]<0.10>"),
            Token::Close,
            Token::Text(br#"q"\ x"#.into()),
        ];
        assert_eq!(tokens, expected);
        assert_eq!(literal("a LOGIN {3}"), Some(("a LOGIN ", 3, true)));
        assert_eq!(literal("{10+}"), Some(("", 10, false)));
        assert_eq!(literal("a {x}"), None);
    }
}
