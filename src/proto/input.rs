use zeroize::Zeroize;

/// Bytes received and not yet consumed, bounded by its user through [`Input::line`].
///
/// The one place where lines are cut. A line ends at LF; whether it ended properly is told by [`Line`]. What was
/// consumed is wiped when the buffer is reused or dropped, for it may have been a password.
#[derive(Default)]
pub struct Input {
    bytes: Vec<u8>,
    start: usize,
}

/// What ends a line of a local program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Newline {
    /// CRLF and nothing else.
    #[default]
    Strict,
    /// A bare LF as well: old scanners, and scripts.
    Lenient,
}

/// A cut line, without its line break.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// No complete line yet, and still within the limit.
    Incomplete,
    /// A line that ended in CRLF and holds neither NUL nor bare CR.
    Whole(&'a [u8]),
    /// A line that ended in a bare LF or holds NUL or a bare CR: never forwarded (law 6). The line was consumed, so the
    /// conversation stays in step.
    Malformed(&'a [u8]),
    /// More octets than the limit without a line break. Nothing was consumed; there is no way to stay in step.
    TooLong,
}

impl Input {
    /// An empty input.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), start: 0 }
    }

    /// Adds bytes received from the peer.
    pub fn push(&mut self, bytes: &[u8]) {
        self.compact();
        self.bytes.extend_from_slice(bytes);
    }

    /// What is left to consume.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// How many octets are left to consume.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether nothing is left to consume.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Consumes `count` octets, at most all there are, and returns them.
    pub fn take(&mut self, count: usize) -> &[u8] {
        let from = self.start;
        self.start = self.bytes.len().min(from + count);
        &self.bytes[from..self.start]
    }

    /// Puts octets in front of what is left: they were consumed to see whose they are.
    pub fn put_back(&mut self, bytes: &[u8]) {
        drop(self.bytes.splice(..self.start, bytes.iter().copied()));
        self.start = 0;
    }

    /// Consumes the next line of at most `limit` octets, line break included.
    pub fn line(&mut self, limit: usize) -> Line<'_> {
        let window = &self.rest()[..self.len().min(limit)];
        let Some(end) = memchr::memchr(b'\n', window) else {
            return if self.len() >= limit { Line::TooLong } else { Line::Incomplete };
        };
        let line = self.take(end + 1);
        match line.strip_suffix(b"\r\n") {
            Some(line) if memchr::memchr2(b'\r', 0, line).is_none() => Line::Whole(line),
            Some(line) => Line::Malformed(line),
            None => Line::Malformed(&line[..line.len() - 1]),
        }
    }

    /// The same for a line of a local program: where a bare LF may end one, such a line is whole.
    pub fn command(&mut self, limit: usize, newline: Newline) -> Line<'_> {
        match self.line(limit) {
            Line::Malformed(line) if newline == Newline::Lenient && memchr::memchr2(b'\r', 0, line).is_none() => {
                Line::Whole(line)
            }
            line => line,
        }
    }

    /// Whether the next line ends in a bare LF.
    #[must_use]
    pub fn is_next_bare(&self) -> bool {
        let rest = self.rest();
        memchr::memchr(b'\n', rest).is_some_and(|end| !rest[..end].ends_with(b"\r"))
    }

    /// Drops the storage of an input that has been consumed, so that an idle session holds no buffer.
    pub fn release(&mut self) {
        if self.is_empty() {
            self.wipe();
            *self = Self::new();
        }
    }

    /// Moves what is left to the front and wipes what was consumed.
    fn compact(&mut self) {
        if self.start > 0 {
            let left = self.len();
            self.bytes.copy_within(self.start.., 0);
            self.bytes[left..].zeroize();
            self.bytes.truncate(left);
            self.start = 0;
        }
    }

    fn wipe(&mut self) {
        self.bytes.as_mut_slice().zeroize();
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Input({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &[u8]) -> Input {
        let mut input = Input::new();
        input.push(bytes);
        input
    }

    #[test]
    fn a_line_ends_in_crlf_and_the_rest_stays() {
        let mut input = input(b"NOOP\r\nQU");
        assert_eq!(input.line(80), Line::Whole(b"NOOP"));
        assert_eq!(input.line(80), Line::Incomplete);
        assert_eq!(input.rest(), b"QU");
        input.push(b"IT\r\n");
        assert_eq!(input.line(80), Line::Whole(b"QUIT"));
        assert!(input.is_empty());
    }

    #[test]
    fn bare_cr_bare_lf_and_nul_are_malformed_and_consumed() {
        let mut input = input(b"a\nb\rc\r\nd\0\r\n\r\r\ne\r\n");
        for malformed in [&b"a"[..], b"b\rc", b"d\0", b"\r"] {
            assert_eq!(input.line(80), Line::Malformed(malformed));
        }
        assert_eq!(input.line(80), Line::Whole(b"e"));
    }

    #[test]
    fn a_bare_lf_may_end_a_command_and_nothing_else_may() {
        let mut input = input(b"a\nb\r\nc\rc\n\0\n\n\r\r\n");
        let mut bare = Vec::new();
        for expected in [
            Line::Whole(&b"a"[..]),
            Line::Whole(b"b"),
            Line::Malformed(b"c\rc"),
            Line::Malformed(b"\0"),
            Line::Whole(b""),
            Line::Malformed(b"\r"),
        ] {
            bare.push(input.is_next_bare());
            assert_eq!(input.command(80, Newline::Lenient), expected);
        }
        assert_eq!(bare, [true, false, true, true, true, false]);
        let mut strict = self::input(b"a\n");
        assert_eq!(strict.command(80, Newline::Strict), Line::Malformed(b"a"));
    }

    #[test]
    fn the_limit_counts_the_line_break_and_consumes_nothing() {
        assert_eq!(input(b"123456\r\n").line(8), Line::Whole(b"123456"));
        assert_eq!(input(b"1234567\r\n").line(8), Line::TooLong);
        assert_eq!(input(b"12345678").line(8), Line::TooLong);
        assert_eq!(input(b"1234567").line(8), Line::Incomplete);
    }

    #[test]
    fn what_is_put_back_comes_first() {
        let mut input = input(b"MAIL\r\nRCPT\r\n");
        assert_eq!(input.line(80), Line::Whole(b"MAIL"));
        input.put_back(b"MAIL\r\n");
        assert_eq!(input.rest(), b"MAIL\r\nRCPT\r\n");
        input.take(100);
        input.put_back(b"x");
        input.push(b"y");
        assert_eq!(input.rest(), b"xy");
    }

    #[test]
    fn nothing_of_it_is_printed() {
        assert_eq!(format!("{:?}", input(b"PASS secret")), "Input(11 bytes)");
    }
}
