//! What a mail server says right after it has let someone in, recognised without reading the protocol.
//!
//! Only a status line counts (IMAP's NO, BAD and BYE, POP3's -ERR), so that a message that quotes one of these texts is
//! not taken for one. A mistake costs one refresh of a token, or a log line.

use std::borrow::Cow;

/// What a refusal after a granted login calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Another token may be let further in than this one.
    Identity,
    /// Less, for a while.
    Throttled,
    /// The server's own affair.
    Fault,
}

/// What a mail server refuses to someone whom it has let in.
const AFTER_LOGIN: [(&str, Kind); 13] = [
    ("User is authenticated but not connected", Kind::Identity),
    ("Session invalidated", Kind::Identity),
    ("mailbox logon failure", Kind::Identity),
    ("5.7.57", Kind::Identity),
    ("Request is throttled", Kind::Throttled),
    ("Suggested Backoff Time", Kind::Throttled),
    ("Too many simultaneous connections", Kind::Throttled),
    ("bandwidth limits", Kind::Throttled),
    ("sender thread limit exceeded", Kind::Throttled),
    ("Concurrent connections limit exceeded", Kind::Throttled),
    ("Server Unavailable", Kind::Fault),
    ("System Error", Kind::Fault),
    ("BYE Connection", Kind::Fault),
];

/// What a refusal after login calls for; `None` when it is none of those that are known.
#[must_use]
pub fn after_login(said: &str) -> Option<Kind> {
    AFTER_LOGIN.iter().find(|(text, _)| said.contains(text)).map(|&(_, kind)| kind)
}

/// How far behind the login a refusal is looked for, in octets: the answers to the first commands of any client.
const REACH: usize = 4096;

/// How much of a line is kept, in octets. All texts stand nearer to its beginning.
const KEPT: usize = 240;

/// Listens to the beginning of what a server sends after login, however it is cut into pieces.
#[derive(Debug)]
pub struct Passing {
    left: usize,
    line: Vec<u8>,
}

/// What was heard.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing yet; listen on.
    Nothing,
    /// Nothing, and it need not be listened to any longer.
    Over,
    /// The first refusal.
    Refusal {
        /// The line, as it came: to be sanitised before it is shown.
        line: String,
        /// What it calls for.
        kind: Kind,
    },
}

impl Passing {
    /// Right after the login.
    #[must_use]
    pub const fn new() -> Self {
        Self { left: REACH, line: Vec::new() }
    }

    /// Hears the next piece.
    #[must_use = "it stops being worth it"]
    pub fn hear(&mut self, chunk: &[u8]) -> Heard {
        let within = &chunk[..chunk.len().min(self.left)];
        self.left -= within.len();
        for piece in within.split_inclusive(|&octet| octet == b'\n') {
            if let Some(refusal) = self.line(piece).as_deref().and_then(refusal) {
                return refusal;
            }
        }
        if self.left > 0 { Heard::Nothing } else { refusal(&self.line).unwrap_or(Heard::Over) }
    }

    /// The beginning of a line that this piece ends. What it does not end is kept; a session that is idle between lines keeps
    /// nothing.
    fn line<'a>(&mut self, piece: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let ends = piece.ends_with(b"\n");
        if ends && self.line.is_empty() {
            return Some(piece[..piece.len().min(KEPT)].into());
        }
        let room = KEPT - self.line.len();
        self.line.extend_from_slice(&piece[..piece.len().min(room)]);
        ends.then(|| std::mem::take(&mut self.line).into())
    }
}

impl Default for Passing {
    fn default() -> Self {
        Self::new()
    }
}

fn refusal(line: &[u8]) -> Option<Heard> {
    if !is_status(line) {
        return None;
    }
    let line = String::from_utf8_lossy(line).trim_end().to_owned();
    after_login(&line).map(|kind| Heard::Refusal { line, kind })
}

fn is_status(line: &[u8]) -> bool {
    let mut words = line.split(|&octet| octet == b' ');
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    first == b"-ERR" || [&b"NO"[..], b"BAD", b"BYE"].iter().any(|word| second.eq_ignore_ascii_case(word))
}
