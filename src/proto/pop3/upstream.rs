use crate::proto::{
    Input, Line, Output, UpstreamFailure, UpstreamIdentity, UpstreamLogin, UpstreamStep, UpstreamTls, Violation,
    log_text, sasl,
};

/// The side of the provider, from its greeting to `+OK`.
///
/// Always two lines (`AUTH XOAUTH2`, `+`, response): Exchange breaks off when a line is longer than 255 octets.
#[derive(Debug)]
pub struct Pop3Upstream {
    identity: UpstreamIdentity,
    state: State,
}

/// A POP3 upstream has nothing to tell that its client could not ask itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pop3Ready;

/// Which reply is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting(UpstreamTls),
    Stls,
    /// TLS is up and nothing was said yet.
    Encrypted,
    GoAhead,
    Outcome,
    /// A challenge was answered; only the refusal can follow.
    Refusal,
}

type Step = UpstreamStep<Pop3Ready>;
type Stepped = (Pop3Upstream, Step);

/// Longest line, in octets (RFC 2449, 4 says 512).
const LINE: usize = 4096;

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

    fn replied(mut self, reply: &Reply<'_>, in_clear: bool) -> Stepped {
        match (self.state, reply) {
            (State::Greeting(UpstreamTls::Implicit), Reply::Ok) => self.authenticate(),
            (State::Greeting(UpstreamTls::Starttls), Reply::Ok) => {
                self.state = State::Stls;
                (self, Step::Write("STLS\r\n".into()))
            }
            (State::Greeting(_), Reply::Err(text)) => (self, Step::Failed(unavailable(text))),
            // A reply that was injected in front of the handshake would be taken for one under TLS.
            (State::Stls, Reply::Ok) if in_clear => self.fail(Violation::BytesBeforeTls),
            (State::Stls, Reply::Ok) => {
                self.state = State::Encrypted;
                (self, Step::StartTls)
            }
            (State::Stls, Reply::Err(_)) => self.fail(Violation::NoStartTls),
            (State::GoAhead, Reply::Continue) => {
                let mut response = sasl::initial_response(&self.identity);
                response.extend(b"\r\n");
                self.state = State::Outcome;
                (self, Step::Write(response))
            }
            (State::GoAhead, Reply::Err(text)) if is_outage(text) => (self, Step::Failed(unavailable(text))),
            (State::GoAhead, Reply::Err(_)) => {
                let name = self.identity.mechanism.name();
                self.fail(Violation::NoMechanism(name))
            }
            (State::Outcome, Reply::Ok) => (self, Step::Done(Pop3Ready)),
            // The challenge of a refusal; unanswered, the server would wait for ever.
            (State::Outcome, Reply::Continue) => {
                let answer = Output::from(self.identity.mechanism.challenge_answer());
                self.state = State::Refusal;
                (self, Step::Write(answer))
            }
            (State::Outcome | State::Refusal, Reply::Err(text)) if is_outage(text) => {
                (self, Step::Failed(unavailable(text)))
            }
            (State::Outcome | State::Refusal, Reply::Err(text)) => {
                (self, Step::Failed(UpstreamFailure::Refused(log_text(text))))
            }
            _ => self.fail(NOT_POP3),
        }
    }

    fn authenticate(mut self) -> Stepped {
        let command = format!("AUTH {}\r\n", self.identity.mechanism.name());
        self.state = State::GoAhead;
        (self, Step::Write(command.into()))
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

/// What no fresh token can mend: response codes (RFC 2449, 3206) and, where Exchange sends none, its text.
fn is_outage(text: &[u8]) -> bool {
    [&b"[SYS/"[..], b"[IN-USE]", b"[LOGIN-DELAY]", b"Server Unavailable"].iter().any(|code| text.starts_with(code))
}

fn unavailable(text: &[u8]) -> UpstreamFailure {
    UpstreamFailure::Unavailable(log_text(text))
}

impl UpstreamLogin for Pop3Upstream {
    type Ready = Pop3Ready;

    fn advance(self, input: &mut Input) -> (Self, Step) {
        if self.state == State::Encrypted {
            return self.authenticate();
        }
        let line = match input.line(LINE) {
            Line::Incomplete => return (self, Step::Read),
            Line::Whole(line) => line.to_vec(),
            Line::Malformed(_) => return self.fail(NOT_POP3),
            Line::TooLong => return self.fail(Violation::LineTooLong { limit: LINE }),
        };
        match parse(&line) {
            Some(reply) => self.replied(&reply, !input.is_empty()),
            None => self.fail(NOT_POP3),
        }
    }

    fn tls_established(self) -> Self {
        self
    }
}
