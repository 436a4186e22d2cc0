use std::fmt;

/// A header field as it stands in the message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'b> {
    /// Its name as written, without blanks behind it.
    name: &'b [u8],
    /// What stands behind the colon, folds included, without the last line break.
    pub(super) value: &'b [u8],
    /// All of it, with its last line break.
    pub(super) raw: &'b [u8],
}

impl Field<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Why a header cannot be read without guessing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A bare CR, a bare LF, or a NUL.
    Octet,
    /// VT, FF and their like, which some readers take for line breaks.
    Separator,
    /// A line that begins with a dot: some readers would take the dot away, others not.
    Dot,
    /// A line that is neither a field nor the continuation of one.
    NoField,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Octet => "holds a bare CR, a bare LF or a NUL",
            Self::Separator => "holds a control character that some take for a line break",
            Self::Dot => "begins with a dot",
            Self::NoField => "is no header line; an empty line has to end the header",
        })
    }
}

/// The fields of a header, whose lines all end in CRLF. A flaw comes with the number of its line, and is the last item.
#[derive(Clone, Debug)]
pub(super) struct Fields<'b> {
    rest: &'b [u8],
    line: usize,
}

impl<'b> Fields<'b> {
    pub(super) const fn new(block: &'b [u8]) -> Self {
        Self { rest: block, line: 1 }
    }

    fn field(&self) -> Result<(Field<'b>, usize), (usize, Flaw)> {
        let (mut end, mut lines) = (0, 0);
        loop {
            let number = self.line + lines;
            end += line(&self.rest[end..]).map_err(|flaw| (number, flaw))?;
            lines += 1;
            if !matches!(self.rest.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let raw = &self.rest[..end];
        let flawed = |flaw| (self.line, flaw);
        if raw.starts_with(b".") {
            return Err(flawed(Flaw::Dot));
        }
        let colon = memchr::memchr(b':', raw).ok_or_else(|| flawed(Flaw::NoField))?;
        let name = raw[..colon].trim_ascii_end();
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return Err(flawed(Flaw::NoField));
        }
        Ok((Field { name, value: &raw[colon + 1..end - 2], raw }, lines))
    }
}

impl<'b> Iterator for Fields<'b> {
    type Item = Result<Field<'b>, (usize, Flaw)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = self.field();
        (self.rest, self.line) = match &read {
            Ok((field, lines)) => (&self.rest[field.raw.len()..], self.line + lines),
            Err(_) => (&[][..], self.line),
        };
        Some(read.map(|(field, _)| field))
    }
}

/// How long the first line is, with its CRLF.
fn line(block: &[u8]) -> Result<usize, Flaw> {
    let end = memchr::memchr(b'\n', block).ok_or(Flaw::Octet)?;
    let text = block[..end].strip_suffix(b"\r").ok_or(Flaw::Octet)?;
    if memchr::memchr2(b'\r', 0, text).is_some() {
        return Err(Flaw::Octet);
    }
    if text.iter().any(|octet| matches!(octet, 0x0b | 0x0c | 0x1c..=0x1e)) {
        return Err(Flaw::Separator);
    }
    Ok(end + 1)
}
