use memchr::memchr3;

/// Watches a message body pass: finds its end, and what must not be forwarded (law 6).
///
/// The body ends at CRLF.CRLF and at nothing else; a bare CR, a bare LF or a NUL is a fault, for another server might
/// see an end of data where we saw none (SMTP smuggling, CVE-2023-51764). A CR is vouched for only together with its LF:
/// at the end of a chunk it is held back, and [`Scan::More`] tells how much may be forwarded.
#[derive(Clone, Debug)]
pub struct BodyScanner {
    state: State,
    forgiving: bool,
}

/// What a chunk of the body holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "bytes that are not forwarded are lost"]
pub enum Scan {
    /// All body. The first `forward` octets may go on; the rest, at most one CR, has to be seen again with more behind it.
    More {
        /// How many octets of the chunk are safe.
        forward: usize,
    },
    /// The body ends here; what follows is the next command.
    End {
        /// How many octets of the chunk belong to the body, its end included.
        forward: usize,
    },
    /// Must not go on, from octet `at` of the chunk.
    Fault {
        /// What it is.
        fault: BodyFault,
        /// Where it is; the octets before it are body.
        at: usize,
    },
}

/// What makes a body unfit to be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// CR without LF.
    #[error("bare CR")]
    BareCr,
    /// LF without CR.
    #[error("bare LF")]
    BareLf,
    /// NUL.
    #[error("NUL")]
    Nul,
}

/// What the octets so far may be the beginning of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the start of a line.
    LineStart,
    /// A line that began with a dot, and nothing more yet.
    Dot,
    /// Within a line.
    Text,
}

impl Default for BodyScanner {
    fn default() -> Self {
        Self::new()
    }
}

impl BodyScanner {
    /// At the beginning of a body: an immediate `.` CRLF is an empty message (RFC 5321, 4.1.1.4).
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::LineStart, forgiving: false }
    }

    /// From now on only looks for the end: the message has been given up, and its sender must be heard out before it
    /// can be told.
    pub const fn forgive(&mut self) {
        self.forgiving = true;
    }

    /// Looks at the next chunk.
    pub fn scan(&mut self, chunk: &[u8]) -> Scan {
        let mut at = 0;
        loop {
            if self.state == State::LineStart && chunk.get(at) == Some(&b'.') {
                self.state = State::Dot;
                at += 1;
            }
            let Some(found) = memchr3(b'\r', b'\n', 0, &chunk[at..]) else {
                self.text(chunk.len() - at);
                return Scan::More { forward: chunk.len() };
            };
            self.text(found);
            at += found;
            match (chunk[at], chunk.get(at + 1)) {
                (b'\r', Some(b'\n')) if self.state == State::Dot => return Scan::End { forward: at + 2 },
                (b'\r', Some(b'\n')) => self.state = State::LineStart,
                (b'\r', None) => return Scan::More { forward: at },
                _ if self.forgiving => {
                    self.state = State::Text;
                    at += 1;
                    continue;
                }
                (b'\r', Some(_)) => return Scan::Fault { fault: BodyFault::BareCr, at },
                (b'\n', _) => return Scan::Fault { fault: BodyFault::BareLf, at },
                _ => return Scan::Fault { fault: BodyFault::Nul, at },
            }
            at += 2;
        }
    }

    /// So many octets without a line break were passed.
    const fn text(&mut self, count: usize) {
        if count > 0 {
            self.state = State::Text;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What came of a body that arrived in these pieces: forwarded octets, and the end or the fault.
    fn pass(pieces: &[&[u8]]) -> (Vec<u8>, Option<Result<Vec<u8>, BodyFault>>) {
        let (mut scanner, mut forwarded, mut held) = (BodyScanner::new(), Vec::new(), Vec::new());
        for (number, piece) in pieces.iter().enumerate() {
            let chunk = [&held[..], piece].concat();
            match scanner.scan(&chunk) {
                Scan::More { forward } => {
                    forwarded.extend_from_slice(&chunk[..forward]);
                    held = chunk[forward..].to_vec();
                }
                Scan::End { forward } => {
                    forwarded.extend_from_slice(&chunk[..forward]);
                    let rest = [&chunk[forward..], &pieces[number + 1..].concat()].concat();
                    return (forwarded, Some(Ok(rest)));
                }
                Scan::Fault { fault, at } => {
                    forwarded.extend_from_slice(&chunk[..at]);
                    return (forwarded, Some(Err(fault)));
                }
            }
        }
        (forwarded, None)
    }

    fn ends_with_rest(body: &[u8], rest: &[u8]) {
        let whole = [body, rest].concat();
        assert_eq!(pass(&[&whole]), (body.to_vec(), Some(Ok(rest.to_vec()))));
    }

    #[test]
    fn the_body_ends_at_crlf_dot_crlf_and_the_next_command_stays() {
        ends_with_rest(b"Subject: x\r\n\r\nhello\r\n.\r\n", b"QUIT\r\n");
        ends_with_rest(b".\r\n", b"QUIT\r\n");
        ends_with_rest(b"..\r\n.stuffed\r\n..\r\n.\r\n", b"");
        ends_with_rest(b"\r\n\r\n.\r\n", b".\r\n");
    }

    /// The attempts of <https://www.postfix.org/smtp-smuggling.html> and of CVE-2023-51766.
    #[test]
    fn no_other_end_of_data_passes() {
        for (smuggled, fault) in [
            (&b"x\n.\nMAIL"[..], BodyFault::BareLf),
            (b"x\n.\r\nMAIL", BodyFault::BareLf),
            (b"x\r\n.\nMAIL", BodyFault::BareLf),
            (b"x\r.\rMAIL", BodyFault::BareCr),
            (b"x\r\n.\rMAIL", BodyFault::BareCr),
            (b"x\r\r\n.\r\n", BodyFault::BareCr),
            (b"x\0\r\n.\r\n", BodyFault::Nul),
        ] {
            assert_eq!(pass(&[smuggled]).1, Some(Err(fault)), "{smuggled:?}");
        }
    }

    #[test]
    fn a_cr_is_held_back_until_its_lf_is_seen() {
        let mut scanner = BodyScanner::new();
        assert_eq!(scanner.scan(b"x\r"), Scan::More { forward: 1 });
        assert_eq!(scanner.scan(b"\r."), Scan::Fault { fault: BodyFault::BareCr, at: 0 });
    }

    #[test]
    fn a_body_that_was_given_up_is_read_to_its_real_end() {
        let mut scanner = BodyScanner::new();
        let body = b"x\n.\r\ny\r.\rz\r\n\0.\r\n.\r\nQUIT";
        assert_eq!(scanner.scan(body), Scan::Fault { fault: BodyFault::BareLf, at: 1 });
        scanner.forgive();
        assert_eq!(scanner.scan(&body[1..]), Scan::End { forward: body.len() - 1 - b"QUIT".len() });
    }

    /// The plainest possible definition, to judge the scanner by.
    fn naive(body: &[u8]) -> (Option<usize>, bool) {
        let end = if body.starts_with(b".\r\n") {
            Some(3)
        } else {
            body.windows(5).position(|w| w == b"\r\n.\r\n").map(|at| at + 5)
        };
        let considered = &body[..end.unwrap_or(body.len())];
        let fault = considered.iter().enumerate().any(|(i, &octet)| match octet {
            0 => true,
            b'\r' => considered.get(i + 1).is_some_and(|&next| next != b'\n'),
            b'\n' => i == 0 || considered[i - 1] != b'\r',
            _ => false,
        });
        (end, fault)
    }

    proptest! {
        /// Law 10, and the naive definition.
        #[test]
        fn any_split_gives_the_same(body in "[.\r\n\0a]{0,24}|(a|\\.|\r\n){0,40}", cuts in proptest::collection::vec(any::<bool>(), 80)) {
            let body = body.as_bytes();
            let mut pieces: Vec<&[u8]> = Vec::new();
            let mut from = 0;
            for at in 1..body.len() {
                if cuts[at % cuts.len()] {
                    pieces.push(&body[from..at]);
                    from = at;
                }
            }
            pieces.push(&body[from..]);
            let (split_forwarded, split_end) = pass(&pieces);
            let (whole_forwarded, whole_end) = pass(&[body]);
            prop_assert_eq!(&split_end, &whole_end);
            let (end, fault) = naive(body);
            match whole_end {
                Some(Ok(_)) => {
                    prop_assert_eq!(Some(whole_forwarded.len()), end);
                    prop_assert_eq!(split_forwarded, whole_forwarded);
                    prop_assert!(!fault);
                }
                Some(Err(_)) => {
                    prop_assert!(fault);
                    let safe = naive(&split_forwarded);
                    prop_assert!(!safe.1 && !split_forwarded.ends_with(b"\r"));
                }
                None => prop_assert!(end.is_none() && !fault),
            }
        }
    }
}
