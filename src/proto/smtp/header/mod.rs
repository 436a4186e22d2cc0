//! The sender policy: as whom a session may send, judged at MAIL and in the header of each message.
//!
//! Invariants: under [`Policy::Require`] nothing passes in which any reader could see a sender that is not allowed, so all that
//! is ambiguous is refused; under [`Policy::Rewrite`] only the lines From, Sender and Reply-To change, every other octet stays
//! (law 5). A header is held until it is whole, within a limit; nothing of a message that is refused goes on.

mod address;
mod allowed;
mod encoded;
mod fields;
mod judge;
mod opinion;
mod path;
mod refusal;
mod rewrite;
#[cfg(test)]
mod tests;
mod watch;

use std::borrow::Cow;

use allowed::Allowed;
pub use path::{MailFrom, mail_from};
pub use refusal::Refusal;
use watch::Watch;

/// As whom a session may send.
#[derive(Clone, Copy, Debug, Default)]
pub enum Policy<'a> {
    /// As whoever the message says; the provider judges.
    #[default]
    Keep,
    /// As nobody but these.
    Require {
        /// The account's name, for refusals.
        who: &'a str,
        /// Addresses, and `*@domain` for all of a domain.
        addresses: &'a [String],
    },
    /// As this one, whatever the message says.
    Rewrite {
        /// The address, in ASCII.
        address: &'a str,
        /// Whether replies still go to whom the message named.
        reply_to: bool,
    },
}

/// Applies the policy to the header of one message. It is fed with the body after [`BodyScanner`](super::BodyScanner) has
/// vouched for it, its end of data included, in chunks of any size.
#[derive(Debug)]
pub struct HeaderFilter<'a> {
    policy: Policy<'a>,
    limit: usize,
    state: State,
    signature: Signature,
}

/// What is to be done about a chunk.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "bytes that are not forwarded are lost"]
pub enum Passage<'c> {
    /// Nothing to forward yet; the filter keeps what it needs.
    Hold,
    /// These octets may go on.
    Forward(Cow<'c, [u8]>),
    /// The message may not be forwarded; nothing of it has been.
    Refuse(Refusal),
}

/// Whether a message carries a DKIM signature (RFC 6376), as far as its header was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signature {
    /// None was seen.
    #[default]
    None,
    /// One that the policy left alone.
    Kept,
    /// One that covers a From that was rewritten: it no longer holds.
    Broken,
}

#[derive(Debug)]
enum State {
    /// Within a header that goes on as it comes.
    Watching(Watch),
    /// Within a header that has to be whole.
    Collecting {
        block: Vec<u8>,
        /// How much of it holds no end.
        searched: usize,
    },
    /// Behind the header, or given up.
    Body,
}

impl<'a> HeaderFilter<'a> {
    /// At the beginning of a message. `limit` bounds its header in octets, where it has to be held.
    #[must_use]
    pub const fn new(policy: Policy<'a>, limit: usize) -> Self {
        let state = match policy {
            Policy::Keep => State::Watching(Watch::new(limit)),
            Policy::Require { .. } | Policy::Rewrite { .. } => State::Collecting { block: Vec::new(), searched: 0 },
        };
        Self { policy, limit, state, signature: Signature::None }
    }

    /// Says what to do about the next chunk.
    pub fn pass<'c>(&mut self, chunk: &'c [u8]) -> Passage<'c> {
        match &mut self.state {
            State::Body => Passage::Forward(chunk.into()),
            State::Watching(watch) => {
                if let Some(signed) = watch.look(chunk) {
                    self.signature = if signed { Signature::Kept } else { Signature::None };
                    self.state = State::Body;
                }
                Passage::Forward(chunk.into())
            }
            State::Collecting { block, searched } => {
                let taken = chunk.len().min(self.limit.saturating_add(END_OF_DATA.len()).saturating_sub(block.len()));
                block.extend_from_slice(&chunk[..taken]);
                match end(block, searched) {
                    Some(end) if end <= self.limit => self.whole(end, &chunk[taken..]),
                    None if taken == chunk.len() && block.len() < self.limit.saturating_add(END_OF_DATA.len()) => {
                        Passage::Hold
                    }
                    _ => {
                        self.state = State::Body;
                        Passage::Refuse(Refusal::header_too_large(self.limit))
                    }
                }
            }
        }
    }

    /// What is known of a signature by now.
    #[must_use]
    pub const fn signature(&self) -> Signature {
        self.signature
    }

    /// The header is the first `end` octets of what was collected.
    fn whole<'c>(&mut self, end: usize, behind: &[u8]) -> Passage<'c> {
        let State::Collecting { block, .. } = std::mem::replace(&mut self.state, State::Body) else {
            return Passage::Hold;
        };
        let (header, rest) = block.split_at(end);
        match self.judged(header) {
            Ok(header) => Passage::Forward([&header, rest, behind].concat().into()),
            Err(refusal) => Passage::Refuse(refusal),
        }
    }

    fn judged<'h>(&mut self, header: &'h [u8]) -> Result<Cow<'h, [u8]>, Refusal> {
        let (judged, signed) = match self.policy {
            Policy::Keep => (Cow::Borrowed(header), false),
            Policy::Require { who, addresses } => {
                let signed = judge::judge(header, Allowed { who, addresses })?;
                (Cow::Borrowed(header), signed)
            }
            Policy::Rewrite { address, reply_to } => rewrite::rewrite(header, address, reply_to)?,
        };
        self.signature = match (signed, &judged) {
            (false, _) => Signature::None,
            (true, Cow::Borrowed(_)) => Signature::Kept,
            (true, Cow::Owned(_)) => Signature::Broken,
        };
        Ok(judged)
    }
}

const END_OF_DATA: &[u8] = b".\r\n";

/// Where the header ends: before an empty line, or before the end of data in a message without a body.
fn end(block: &[u8], searched: &mut usize) -> Option<usize> {
    while let Some(at) = memchr::memchr(b'\n', &block[*searched..]) {
        *searched += at + 1;
        let lines = &block[..*searched];
        for last in [&b"\r\n"[..], END_OF_DATA] {
            if lines.strip_suffix(last).is_some_and(|before| before.is_empty() || before.ends_with(b"\r\n")) {
                return Some(lines.len() - last.len());
            }
        }
    }
    *searched = block.len();
    None
}
