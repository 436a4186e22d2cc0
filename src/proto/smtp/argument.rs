use crate::proto::ClientText;

/// What MAIL and RCPT are about: a path and its parameters, taken apart so that each can be judged.
///
/// [`Argument::line`] puts them together as RFC 5321 writes them. A regular line comes out octet by octet as it went in;
/// an irregular one (blanks around the path, no angle brackets, tabs) comes out regular, for strict servers refuse what
/// old devices send.
#[derive(Debug)]
pub(super) struct Argument<'a> {
    verb: &'a [u8],
    keyword: &'a [u8],
    /// Without its angle brackets; empty is the null path.
    pub(super) path: &'a [u8],
    /// `KEYWORD` or `KEYWORD=value`, in the order received.
    pub(super) parameters: Vec<&'a [u8]>,
}

impl<'a> Argument<'a> {
    /// Takes a command line apart; `keyword` is `FROM` or `TO`. `None`: no server could make sense of it, or two might
    /// make different senses.
    pub(super) fn parse(line: &'a [u8], keyword: &str) -> Option<Self> {
        let (verb, rest) = line.split_at(line.iter().position(|&octet| is_blank(octet))?);
        let (given, rest) = blanks(rest).split_at_checked(keyword.len())?;
        let rest = blanks(rest).strip_prefix(b":")?;
        let (path, rest) = path(blanks(rest))?;
        let words = rest.split(|&octet| is_blank(octet)).filter(|word| !word.is_empty());
        let parameters: Vec<_> = words.collect();
        let sound = given.eq_ignore_ascii_case(keyword.as_bytes()) && parameters.iter().all(|word| is_parameter(word));
        sound.then_some(Self { verb, keyword: given, path, parameters })
    }

    /// The path in its angle brackets, fit to be printed.
    pub(super) fn text(&self) -> ClientText {
        ClientText::new(&format!("<{}>", String::from_utf8_lossy(self.path)))
    }

    /// The command as it goes upstream, with its CRLF.
    pub(super) fn line(&self) -> Vec<u8> {
        let mut line = [self.verb, b" ", self.keyword, b":<", self.path, b">"].concat();
        for parameter in &self.parameters {
            line.push(b' ');
            line.extend_from_slice(parameter);
        }
        line.extend_from_slice(b"\r\n");
        line
    }
}

const fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

fn blanks(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&octet| !is_blank(octet)).unwrap_or(text.len());
    &text[start..]
}

/// The path at the start of `text`, without brackets, and what follows it.
fn path(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some(inner) = text.strip_prefix(b"<") else {
        let (bare, rest) = text.split_at(unquoted(text, is_blank)?.unwrap_or(text.len()));
        return (!bare.is_empty() && is_sound(bare)).then_some((bare, rest));
    };
    let end = unquoted(inner, |octet| octet == b'>')??;
    let (path, rest) = (inner[..end].trim_ascii(), &inner[end + 1..]);
    let apart = rest.first().is_none_or(|&octet| is_blank(octet));
    (apart && is_sound(path)).then_some((path, rest))
}

/// The first octet outside of quotes that `is` says; an error (`None`) where quotes do not end, or a backslash stands
/// outside of them: servers differ in what it means.
#[expect(clippy::option_option, reason = "no position is an answer, no sense is none")]
fn unquoted(text: &[u8], is: impl Fn(u8) -> bool) -> Option<Option<usize>> {
    let mut octets = text.iter().enumerate();
    let mut quoted = false;
    while let Some((at, &octet)) = octets.next() {
        match octet {
            b'\\' if quoted => drop(octets.next()?),
            b'\\' => return None,
            b'"' => quoted = !quoted,
            _ if !quoted && is(octet) => return Some(Some(at)),
            _ => {}
        }
    }
    (!quoted).then_some(None)
}

/// No controls, and outside of quotes neither blanks nor brackets.
fn is_sound(path: &[u8]) -> bool {
    let misplaced = |octet| matches!(octet, b' ' | b'<' | b'>');
    !path.iter().any(u8::is_ascii_control) && unquoted(path, misplaced) == Some(None)
}

/// RFC 5321, 4.1.2; values are the business of whoever knows the keyword.
fn is_parameter(word: &[u8]) -> bool {
    word.first().is_some_and(u8::is_ascii_alphanumeric) && !word.iter().any(u8::is_ascii_control)
}
