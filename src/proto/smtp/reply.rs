use crate::proto::{Input, Violation};

/// An upstream's reply, whole, as received: it is handed back to the client word for word. Only a bare LF, a bare CR or a NUL
/// is mended: refusing the reply to an end of data for it would make the client send a delivered message again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    raw: Vec<u8>,
}

/// Longest reply line, in octets: RFC 5321 says 512, real servers say more.
const LINE: usize = 2048;

/// Longest reply, in octets: an EHLO with every extension there is stays far below.
const WHOLE: usize = 16 * 1024;

impl Reply {
    /// Consumes the next reply of `input`, once all its lines are there; until then nothing is consumed.
    pub fn read(input: &mut Input) -> Result<Option<Self>, Violation> {
        let mut end = 0;
        let mut code = None;
        loop {
            let rest = &input.rest()[end..];
            let Some(line_end) = memchr::memchr(b'\n', &rest[..rest.len().min(LINE)]) else {
                return if rest.len() >= LINE { Err(Violation::LineTooLong { limit: LINE }) } else { Ok(None) };
            };
            let line = &rest[..=line_end];
            end += line.len();
            if end > WHOLE {
                return Err(Violation::TooMuch { limit: WHOLE });
            }
            let (this, last) = parse(line).ok_or(NOT_SMTP)?;
            if *code.get_or_insert(this) != this {
                return Err(NOT_SMTP);
            }
            if last {
                return Ok(Some(Self { code: this, raw: mended(input.take(end)) }));
            }
        }
    }

    /// The three digits.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// 2xx.
    #[must_use]
    pub const fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// All lines as received.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The lines without line breaks.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.raw.split(|&octet| octet == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty())
    }

    /// One printable line for the log, at most 400 characters.
    #[must_use]
    pub fn text(&self) -> String {
        let joined = self.lines().map(String::from_utf8_lossy).collect::<Vec<_>>().join(" / ");
        joined.chars().map(|c| if c.is_control() { '?' } else { c }).take(400).collect()
    }
}

pub(super) const NOT_SMTP: Violation = Violation::NotTheProtocol { protocol: "SMTP" };

/// Code, and whether the line is the last of its reply.
fn parse(line: &[u8]) -> Option<(u16, bool)> {
    let digits = line.get(..3)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = digits.iter().fold(0, |code, &digit| code * 10 + u16::from(digit - b'0'));
    match line.get(3) {
        Some(b' ' | b'\r' | b'\n') => Some((code, true)),
        Some(b'-') => Some((code, false)),
        _ => None,
    }
}

/// The lines, each ending in CRLF and nothing but CRLF.
fn mended(raw: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(raw.len());
    for line in raw.split_inclusive(|&octet| octet == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        lines.extend(text.iter().map(|&octet| if octet == b'\r' || octet == 0 { b'?' } else { octet }));
        lines.extend_from_slice(b"\r\n");
    }
    lines
}
