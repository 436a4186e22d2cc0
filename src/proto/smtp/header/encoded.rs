//! Encoded words (RFC 2047), to see what hides in a name. Nothing that is decoded here goes on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// A name that is not what it seems: a broken encoded word, a charset in which nothing is what it looks like, or control
/// characters within an encoded word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hidden;

/// The ASCII of a name with its encoded words decoded wherever they stand, as lenient readers do; other characters are `?`.
pub(super) fn revealed(name: &str) -> Result<String, Hidden> {
    let mut clear = String::new();
    let mut rest = name;
    while let Some(start) = rest.find("=?") {
        let before = &rest[..start];
        // Blanks between two encoded words are none.
        if clear.is_empty() || !before.trim_ascii().is_empty() {
            clear.extend(before.chars().map(shown));
        }
        let (word, length) = word(&rest[start..]).ok_or(Hidden)?;
        clear.push_str(&word);
        rest = &rest[start + length..];
    }
    clear.extend(rest.chars().map(shown));
    Ok(clear)
}

const fn shown(c: char) -> char {
    if c.is_ascii() { c } else { '?' }
}

/// The first encoded word, which the text begins with, decoded, and its length.
fn word(text: &str) -> Option<(String, usize)> {
    let mut parts = text.get(2..)?.splitn(4, '?');
    let (charset, encoding, encoded, rest) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let rest = rest.strip_prefix('=')?;
    let octets = match encoding {
        "B" | "b" => STANDARD_NO_PAD.decode(encoded.trim_end_matches('=')).ok()?,
        "Q" | "q" => unquoted(encoded.as_bytes())?,
        _ => return None,
    };
    let charset = charset.split('*').next().unwrap_or(charset).to_ascii_lowercase();
    let clear = Charset::of(&charset)?.ascii(&octets);
    let printable = clear.chars().all(|c| c == '\t' || !c.is_ascii_control());
    printable.then(|| (clear, text.len() - rest.len()))
}

fn unquoted(encoded: &[u8]) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&first, more)) = rest.split_first() {
        rest = more;
        octets.push(match first {
            b'_' => b' ',
            b'=' => {
                let (digits, more) = rest.split_at_checked(2)?;
                rest = more;
                let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
                u8::from_str_radix(digits, 16).ok()?
            }
            other => other,
        });
    }
    Some(octets)
}

/// How ASCII stands in the octets of a charset.
#[derive(Clone, Copy)]
enum Charset {
    /// As itself.
    Plain,
    /// As itself, but not behind an octet of the upper half.
    Double,
    /// As itself, but not between ESC $ and ESC (.
    Escaped,
}

impl Charset {
    fn of(name: &str) -> Option<Self> {
        const OPAQUE: [&str; 6] = ["utf-7", "utf7", "utf-16", "utf-32", "hz-gb", "ucs-"];
        const DOUBLE: [&str; 11] =
            ["shift", "sjis", "big5", "gb", "euc-", "ks_c", "ms_kanji", "cp93", "cp94", "cp95", "windows-31j"];
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
        if starts(&OPAQUE) || name.contains("utf-7") || name.contains("ebcdic") {
            return None;
        }
        Some(match name {
            _ if name.starts_with("iso-2022-") => Self::Escaped,
            _ if starts(&DOUBLE) => Self::Double,
            _ => Self::Plain,
        })
    }

    fn ascii(self, octets: &[u8]) -> String {
        let (mut clear, mut rest) = (String::with_capacity(octets.len()), octets);
        let mut shifted = false;
        while let Some((&first, more)) = rest.split_first() {
            rest = more;
            match self {
                Self::Escaped if first == 0x1b => {
                    shifted = more.first() == Some(&b'$');
                    rest = more.get(2..).unwrap_or_default();
                    continue;
                }
                Self::Double if first >= 0x81 => rest = more.get(1..).unwrap_or_default(),
                _ => {}
            }
            clear.push(if first.is_ascii() && !shifted { char::from(first) } else { '?' });
        }
        clear
    }
}
