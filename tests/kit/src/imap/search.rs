//! The keys of SEARCH that mail programs use.

use super::command::Token;
use super::{fetch, set};
use crate::mailstore::Message;

/// A message and what its numbers are compared with.
pub(super) struct Candidate<'a> {
    pub(super) number: u32,
    pub(super) message: &'a Message,
    pub(super) largest_number: u32,
    pub(super) largest_uid: u32,
}

/// Whether a message matches all keys; `None` is a BAD command.
pub(super) fn matches(tokens: &[Token], candidate: &Candidate<'_>) -> Option<bool> {
    let mut rest = tokens;
    // The one charset in which octets mean what they are here.
    if rest.first().is_some_and(|token| token.word() == "CHARSET") {
        rest = rest.get(2..)?;
    }
    if rest.is_empty() {
        return None;
    }
    let mut all = true;
    while !rest.is_empty() {
        all &= key(&mut rest, candidate)?;
    }
    Some(all)
}

fn key(rest: &mut &[Token], candidate: &Candidate<'_>) -> Option<bool> {
    let (token, tail) = rest.split_first()?;
    *rest = tail;
    let message = candidate.message;
    let mut text = || {
        let (token, tail) = rest.split_first()?;
        *rest = tail;
        token.text()
    };
    Some(match token.word().as_str() {
        "" if *token == Token::Open => group(rest, candidate)?,
        "ALL" | "OLD" => true,
        "NOT" => !key(rest, candidate)?,
        "OR" => key(rest, candidate)? | key(rest, candidate)?,
        "SEEN" => message.has("\\Seen"),
        "UNSEEN" => !message.has("\\Seen"),
        "DELETED" => message.has("\\Deleted"),
        "UNDELETED" => !message.has("\\Deleted"),
        "FLAGGED" => message.has("\\Flagged"),
        "UNFLAGGED" => !message.has("\\Flagged"),
        "ANSWERED" => message.has("\\Answered"),
        "UNANSWERED" => !message.has("\\Answered"),
        "RECENT" | "NEW" => false,
        field @ ("SUBJECT" | "FROM" | "TO" | "CC") => has_field(message, field, &text()?),
        "HEADER" => {
            let field = text()?;
            has_field(message, &field, &text()?)
        }
        "TEXT" => holds(&message.mail.content, &text()?),
        "BODY" => holds(fetch::split(&message.mail.content).1, &text()?),
        "UID" => set::holds(&text()?, message.uid, candidate.largest_uid)?,
        word => set::holds(word, candidate.number, candidate.largest_number)?,
    })
}

fn group(rest: &mut &[Token], candidate: &Candidate<'_>) -> Option<bool> {
    let mut all = true;
    while rest.first()? != &Token::Close {
        all &= key(rest, candidate)?;
    }
    *rest = &rest[1..];
    Some(all)
}

fn has_field(message: &Message, field: &str, text: &str) -> bool {
    let header = String::from_utf8_lossy(fetch::split(&message.mail.content).0).to_lowercase().replace("\r\n ", " ");
    let (field, text) = (field.to_lowercase(), text.to_lowercase());
    header.lines().any(|line| line.split_once(':').is_some_and(|(name, value)| name == field && value.contains(&text)))
}

fn holds(octets: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(octets).to_lowercase().contains(&text.to_lowercase())
}
