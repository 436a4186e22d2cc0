use zeroize::Zeroizing;

/// A stretch of a command: text of a line, or the content of a literal. Wiped when dropped, for it may be a password.
pub(super) enum Piece {
    Text(Zeroizing<Vec<u8>>),
    Literal(Zeroizing<Vec<u8>>),
}

/// A literal that a line announces at its end: `{n}`, or `{n+}` of RFC 7888.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Announcement {
    /// Octets to come.
    pub(super) length: usize,
    /// Whether the client waits for a continuation before it sends them.
    pub(super) waits: bool,
}

/// Splits an announcement off a line. It is an argument of its own: an atom may end in `{3}`, for passwords that should be
/// quoted are sent as atoms.
pub(super) fn announcement(line: &[u8]) -> Option<(&[u8], Announcement)> {
    let inner = line.strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', inner)?;
    let (text, number) = (&line[..open], &inner[open + 1..]);
    if text.last().is_some_and(|&octet| octet != b' ') {
        return None;
    }
    let (digits, waits) = number.strip_suffix(b"+").map_or((number, true), |digits| (digits, false));
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // What no number can hold is too large all the same.
    let length = std::str::from_utf8(digits).ok()?.parse().unwrap_or(usize::MAX);
    Some((text, Announcement { length, waits }))
}

/// A tag is echoed, so it has to be one (RFC 3501, 9) and short.
pub(super) fn tag(line: &[u8]) -> Option<&str> {
    let end = memchr::memchr(b' ', line).unwrap_or(line.len());
    let tag = &line[..end];
    let fits = |octet: &u8| octet.is_ascii_graphic() && !b"(){%*\"\\+".contains(octet);
    if tag.is_empty() || tag.len() > 100 || !tag.iter().all(fits) {
        return None;
    }
    std::str::from_utf8(tag).ok()
}

/// The word behind the tag, in upper case, and what follows it.
pub(super) fn verb(line: &[u8]) -> (Vec<u8>, &[u8]) {
    let behind_tag = memchr::memchr(b' ', line).map_or(&line[line.len()..], |at| line[at..].trim_ascii_start());
    let end = behind_tag.iter().position(u8::is_ascii_whitespace).unwrap_or(behind_tag.len());
    (behind_tag[..end].to_ascii_uppercase(), &behind_tag[end..])
}

/// The arguments of LOGIN. More lenient than the grammar, for the clients are: 8-bit octets in quoted strings and atoms,
/// several blanks, blanks at the end, any visible octet in an atom. `None` where a quote does not end.
pub(super) fn arguments(first: &[u8], more: &[Piece]) -> Option<Vec<Zeroizing<Vec<u8>>>> {
    let mut arguments = Vec::new();
    texts(first, &mut arguments)?;
    for piece in more {
        match piece {
            Piece::Literal(content) => arguments.push(content.clone()),
            Piece::Text(text) => texts(text, &mut arguments)?,
        }
    }
    Some(arguments)
}

fn texts(mut text: &[u8], arguments: &mut Vec<Zeroizing<Vec<u8>>>) -> Option<()> {
    loop {
        text = text.trim_ascii_start();
        let (argument, rest) = match text.first() {
            None => return Some(()),
            Some(b'"') => quoted(&text[1..])?,
            Some(_) => {
                let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
                (Zeroizing::new(text[..end].to_vec()), &text[end..])
            }
        };
        arguments.push(argument);
        text = rest;
    }
}

/// The content of a quoted string whose opening quote was consumed. `\\` and `\"` stand for `\` and `"`; before anything else
/// a backslash is one that the client forgot to escape (`"DOMAIN\user"`, old scripts).
fn quoted(text: &[u8]) -> Option<(Zeroizing<Vec<u8>>, &[u8])> {
    // Large enough at once: a vector that moves as it grows would leave an unwiped copy behind.
    let mut content = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut octets = text.iter().enumerate();
    while let Some((at, &octet)) = octets.next() {
        match octet {
            b'"' => return Some((content, &text[at + 1..])),
            b'\\' => match text.get(at + 1)? {
                b'"' | b'\\' => content.push(*octets.next()?.1),
                _ => content.push(octet),
            },
            octet => content.push(octet),
        }
    }
    None
}
