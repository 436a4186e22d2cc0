use memchr::memchr3;

use super::BodyFault;

/// How the lines of a body end, as far as its client has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyLines {
    /// Nothing but CRLF is let through; see [`BodyScanner`](super::BodyScanner).
    #[default]
    Strict,
    /// A bare LF is mended. DATA ended in CRLF: the client knows what a line break is, so nothing but CRLF.CRLF as sent ends
    /// its body.
    Crlf,
    /// A bare LF is mended. DATA ended in a bare LF: so does everything else, and a dot between any two line breaks ends the
    /// body.
    Lf,
}

/// Makes every line of a message body end in CRLF, for listeners with `newline = "lenient"`.
///
/// What comes out holds no bare CR, no bare LF and no NUL, and exactly one CRLF.CRLF (or an immediate `.` CRLF), at its end:
/// the upstream sees the end of data where we do, whatever it takes for one (SMTP smuggling, CVE-2023-51764). A dot that
/// stands alone on its line, and that its client did not mean as the end ([`BodyLines`]), is stuffed. It matters who chose
/// the line breaks: those of commands are the program's own, those within a body may be anybody's.
///
/// A bare CR or a NUL cannot be mended without guessing, and is a fault as ever.
#[derive(Clone, Debug)]
pub struct Normaliser {
    lines: Break,
    /// How the line before this one ended.
    before: Break,
    at: At,
    /// A CR has come, and what follows it has not.
    cr: bool,
    fault: Option<BodyFault>,
    stuffed: bool,
}

/// Where the body has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "what follows the end is the next command"]
pub enum Normalised {
    /// All of the chunk was body.
    More,
    /// The body has ended.
    End {
        /// How many octets of the chunk belong to it, its end included.
        consumed: usize,
    },
}

/// How a line ended, as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    Crlf,
    Lf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    LineStart,
    /// A line that began with a dot, which is held back, and nothing more yet.
    Dot,
    Text,
}

impl Normaliser {
    /// At the beginning of a body; none where nothing is to be mended.
    #[must_use]
    pub const fn new(lines: BodyLines) -> Option<Self> {
        let lines = match lines {
            BodyLines::Strict => return None,
            BodyLines::Crlf => Break::Crlf,
            BodyLines::Lf => Break::Lf,
        };
        Some(Self { lines, before: lines, at: At::LineStart, cr: false, fault: None, stuffed: false })
    }

    /// What makes the body unfit, once it was met; nothing comes out from there on, but the end is still found.
    #[must_use]
    pub const fn fault(&self) -> Option<BodyFault> {
        self.fault
    }

    /// Whether a dot alone on its line was taken for text, which its client may have meant as the end.
    #[must_use]
    pub const fn has_stuffed(&self) -> bool {
        self.stuffed
    }

    /// Takes the next chunk, and adds what it makes of it to `out`: at most twice as much, and two octets held back before.
    pub fn pass(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Normalised {
        let mut from = 0;
        while from < chunk.len() {
            if self.at == At::LineStart && !self.cr && chunk[from] == b'.' {
                self.at = At::Dot;
                from += 1;
                continue;
            }
            let found = memchr3(b'\r', b'\n', 0, &chunk[from..]).map_or(chunk.len(), |found| from + found);
            if found > from {
                self.text(&chunk[from..found], out);
            }
            match chunk.get(found) {
                Some(b'\n') if self.line_end(out) => return Normalised::End { consumed: found + 1 },
                Some(b'\r') if self.cr => {
                    self.text(b"", out);
                    self.cr = true;
                }
                Some(b'\r') => self.cr = true,
                Some(0) => {
                    self.text(b"", out);
                    self.fault.get_or_insert(BodyFault::Nul);
                }
                _ => {}
            }
            from = found + 1;
        }
        Normalised::More
    }

    /// Text of a line, behind what was held back: a CR there was a bare one.
    fn text(&mut self, text: &[u8], out: &mut Vec<u8>) {
        if self.at == At::Dot {
            self.emit(b".", out);
        }
        if std::mem::take(&mut self.cr) {
            self.fault.get_or_insert(BodyFault::BareCr);
        }
        self.at = At::Text;
        self.emit(text, out);
    }

    /// A line is over. True when it was the end of the body.
    fn line_end(&mut self, out: &mut Vec<u8>) -> bool {
        let ended = if std::mem::take(&mut self.cr) { Break::Crlf } else { Break::Lf };
        let dot = self.at == At::Dot;
        let meant = self.lines == Break::Lf || (self.before == Break::Crlf && ended == Break::Crlf);
        self.emit(if dot { if meant { b"." } else { b".." } } else { b"" }, out);
        self.emit(b"\r\n", out);
        self.stuffed |= dot && !meant;
        (self.before, self.at) = (ended, At::LineStart);
        dot && meant
    }

    fn emit(&self, octets: &[u8], out: &mut Vec<u8>) {
        if self.fault.is_none() {
            out.extend_from_slice(octets);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{BodyScanner, Scan};
    use super::*;

    type Outcome = (Vec<u8>, Option<BodyFault>, Option<usize>);

    /// What comes out, the fault, and how many octets the body had.
    fn pass<'a>(lines: BodyLines, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
        let mut normaliser = Normaliser::new(lines).unwrap();
        let (mut out, mut before) = (Vec::new(), 0);
        for piece in pieces {
            if let Normalised::End { consumed } = normaliser.pass(piece, &mut out) {
                return (out, normaliser.fault(), Some(before + consumed));
            }
            before += piece.len();
        }
        (out, normaliser.fault(), None)
    }

    fn becomes(lines: BodyLines, body: &[u8], wire: &[u8]) {
        let behind = b"QUIT\n";
        let (out, fault, end) = pass(lines, [&[body, behind].concat()[..]]);
        assert_eq!((out.as_slice(), fault, end), (wire, None, Some(body.len())), "{lines:?} {}", body.escape_ascii());
    }

    #[test]
    fn scanners_and_scripts_end_their_lines_in_bare_lf() {
        becomes(BodyLines::Lf, b"Subject: x\n\nhello\n.\n", b"Subject: x\r\n\r\nhello\r\n.\r\n");
        becomes(BodyLines::Lf, b".\n", b".\r\n");
        becomes(BodyLines::Lf, b"..\n.stuffed\n..\n\n.\n", b"..\r\n.stuffed\r\n..\r\n\r\n.\r\n");
        becomes(BodyLines::Lf, b"a\nb\r\n.\r\n", b"a\r\nb\r\n.\r\n");
    }

    /// `sendEmail`, Blat: commands as they should be, and a file as it was found.
    #[test]
    fn a_body_of_bare_lf_between_good_commands_is_mended() {
        becomes(BodyLines::Crlf, b"Subject: x\n\nhello\n\r\n.\r\n", b"Subject: x\r\n\r\nhello\r\n\r\n.\r\n");
        becomes(BodyLines::Crlf, b".\r\n", b".\r\n");
    }

    /// The attempts of CVE-2023-51764 to 51766, through a program that ends its own lines well: they stay text, and whoever
    /// reads what comes out sees them as text.
    #[test]
    fn a_program_with_good_commands_cannot_be_made_to_end_its_body_early() {
        for smuggled in
            [&b"x\n.\nMAIL FROM:<e@x>\r\n"[..], b"x\n.\r\nMAIL FROM:<e@x>\r\n", b"x\r\n.\nMAIL FROM:<e@x>\r\n"]
        {
            becomes(BodyLines::Crlf, &[smuggled, b".\r\n"].concat(), b"x\r\n..\r\nMAIL FROM:<e@x>\r\n.\r\n");
        }
        becomes(BodyLines::Crlf, b".\n\r\n.\r\n", b"..\r\n\r\n.\r\n");
    }

    #[test]
    fn bare_cr_and_nul_are_faults_and_the_end_is_found_all_the_same() {
        for lines in [BodyLines::Crlf, BodyLines::Lf] {
            for (body, fault, out) in [
                (&b"a\nx\r.\r\n.\r\n"[..], BodyFault::BareCr, &b"a\r\nx"[..]),
                (b"x\r\r\n.\r\n", BodyFault::BareCr, b"x"),
                (b".\r\r\n.\r\n", BodyFault::BareCr, b"."),
                (b"\rx\r\n.\r\n", BodyFault::BareCr, b""),
                (b"x\0\r\n.\r\n", BodyFault::Nul, b"x"),
                (b"x\r\0\n\r\n.\r\n", BodyFault::BareCr, b"x"),
            ] {
                let (passed, found, end) = pass(lines, [body]);
                assert_eq!((&passed[..], found, end), (out, Some(fault), Some(body.len())), "{}", body.escape_ascii());
            }
        }
    }

    /// Where the end is, by the plainest possible definition.
    fn naive(lines: BodyLines, body: &[u8]) -> Option<usize> {
        let (before, ends): (&[u8], &[&[u8]]) = match lines {
            BodyLines::Lf => (b"\n", &[b"\n.\n", b"\n.\r\n"]),
            _ => (b"\r\n", &[b"\r\n.\r\n"]),
        };
        let whole = [before, body].concat();
        let end =
            |end: &&[u8]| whole.windows(end.len()).position(|w| w == *end).map(|at| at + end.len() - before.len());
        ends.iter().filter_map(end).min()
    }

    const END: &[u8] = b"\r\n.\r\n";

    proptest! {
        /// Law 6, law 10, and the one end.
        #[test]
        fn whatever_comes_in_one_clean_body_goes_out(
            body in "[.\r\n\0a]{0,24}|(a|\\.|\r\n|\n){0,40}|(\\.|\n){0,12}",
            lf in any::<bool>(),
            cuts in proptest::collection::vec(any::<bool>(), 80),
        ) {
            let (lines, body) = (if lf { BodyLines::Lf } else { BodyLines::Crlf }, body.as_bytes());
            let (out, fault, end) = pass(lines, [body]);
            let mut at = 0;
            let pieces = body.chunk_by(|_, _| { at += 1; !cuts[at % cuts.len()] });
            prop_assert_eq!(&pass(lines, pieces), &(out.clone(), fault, end));
            prop_assert_eq!(end, naive(lines, body));

            let clean = out.windows(2).all(|pair| (pair[0] == b'\r') == (pair[1] == b'\n'));
            prop_assert!(clean && !out.contains(&0) && out.first() != Some(&b'\n') && out.last() != Some(&b'\r'));
            let whole = [b"\r\n", &out[..]].concat();
            let ends = whole.windows(END.len()).filter(|window| *window == END).count();
            let complete = usize::from(end.is_some() && fault.is_none());
            prop_assert_eq!(ends, complete);
            prop_assert_eq!(whole.ends_with(END), complete == 1);
            // What watches every other body says the same.
            let scanned = BodyScanner::new().scan(&out);
            let forward = out.len();
            prop_assert_eq!(scanned, if complete == 1 { Scan::End { forward } } else { Scan::More { forward } });
        }
    }
}
