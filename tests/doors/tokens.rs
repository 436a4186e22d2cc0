//! Rust sources as words and signs, without comments, texts and characters.

/// A word or a sign, and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) line: usize,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier or a keyword; a raw identifier keeps its `r#`.
    Word(String),
    /// `::`
    PathSeparator,
    /// Any other sign, one by one.
    Sign(char),
}

pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let (length, kind) = next(rest, first);
        tokens.extend(kind.map(|kind| Token { line, kind }));
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of what comes next, and what it is if it counts.
fn next(rest: &str, first: char) -> (usize, Option<Kind>) {
    if let Some(length) = comment(rest).or_else(|| text(rest)) {
        return (length, None);
    }
    if rest.starts_with("::") {
        return (2, Some(Kind::PathSeparator));
    }
    let raw = if rest.starts_with("r#") { 2 } else { 0 };
    let word = raw + rest[raw..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len() - raw);
    if word > raw {
        return (word, Some(Kind::Word(rest[..word].to_owned())));
    }
    (first.len_utf8(), (!first.is_whitespace()).then_some(Kind::Sign(first)))
}

fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    rest.starts_with("/*").then(|| {
        let (mut depth, mut at) = (0_usize, 0);
        while at < rest.len() {
            let (opens, closes) = (rest[at..].starts_with("/*"), rest[at..].starts_with("*/"));
            depth = if opens { depth + 1 } else { depth - usize::from(closes) };
            at += if opens || closes { 2 } else { rest[at..].chars().next().map_or(1, char::len_utf8) };
            if depth == 0 {
                break;
            }
        }
        at
    })
}

/// A literal: text of any kind, or a character; not a lifetime.
fn text(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let body = rest.strip_prefix(prefix).unwrap_or_default();
        let marks = if prefix.ends_with('r') { body.trim_start_matches('#') } else { body };
        marks.starts_with('"') || (matches!(*prefix, "" | "b") && body.starts_with('\''))
    })?;
    let body = &rest[prefix.len()..];
    let length = match body.chars().next()? {
        '\'' => character(body)?,
        _ if prefix.ends_with('r') => {
            let marks = body.len() - body.trim_start_matches('#').len();
            let end = format!("\"{}", &body[..marks]);
            body[marks + 1..].find(&end).map_or(body.len(), |at| marks + 1 + at + end.len())
        }
        _ => quoted(body, '"'),
    };
    Some(prefix.len() + length)
}

/// `'x'` or `'\…'`, but not `'lifetime`.
fn character(body: &str) -> Option<usize> {
    let mut inside = body.chars().skip(1);
    let (first, second) = (inside.next()?, inside.next());
    (first == '\\' || second == Some('\'')).then(|| quoted(body, '\''))
}

/// Up to and with the closing quote.
fn quoted(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    body.len()
}
