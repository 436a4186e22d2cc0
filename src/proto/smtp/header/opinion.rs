//! A second reader of the header, which nobody here wrote: where it sees other senders than we do, there is more than one way to
//! read the message. The one place that knows `mail_parser`.

use mail_parser::{Address, HeaderName, HeaderValue, MessageParser};

/// All senders that it sees, and in how many lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Opinion {
    pub(super) from: Vec<String>,
    pub(super) from_lines: usize,
    pub(super) sender: Vec<String>,
}

/// Reads a header whose lines all end in CRLF.
pub(super) fn opinion(header: &[u8]) -> Opinion {
    let parser = MessageParser::new()
        .header_address(HeaderName::From)
        .header_address(HeaderName::Sender)
        .default_header_ignore();
    let whole = [header, b"\r\n"].concat();
    let mut opinion = Opinion::default();
    let Some(message) = parser.parse_headers(&whole) else { return opinion };
    for header in message.headers() {
        match header.name {
            HeaderName::From => {
                opinion.from_lines += 1;
                opinion.from.extend(addresses(&header.value));
            }
            HeaderName::Sender => opinion.sender.extend(addresses(&header.value)),
            _ => {}
        }
    }
    opinion
}

/// A mailbox without an address is what could be read as none: it gives an empty one.
fn addresses(value: &HeaderValue<'_>) -> Vec<String> {
    let list = match value {
        HeaderValue::Address(Address::List(list)) => list.iter().collect::<Vec<_>>(),
        HeaderValue::Address(Address::Group(groups)) => groups.iter().flat_map(|group| &group.addresses).collect(),
        _ => return Vec::new(),
    };
    list.into_iter().map(|mailbox| mailbox.address.as_deref().unwrap_or_default().to_owned()).collect()
}
