use super::address::is_address;
use super::allowed::Allowed;
use super::{Policy, Refusal};

/// What becomes of a MAIL command.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the client waits for an answer"]
pub enum MailFrom {
    /// It goes on as received.
    AsReceived,
    /// This line goes on instead, without its CRLF.
    Replaced(Vec<u8>),
    /// The client is told this.
    Refused(Refusal),
}

/// Applies the policy to a MAIL command, a line without its CRLF. The null path of bounces is nobody's and stays; parameters stay.
pub fn mail_from(policy: Policy<'_>, line: &[u8]) -> MailFrom {
    if matches!(policy, Policy::Keep) {
        return MailFrom::AsReceived;
    }
    let Some(Path { before, address, after }) = Path::of(line) else {
        return MailFrom::Refused(Refusal::no_address("The sender is no address; write MAIL FROM:<user@example.com>"));
    };
    let text = std::str::from_utf8(address);
    match (policy, text) {
        (_, Ok("")) | (Policy::Keep, _) => MailFrom::AsReceived,
        (Policy::Require { who, addresses }, text) => {
            let allowed = Allowed { who, addresses };
            match text {
                Ok(text) if is_address(text) && allowed.permits(text) => MailFrom::AsReceived,
                _ => MailFrom::Refused(allowed.refuses(&String::from_utf8_lossy(address))),
            }
        }
        (Policy::Rewrite { address: own, .. }, Ok(text)) if text.eq_ignore_ascii_case(own) => MailFrom::AsReceived,
        (Policy::Rewrite { address: own, .. }, _) => {
            MailFrom::Replaced([before, b"<", own.as_bytes(), b">", after].concat())
        }
    }
}

/// A MAIL command in three parts.
struct Path<'l> {
    /// To the colon, and blanks behind it.
    before: &'l [u8],
    /// Between the angle brackets, or the word of a client that leaves them out.
    address: &'l [u8],
    /// The parameters, with the blank before them.
    after: &'l [u8],
}

impl<'l> Path<'l> {
    fn of(line: &'l [u8]) -> Option<Self> {
        let colon = memchr::memchr(b':', line)?;
        let words: Vec<_> = line[..colon].split(|&octet| octet == b' ').filter(|word| !word.is_empty()).collect();
        let [verb, from] = words[..] else { return None };
        if !verb.eq_ignore_ascii_case(b"MAIL") || !from.eq_ignore_ascii_case(b"FROM") {
            return None;
        }
        let blanks = line[colon + 1..].iter().take_while(|&&octet| octet == b' ').count();
        let (before, path) = line.split_at(colon + 1 + blanks);
        let (whole, address) = match path.strip_prefix(b"<") {
            Some(inside) => {
                let end = closing(inside)?;
                (end + 2, &inside[..end])
            }
            None => {
                let end = memchr::memchr(b' ', path).unwrap_or(path.len());
                (end, path.get(..end).filter(|word| !word.is_empty())?)
            }
        };
        let after = &path[whole..];
        (after.is_empty() || after.starts_with(b" ")).then_some(Self { before, address, after })
    }
}

/// Where the bracket closes; a quoted local part may hold another.
fn closing(inside: &[u8]) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    inside.iter().position(|&octet| {
        let closes = octet == b'>' && !quoted;
        quoted ^= octet == b'"' && !escaped;
        escaped = quoted && octet == b'\\' && !escaped;
        closes
    })
}
