//! The last words to a client whose connection is relayed as it is. They must not end up within what the upstream says: a
//! client that awaits the rest of a message would take them for a part of it.

use memchr::memrchr;

use crate::activity::{Line, Why};
use crate::model::Protocol;
use crate::net::{Ended, LastWords};

/// What to say at the end of a relayed session, and where that may be said.
pub(super) fn last_words(line: &Line) -> LastWords<impl Fn(Ended) -> &'static [u8] + Send> {
    let fits = if line.login.protocol == Protocol::Imap { fits_imap } else { fits_pop3 };
    let imap = line.login.protocol == Protocol::Imap;
    let words = move |ended| match ended {
        Ended::Idle if imap => b"* BYE Idle for too long; connect again\r\n",
        // Such a client hears nothing (RFC 1939, 3).
        Ended::Idle => &b""[..],
        Ended::Outlived if imap => b"* BYE This session has lasted as long as it may; connect again\r\n",
        Ended::Outlived => b"-ERR [SYS/TEMP] This session has lasted as long as it may; connect again\r\n",
        _ => words(line.login.protocol, line.ended()),
    };
    LastWords { fits, waits: if imap { idles } else { |_| false }, words }
}

/// Whether a client has asked for IDLE and not ended it yet (RFC 2177).
fn idles(tail: &[u8]) -> bool {
    tail.eq_ignore_ascii_case(b" IDLE\r\n")
}

const fn words(protocol: Protocol, why: Option<Why>) -> &'static [u8] {
    match (protocol, why) {
        (Protocol::Imap, None | Some(Why::Closing)) => b"* BYE Service is stopping; try again later\r\n",
        (Protocol::Imap, Some(_)) => b"* BYE The administrator ended this session\r\n",
        (_, Some(Why::Administrator | Why::Revoked)) => b"-ERR [SYS/TEMP] The administrator ended this session\r\n",
        (_, None | Some(Why::Closing)) => b"-ERR [SYS/TEMP] Service is stopping; try again later\r\n",
    }
}

/// Behind a tagged answer, a continuation request, or an untagged line that has no literal: never within a literal but for one
/// that happens to look so, and stalls there.
fn fits_imap(chunk: &[u8]) -> bool {
    let Some(line) = last_line(chunk) else { return false };
    let mut words = line.split(|&octet| octet == b' ');
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let status = [&b"OK"[..], b"NO", b"BAD"].iter().any(|status| second.eq_ignore_ascii_case(status));
    let number = !second.is_empty() && second.iter().all(u8::is_ascii_digit);
    match first {
        b"+" => true,
        b"*" => status || (number && !line.ends_with(b"}")),
        _ => status,
    }
}

/// Between answers. Within a long one they do no harm: it stays without its end.
fn fits_pop3(chunk: &[u8]) -> bool {
    last_line(chunk).is_some_and(|line| line == b"." || line.starts_with(b"+OK") || line.starts_with(b"-ERR"))
}

/// Without its end. None where a chunk ends within a line.
fn last_line(chunk: &[u8]) -> Option<&[u8]> {
    let lines = chunk.strip_suffix(b"\r\n")?;
    Some(memrchr(b'\n', lines).map_or(lines, |end| &lines[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_come_behind_whole_answers() {
        for said in ["a OK done\r\n", "+ idling\r\n", "* 3 EXISTS\r\n", "* OK Still here\r\n", "* x\r\na12 no such\r\n"]
        {
            assert!(fits_imap(said.as_bytes()), "{said:?}");
        }
        for said in [
            "",
            "a OK do",
            "a OK done\n",
            "\r\n",
            "* 1 FETCH (BODY[] {42}\r\n",
            "* 1 FETCH (BODY[] {42}\r\nSubject: x\r\n",
            "* first\r\n* second\r\n",
            "Dear all\r\n",
        ] {
            assert!(!fits_imap(said.as_bytes()), "{said:?}");
        }
        for said in ["+OK\r\n", "+OK 3 messages\r\n1\r\n2\r\n.\r\n", "-ERR no\r\n"] {
            assert!(fits_pop3(said.as_bytes()), "{said:?}");
        }
        for said in ["", "+OK", "+OK 3 octets\r\nSubject: x\r\n", "x.\r\n"] {
            assert!(!fits_pop3(said.as_bytes()), "{said:?}");
        }
    }
}
