use std::net::SocketAddr;

use ppp::{PartialResult as _, v1, v2};

/// A PROXY protocol header (version 1 or 2) on its way in. Sees bytes only, and asks for no byte that could be behind it:
/// what follows belongs to TLS or to the client's protocol.
#[derive(Debug)]
pub(super) struct ProxyHeader {
    bytes: Vec<u8>,
    /// Most octets of a version 2 header.
    longest: usize,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a header that is not read to its end is taken for what the client says"]
pub(super) enum HeaderStep {
    /// Read at least one and at most so many octets.
    Read(usize),
    /// This is who connected to the proxy; nobody where it speaks for itself, or does not say.
    Done(Option<SocketAddr>),
}

/// What is wrong with a header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// It does not begin like one.
    #[error(
        "it sent no PROXY header; if it is a proxy, let it send one, or else take its address out of `proxy_protocol`"
    )]
    Missing,
    /// It begins like one.
    #[error("its PROXY header cannot be read: {0}")]
    Malformed(String),
    /// It says of itself that it is longer than the bound.
    #[error("its PROXY header is longer than {0} octets (limits.proxy_header_octets)")]
    TooLong(usize),
}

const SIGNATURE: &[u8] = v2::PROTOCOL_PREFIX;
const WORD: &[u8] = b"PROXY ";
/// `PROXY UNKNOWN` and its line break; a version 2 header is longer.
const SHORTEST: usize = 15;
/// "a 107-byte buffer is always enough to store all the line"; the line break counts.
const LONGEST_TEXT: usize = 107;
/// Signature, version, family and length.
const FIXED: usize = 16;

impl ProxyHeader {
    pub(super) const fn new(longest: usize) -> Self {
        Self { bytes: Vec::new(), longest }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn step(&self) -> Result<HeaderStep, HeaderFault> {
        if self.begins_like(SIGNATURE) {
            self.binary()
        } else if self.begins_like(WORD) {
            self.text()
        } else {
            Err(HeaderFault::Missing)
        }
    }

    fn begins_like(&self, start: &[u8]) -> bool {
        let both = start.len().min(self.bytes.len());
        self.bytes[..both] == start[..both]
    }

    fn binary(&self) -> Result<HeaderStep, HeaderFault> {
        let have = self.bytes.len();
        let Some(&[high, low]) = self.bytes.get(FIXED - 2..FIXED) else {
            // Before the first octet it may still be the other version.
            return Ok(HeaderStep::Read(if have == 0 { SHORTEST } else { FIXED - have }));
        };
        let whole = FIXED + usize::from(u16::from_be_bytes([high, low]));
        if whole > self.longest {
            return Err(HeaderFault::TooLong(self.longest));
        }
        match v2::Header::try_from(&self.bytes[..]) {
            Ok(header) => Ok(HeaderStep::Done(of_binary(&header))),
            Err(fault) if fault.is_incomplete() && have < whole => Ok(HeaderStep::Read(whole - have)),
            Err(fault) => Err(HeaderFault::Malformed(fault.to_string())),
        }
    }

    fn text(&self) -> Result<HeaderStep, HeaderFault> {
        let have = self.bytes.len();
        if self.bytes.contains(&b'\n') {
            let header = v1::Header::try_from(&self.bytes[..]);
            let header = header.map_err(|fault| HeaderFault::Malformed(fault.to_string().trim_end().into()))?;
            return Ok(HeaderStep::Done(of_text(&header.addresses)));
        }
        if have >= LONGEST_TEXT {
            return Err(HeaderFault::Malformed(format!("no line break within {LONGEST_TEXT} octets")));
        }
        // At least the line break is missing, or its second half.
        let missing = if self.bytes.ends_with(b"\r") { 1 } else { 2 };
        Ok(HeaderStep::Read(missing.max(SHORTEST.saturating_sub(have)).min(LONGEST_TEXT - have)))
    }
}

fn of_text(addresses: &v1::Addresses) -> Option<SocketAddr> {
    match addresses {
        v1::Addresses::Tcp4(four) => Some((four.source_address, four.source_port).into()),
        v1::Addresses::Tcp6(six) => Some((six.source_address, six.source_port).into()),
        v1::Addresses::Unknown => None,
    }
}

/// A client at a Unix socket of the proxy has no address: it counts as the proxy, which may be on another machine.
fn of_binary(header: &v2::Header<'_>) -> Option<SocketAddr> {
    if header.command == v2::Command::Local || header.protocol != v2::Protocol::Stream {
        return None;
    }
    match header.addresses {
        v2::Addresses::IPv4(four) => Some((four.source_address, four.source_port).into()),
        v2::Addresses::IPv6(six) => Some((six.source_address, six.source_port).into()),
        v2::Addresses::Unix(_) | v2::Addresses::Unspecified => None,
    }
}

#[cfg(test)]
mod tests;
