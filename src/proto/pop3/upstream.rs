use secrecy::ExposeSecret;

use super::capa::Way;
use crate::proto::identity::Lines;
use crate::proto::sasl::{Answers, Mechanism};
use crate::proto::{
    Input, Line, Opening, Output, UpstreamFailure, UpstreamIdentity, UpstreamLogin, UpstreamStep, UpstreamTls,
    Violation,
};

/// The side of the provider, from its greeting to `+OK`.
///
/// SASL always takes two lines (`AUTH XOAUTH2`, `+`, response): Exchange breaks off when a line is longer than 255 octets.
#[derive(Debug)]
pub struct Pop3Upstream {
    identity: UpstreamIdentity,
    state: State,
}

/// A POP3 upstream has nothing to tell that its client could not ask itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pop3Ready;

/// Which reply is awaited.
#[derive(Debug)]
enum State {
    Greeting(UpstreamTls),
    Stls,
    /// TLS is up and nothing was said yet.
    Encrypted,
    Capa,
    /// More of a capability list, of which these lines were received.
    List(Vec<u8>),
    /// What the login depends on is known.
    Opened(Opening),
    /// The go-ahead for a mechanism that was named without asking for the list.
    GoAhead(Answers),
    /// A challenge, or after the last answer the outcome.
    Auth(Answers),
    User,
    Pass,
    /// None: all is said.
    Over,
}

type Step = UpstreamStep<Pop3Ready>;
type Stepped = (Pop3Upstream, Step);

/// Longest line, in octets (RFC 2449, 4 says 512).
const LINE: usize = 4096;
/// Longest capability list, in octets; those of real servers stay below 1 KiB.
const LIST: usize = 16 * 1024;

/// What a server without CAPA, which is younger than USER, is taken to know.
const UNLISTED: &[u8] = b"USER\n";

const NOT_POP3: Violation = Violation::NotTheProtocol { protocol: "POP3" };

/// The three kinds of reply.
enum Reply<'a> {
    Ok,
    Err(&'a [u8]),
    Continue,
}

impl Pop3Upstream {
    /// A fresh connection; with implicit TLS the handshake is already done.
    #[must_use]
    pub const fn new(identity: UpstreamIdentity, tls: UpstreamTls) -> Self {
        Self { identity, state: State::Greeting(tls) }
    }

    fn line(self, line: &[u8], in_clear: bool) -> Stepped {
        let Self { identity, state } = self;
        if let State::List(list) = state {
            return Self { identity, state: State::Over }.listed(list, line);
        }
        let over = Self { identity, state: State::Over };
        match parse(line) {
            Some(Reply::Ok) => over.agreed(&state, in_clear),
            Some(Reply::Continue) => match state {
                State::GoAhead(answers) | State::Auth(answers) => over.answer(answers),
                _ => over.fail(NOT_POP3),
            },
            Some(Reply::Err(text)) => over.refused(&state, text),
            None => over.fail(NOT_POP3),
        }
    }

    fn agreed(self, state: &State, in_clear: bool) -> Stepped {
        match state {
            State::Greeting(tls) => self.greeted(*tls),
            // A reply that was injected in front of the handshake would be taken for one under TLS.
            State::Stls if in_clear => self.fail(Violation::BytesBeforeTls),
            State::Stls => (Self { state: State::Encrypted, ..self }, Step::StartTls),
            State::Capa => self.say(State::List(Vec::new()), Output::default()),
            State::User => {
                let line = [b"PASS ", self.identity.token.expose_secret().as_bytes(), b"\r\n"].concat();
                self.say(State::Pass, line.into())
            }
            State::Auth(answers) if answers.are_complete() => (self, Step::Done(Pop3Ready)),
            State::Pass => (self, Step::Done(Pop3Ready)),
            _ => self.fail(NOT_POP3),
        }
    }

    fn refused(self, state: &State, text: &[u8]) -> Stepped {
        let failure = match state {
            State::Stls => return self.fail(Violation::NoStartTls),
            State::Greeting(_) => UpstreamFailure::Unavailable(self.identity.log_text(text)),
            _ if is_outage(text) => UpstreamFailure::Unavailable(self.identity.log_text(text)),
            State::Capa => return self.opened(Opening::Capabilities(UNLISTED.to_vec())),
            State::GoAhead(_) => Violation::NoMechanism(self.identity.mechanism.names()).into(),
            _ => UpstreamFailure::Refused(self.identity.log_text(text)),
        };
        (self, Step::Failed(failure))
    }

    fn greeted(self, tls: UpstreamTls) -> Stepped {
        match tls {
            UpstreamTls::Implicit => self.enquire(),
            UpstreamTls::Starttls => self.say(State::Stls, "STLS\r\n".into()),
        }
    }

    /// A token is presented unasked, for there is one way to do it; the ways of a password have to be heard first.
    fn enquire(self) -> Stepped {
        if self.identity.mechanism == Mechanism::Password {
            return self.say(State::Capa, "CAPA\r\n".into());
        }
        self.opened(Opening::Greeted)
    }

    fn opened(self, opening: Opening) -> Stepped {
        (Self { state: State::Opened(opening), ..self }, Step::Opened)
    }

    fn authenticate(self, opening: &Opening) -> Stepped {
        if let Err(failure) = self.identity.check(Lines::Raw) {
            return (self, Step::Failed(failure));
        }
        if self.identity.mechanism == Mechanism::Password {
            return match opening {
                Opening::Capabilities(list) => self.log_in_as_listed(list),
                // It was opened for somebody with a token.
                _ => self.enquire(),
            };
        }
        match self.identity.mechanism.choose(|_| true) {
            Ok(sasl) => self.say(State::GoAhead(Answers::begin(sasl)), format!("AUTH {}\r\n", sasl.name()).into()),
            Err(violation) => self.fail(violation),
        }
    }

    fn listed(self, mut list: Vec<u8>, line: &[u8]) -> Stepped {
        if line == b"." {
            return self.opened(Opening::Capabilities(list));
        }
        list.extend_from_slice(line);
        list.push(b'\n');
        if list.len() > LIST {
            return self.fail(Violation::TooMuch { limit: LIST });
        }
        self.say(State::List(list), Output::default())
    }

    fn log_in_as_listed(self, list: &[u8]) -> Stepped {
        match Way::of(list) {
            Ok(way) => self.log_in(way),
            Err(violation) => self.fail(violation),
        }
    }

    fn log_in(self, way: Way) -> Stepped {
        match way {
            Way::Sasl(sasl) => self.say(State::Auth(Answers::begin(sasl)), format!("AUTH {}\r\n", sasl.name()).into()),
            Way::UserPass => {
                let line = format!("USER {}\r\n", self.identity.user);
                self.say(State::User, line.into())
            }
        }
    }

    fn answer(self, answers: Answers) -> Stepped {
        let Some((answers, mut line)) = answers.answer(&self.identity) else { return self.fail(NOT_POP3) };
        line.extend(b"\r\n");
        self.say(State::Auth(answers), line)
    }

    fn say(self, state: State, line: Output) -> Stepped {
        (Self { state, ..self }, Step::Write(line))
    }

    const fn fail(self, violation: Violation) -> Stepped {
        (self, Step::Failed(UpstreamFailure::Violation(violation)))
    }
}

fn parse(line: &[u8]) -> Option<Reply<'_>> {
    let (word, text) = line.split_at(memchr::memchr(b' ', line).unwrap_or(line.len()));
    match word {
        b"+OK" => Some(Reply::Ok),
        b"-ERR" => Some(Reply::Err(text.trim_ascii())),
        b"+" => Some(Reply::Continue),
        _ => None,
    }
}

/// What no fresh token and no other password can mend: response codes (RFC 2449, 3206) and, where Exchange sends none, its text.
fn is_outage(text: &[u8]) -> bool {
    [&b"[SYS/"[..], b"[IN-USE]", b"[LOGIN-DELAY]", b"Server Unavailable"].iter().any(|code| text.starts_with(code))
}

impl UpstreamLogin for Pop3Upstream {
    type Ready = Pop3Ready;

    const GOODBYE: &'static str = "QUIT\r\n";

    fn resume(identity: UpstreamIdentity, opening: Opening) -> Self {
        Self { identity, state: State::Opened(opening) }
    }

    fn opening(self) -> Opening {
        if let State::Opened(opening) = self.state { opening } else { Opening::Greeted }
    }

    fn advance(self, input: &mut Input) -> (Self, Step) {
        let Self { identity, state } = self;
        let over = |identity| Self { identity, state: State::Over };
        let state = match state {
            State::Encrypted => return over(identity).enquire(),
            State::Opened(opening) => return over(identity).authenticate(&opening),
            state => state,
        };
        let core = Self { identity, state };
        match input.line(LINE) {
            Line::Incomplete => (core, Step::Read),
            Line::Whole(line) => {
                let line = line.to_vec();
                core.line(&line, !input.is_empty())
            }
            Line::Malformed(_) => core.fail(NOT_POP3),
            Line::TooLong => core.fail(Violation::LineTooLong { limit: LINE }),
        }
    }

    fn tls_established(self) -> Self {
        self
    }
}
