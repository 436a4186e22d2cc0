use std::borrow::Cow;

use super::address::{self, Mailbox};
use super::encoded::revealed;
use super::fields::{Field, Fields};
use super::opinion::{Opinion, opinion};
use super::refusal::Refusal;

/// The header with this address as its only sender, and whether it carries a DKIM signature. It is borrowed where nothing
/// had to change.
pub(super) fn rewrite<'h>(header: &'h [u8], address: &str, reply_to: bool) -> Result<(Cow<'h, [u8]>, bool), Refusal> {
    let survey = Survey::of(header)?;
    let original = survey.from.and_then(|from| address::mailboxes(from.value).ok()).unwrap_or_default();
    let replies = reply_to && !survey.reply_to;
    let name = original.first().and_then(|first| plain(first.name));
    let own = survey.from.filter(|_| matches!(&original[..], [one] if one.address.eq_ignore_ascii_case(address)));
    // What is there may stay; a name is kept; and if a reader could take it for something else, there is none.
    let attempts =
        [own.map(|own| own.raw.to_vec()), name.map(|name| from_line(name, address)), Some(from_line("", address))];
    for mut line in attempts.into_iter().flatten() {
        if replies {
            line.extend(reply_line(&original, address));
        }
        let rewritten = replaced(header, &line, survey.from.is_none(), address);
        let opinion = opinion(&rewritten);
        if opinion.is_of(address) {
            let header = if rewritten == header { Cow::Borrowed(header) } else { Cow::Owned(rewritten) };
            return Ok((header, survey.signed));
        }
    }
    Err(Refusal::not_allowed("The header can be read in more than one way, so its From line cannot be rewritten"))
}

impl Opinion {
    fn is_of(&self, address: &str) -> bool {
        let own = |other: &String| other.eq_ignore_ascii_case(address);
        self.from_lines == 1 && matches!(&self.from[..], [one] if own(one)) && self.sender.iter().all(own)
    }
}

struct Survey<'h> {
    /// The first one; others are left out.
    from: Option<Field<'h>>,
    reply_to: bool,
    signed: bool,
}

impl<'h> Survey<'h> {
    fn of(header: &'h [u8]) -> Result<Self, Refusal> {
        let mut survey = Self { from: None, reply_to: false, signed: false };
        for field in Fields::new(header) {
            let field = field.map_err(Refusal::malformed)?;
            survey.reply_to |= field.is("Reply-To");
            survey.signed |= field.is("DKIM-Signature");
            if field.is("From") {
                survey.from.get_or_insert(field);
            }
        }
        Ok(survey)
    }
}

/// The header with these lines in place of the first From; without the others, and without a Sender who is somebody else.
fn replaced(header: &[u8], lines: &[u8], missing: bool, address: &str) -> Vec<u8> {
    let mut rewritten = Vec::with_capacity(header.len() + lines.len());
    let mut due = Some(lines);
    if missing {
        rewritten.extend_from_slice(due.take().unwrap_or_default());
    }
    for field in Fields::new(header).flatten() {
        if field.is("From") {
            rewritten.extend_from_slice(due.take().unwrap_or_default());
        } else if !field.is("Sender") || is_alone(field, address) {
            rewritten.extend_from_slice(field.raw);
        }
    }
    rewritten
}

fn is_alone(field: Field<'_>, address: &str) -> bool {
    let mailboxes = address::mailboxes(field.value).unwrap_or_default();
    matches!(&mailboxes[..], [one] if one.address.eq_ignore_ascii_case(address))
}

/// Octets of a line that are nicer to read, and that it must not have (RFC 5322, 2.1.1), without CRLF.
const NICE: usize = 78;
const MOST: usize = 998;

/// A name that may stand before another address as it is written: words, quoted strings and encoded words in which no reader
/// finds brackets, an address without quotes, or a line break.
fn plain(name: &str) -> Option<&str> {
    let fits = name.split("\r\n").all(|line| line.len() + FROM.len() <= MOST);
    let clear = revealed(name).ok()?;
    let bare = !name.starts_with('"') || name.contains('\\') || name.matches('"').count() != 2 || !name.ends_with('"');
    let deceives = clear.contains(['<', '>']) || (bare && clear.contains('@'));
    (!name.is_empty() && fits && !deceives).then_some(name)
}

const FROM: &str = "From: ";

fn from_line(name: &str, address: &str) -> Vec<u8> {
    if name.is_empty() {
        return format!("{FROM}{address}\r\n").into_bytes();
    }
    let last = name.rsplit("\r\n").next().map_or(0, str::len);
    let used = if name.contains("\r\n") { last } else { FROM.len() + last };
    let blank = if used + address.len() + 3 > NICE { "\r\n " } else { " " };
    format!("{FROM}{name}{blank}<{address}>\r\n").into_bytes()
}

/// To whom the message said that it was from, apart from the address itself.
fn reply_line(original: &[Mailbox<'_>], address: &str) -> Vec<u8> {
    let mut others: Vec<&str> = Vec::new();
    for Mailbox { address: other, .. } in original {
        if !other.eq_ignore_ascii_case(address) && !others.contains(other) {
            others.push(other);
        }
    }
    if others.is_empty() {
        return Vec::new();
    }
    format!("Reply-To: {}\r\n", others.join(",\r\n ")).into_bytes()
}
