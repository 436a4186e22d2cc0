use zeroize::Zeroizing;

/// Cuts what one side says into lines, and counts what lies between them. Bounded, however long a line is.
pub(super) struct Lines {
    /// The beginning of the line. It may be a password, so it is wiped.
    head: Zeroizing<Vec<u8>>,
    /// The last octets of the line, where a literal is announced.
    tail: Zeroizing<Vec<u8>>,
    length: u64,
    /// Octets of a literal that are still to come, and all of it.
    literal: u64,
    whole: u64,
}

/// A piece of what is said.
pub(super) enum Cut<'a> {
    /// A line without its end, or the beginning of a long one; its length; its last octets.
    Line(&'a [u8], u64, &'a [u8]),
    /// A literal of so many octets is over.
    Literal(u64),
}

/// Longer lines are cut: no command and no reply that is shown is so long.
const HEAD: usize = 2048;
const TAIL: usize = 32;

impl Default for Lines {
    fn default() -> Self {
        // A vector that grows would leave copies behind.
        let (head, tail) = (Vec::with_capacity(HEAD), Vec::with_capacity(2 * TAIL));
        Self { head: Zeroizing::new(head), tail: Zeroizing::new(tail), length: 0, literal: 0, whole: 0 }
    }
}

/// Without what is said.
impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lines({} bytes)", self.length)
    }
}

impl Lines {
    /// Hands on each piece; what it answers to a line is the length of the literal that follows.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Cut<'_>) -> u64) {
        while !bytes.is_empty() {
            if self.literal > 0 {
                let count = usize::try_from(self.literal).unwrap_or(usize::MAX).min(bytes.len());
                self.literal -= count as u64;
                bytes = &bytes[count..];
                if self.literal == 0 {
                    tell(Cut::Literal(self.whole));
                }
                continue;
            }
            let end = memchr::memchr(b'\n', bytes);
            let (part, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
            bytes = rest;
            self.push(part);
            if end.is_some() {
                let (head, tail) = (without_end(&self.head), without_end(&self.tail));
                self.whole = tell(Cut::Line(head, self.length, tail));
                self.literal = self.whole;
                self.head.fill(0);
                self.head.clear();
                self.tail.clear();
                self.length = 0;
            }
        }
    }

    /// The literal that was announced does not come, unless it has begun to. Returns how long it would have been.
    pub(super) fn cancel_literal(&mut self) -> u64 {
        if self.literal != self.whole {
            return 0;
        }
        self.literal = 0;
        std::mem::take(&mut self.whole)
    }

    fn push(&mut self, part: &[u8]) {
        self.length += part.len() as u64;
        let room = HEAD - self.head.len();
        self.head.extend_from_slice(&part[..part.len().min(room)]);
        self.tail.extend_from_slice(&part[part.len().saturating_sub(TAIL)..]);
        let over = self.tail.len().saturating_sub(TAIL);
        self.tail.copy_within(over.., 0);
        let left = self.tail.len() - over;
        self.tail.truncate(left);
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The length that `{42}`, `{42+}` or `~{42}` at the end of a line announces (RFC 3501, 4.3; RFC 7888), and whether the other
/// side is asked first.
pub(super) fn announced(tail: &[u8]) -> Option<(u64, bool)> {
    let inner = tail.strip_suffix(b"}")?;
    let start = memchr::memrchr(b'{', inner)?;
    let number = &inner[start + 1..];
    let (number, asks) = match number.strip_suffix(b"+").or_else(|| number.strip_suffix(b"-")) {
        Some(number) => (number, false),
        None => (number, true),
    };
    let is_number = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
    let length = std::str::from_utf8(number).ok().filter(|_| is_number)?.parse().ok()?;
    Some((length, asks))
}
