//! The items of FETCH. ENVELOPE and BODYSTRUCTURE are not simulated and refused as BAD.

use std::ops::Range;

use super::command::Token;
use crate::mailstore::Message;

/// One thing to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Uid,
    Flags,
    Size,
    Date,
    /// A part of the message under the name it was asked by.
    Part {
        name: String,
        section: Section,
        partial: Option<Range<usize>>,
        marks_seen: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Whole,
    Header,
    Text,
    /// These fields, in lower case, or all but these.
    Fields {
        names: Vec<String>,
        others: bool,
    },
}

/// The provider's calendar stands still, so that a test reads the same every day.
const DATE: &str = "01-Jan-2026 00:00:00 +0000";

/// Reads what is to be fetched; `None` is a BAD command.
pub(super) fn parse(tokens: &[Token]) -> Option<Vec<Item>> {
    let tokens = match tokens {
        [Token::Open, tokens @ .., Token::Close] => tokens,
        [token] if token.word() == "FAST" => return Some(vec![Item::Flags, Item::Date, Item::Size]),
        [token] => std::slice::from_ref(token),
        _ => return None,
    };
    tokens.iter().map(item).collect()
}

fn item(token: &Token) -> Option<Item> {
    let whole = |name: &str, section, marks_seen| {
        Some(Item::Part { name: name.to_owned(), section, partial: None, marks_seen })
    };
    match token.word().as_str() {
        "UID" => Some(Item::Uid),
        "FLAGS" => Some(Item::Flags),
        "RFC822.SIZE" => Some(Item::Size),
        "INTERNALDATE" => Some(Item::Date),
        "RFC822" => whole("RFC822", Section::Whole, true),
        "RFC822.HEADER" => whole("RFC822.HEADER", Section::Header, false),
        "RFC822.TEXT" => whole("RFC822.TEXT", Section::Text, true),
        word => part(word),
    }
}

/// `BODY[…]<…>` and `BODY.PEEK[…]<…>`.
fn part(word: &str) -> Option<Item> {
    let (rest, marks_seen) = match word.strip_prefix("BODY.PEEK[") {
        Some(rest) => (rest, false),
        None => (word.strip_prefix("BODY[")?, true),
    };
    let (section, partial) = rest.rsplit_once(']')?;
    let mut name = format!("BODY[{section}]");
    let partial = match partial.strip_prefix('<') {
        Some(partial) => {
            let (start, count) = partial.strip_suffix('>')?.split_once('.')?;
            let (start, count): (usize, usize) = (start.parse().ok()?, count.parse().ok()?);
            name = format!("{name}<{start}>");
            Some(start..start.checked_add(count)?)
        }
        None if partial.is_empty() => None,
        None => return None,
    };
    Some(Item::Part { name, section: parse_section(section)?, partial, marks_seen })
}

fn parse_section(section: &str) -> Option<Section> {
    let fields = |names: &str, others| {
        let names = names.strip_prefix('(')?.strip_suffix(')')?;
        let names = names.split_ascii_whitespace().map(|name| name.trim_matches('"').to_lowercase()).collect();
        Some(Section::Fields { names, others })
    };
    match section.split_once(' ').unwrap_or((section, "")) {
        ("", "") => Some(Section::Whole),
        ("HEADER", "") => Some(Section::Header),
        ("TEXT", "") => Some(Section::Text),
        ("HEADER.FIELDS", names) => fields(names, false),
        ("HEADER.FIELDS.NOT", names) => fields(names, true),
        _ => None,
    }
}

/// The data of one message, in parentheses.
pub(super) fn render(items: &[Item], message: &Message) -> Vec<u8> {
    let mut data = b"(".to_vec();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            data.push(b' ');
        }
        match item {
            Item::Uid => data.extend(format!("UID {}", message.uid).bytes()),
            Item::Flags => data.extend(format!("FLAGS ({})", message.flags.join(" ")).bytes()),
            Item::Size => data.extend(format!("RFC822.SIZE {}", message.mail.content.len()).bytes()),
            Item::Date => data.extend(format!("INTERNALDATE \"{DATE}\"").bytes()),
            Item::Part { name, section, partial, .. } => {
                let kept;
                let mut octets = match section {
                    Section::Whole => &message.mail.content[..],
                    Section::Header => split(&message.mail.content).0,
                    Section::Text => split(&message.mail.content).1,
                    Section::Fields { names, others } => {
                        kept = fields(split(&message.mail.content).0, names, *others);
                        &kept
                    }
                };
                if let Some(partial) = partial {
                    octets = &octets[partial.start.min(octets.len())..partial.end.min(octets.len())];
                }
                data.extend(format!("{name} {{{}}}\r\n", octets.len()).bytes());
                data.extend_from_slice(octets);
            }
        }
    }
    data.push(b')');
    data
}

/// Header with its empty line, and body.
pub(super) fn split(content: &[u8]) -> (&[u8], &[u8]) {
    let mut end = 0;
    for line in content.split_inclusive(|&octet| octet == b'\n') {
        end += line.len();
        if line == b"\r\n" {
            break;
        }
    }
    content.split_at(end)
}

/// The fields of a header that are, or are not, among these; folded lines go with theirs.
fn fields(header: &[u8], names: &[String], others: bool) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut keeps = false;
    for line in header.split_inclusive(|&octet| octet == b'\n').filter(|line| *line != b"\r\n") {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let name = line.split(|&octet| octet == b':').next().unwrap_or_default();
            let name = String::from_utf8_lossy(name).trim().to_lowercase();
            keeps = names.contains(&name) != others;
        }
        if keeps {
            kept.extend_from_slice(line);
        }
    }
    kept.extend_from_slice(b"\r\n");
    kept
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::command::Token;
    use super::{parse, render};
    use crate::mailstore::{Mail, Message};

    #[test]
    fn parts_of_a_message() {
        let content = b"To: a\r\nSubject: x\r\n y\r\nFrom: b\r\n\r\nbody\r\n".to_vec();
        let message =
            Message { uid: 7, mail: Arc::new(Mail { content, ..Mail::default() }), flags: vec!["\\Seen".into()] };
        for (asked, expected) in [
            ("UID", "(UID 7)"),
            ("FLAGS", "(FLAGS (\\Seen))"),
            ("RFC822.SIZE", "(RFC822.SIZE 40)"),
            ("BODY[TEXT]", "(BODY[TEXT] {6}\r\nbody\r\n)"),
            ("BODY.PEEK[]<3.4>", "(BODY[]<3> {4}\r\n a\r\n)"),
            ("BODY[]<100.4>", "(BODY[]<100> {0}\r\n)"),
            ("body[header.fields (subject)]", "(BODY[HEADER.FIELDS (SUBJECT)] {18}\r\nSubject: x\r\n y\r\n\r\n)"),
            ("BODY[HEADER.FIELDS.NOT (Subject To)]", "(BODY[HEADER.FIELDS.NOT (SUBJECT TO)] {11}\r\nFrom: b\r\n\r\n)"),
        ] {
            let items = parse(&[Token::Atom(asked.into())]).unwrap();
            assert_eq!(String::from_utf8(render(&items, &message)).unwrap(), expected, "{asked}");
        }
        for bad in ["ENVELOPE", "BODY[", "BODY[]<1>", "BODY[1.2]", "BODY[HEADER.FIELDS]"] {
            assert_eq!(parse(&[Token::Atom(bad.into())]), None, "{bad}");
        }
    }
}
