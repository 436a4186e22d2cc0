/// Looks for a DKIM signature in a header that passes by, and holds nothing of it.
#[derive(Debug)]
pub(super) struct Watch {
    /// How many octets are still looked at.
    left: usize,
    line: Line,
}

#[derive(Clone, Copy, Debug)]
enum Line {
    /// So many octets of this line, and no others, were those of the name.
    Matches(usize),
    /// Another line.
    Other,
}

const NAME: &[u8] = b"dkim-signature:";

impl Watch {
    pub(super) const fn new(limit: usize) -> Self {
        Self { left: limit, line: Line::Matches(0) }
    }

    /// Whether there was one, as soon as that is certain.
    pub(super) fn look(&mut self, chunk: &[u8]) -> Option<bool> {
        let seen = &chunk[..chunk.len().min(self.left)];
        self.left -= seen.len();
        let mut rest = seen;
        while let Some((&octet, more)) = rest.split_first() {
            match self.line {
                Line::Matches(0) if octet == b'\r' => return Some(false),
                Line::Matches(count) if octet.to_ascii_lowercase() == NAME[count] => {
                    if count + 1 == NAME.len() {
                        return Some(true);
                    }
                    self.line = Line::Matches(count + 1);
                    rest = more;
                }
                Line::Matches(_) | Line::Other => {
                    let end = memchr::memchr(b'\n', rest);
                    self.line = end.map_or(Line::Other, |_| Line::Matches(0));
                    rest = end.and_then(|end| rest.get(end + 1..)).unwrap_or_default();
                }
            }
        }
        (self.left == 0).then_some(false)
    }
}
