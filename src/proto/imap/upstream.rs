use super::ImapReady;
use crate::proto::{
    Input, Line, Output, UpstreamFailure, UpstreamIdentity, UpstreamLogin, UpstreamStep, UpstreamTls, Violation,
    log_text, sasl,
};

/// The side of the provider, from its greeting to its tagged OK and its capabilities.
#[derive(Debug)]
pub struct ImapUpstream {
    identity: UpstreamIdentity,
    state: State,
    /// The last list that was told and still holds.
    capabilities: Option<Vec<u8>>,
    /// Octets received so far.
    received: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting(UpstreamTls),
    StartTls,
    /// TLS is up and nothing was said yet.
    Encrypted,
    Capability,
    /// The mechanism was named; the continuation is due.
    GoAhead,
    /// The token was sent.
    Outcome,
    /// A challenge was answered; only the refusal can follow.
    Refusal,
    /// Logged in, without having heard what the upstream can do now.
    LateCapability,
}

type Step = UpstreamStep<ImapReady>;
type Stepped = (ImapUpstream, Step);

const TAG: &str = "G1";
/// Longest line, in octets; capability lists of real servers stay below 1 KiB.
const LINE: usize = 16 * 1024;
/// Most that a login can need, in octets.
const LOGIN: usize = 64 * 1024;

const NOT_IMAP: Violation = Violation::NotTheProtocol { protocol: "IMAP" };

/// The word that decides a tagged or untagged status response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ok,
    No,
}

impl ImapUpstream {
    /// A fresh connection; with implicit TLS the handshake is already done.
    #[must_use]
    pub const fn new(identity: UpstreamIdentity, tls: UpstreamTls) -> Self {
        Self { identity, state: State::Greeting(tls), capabilities: None, received: 0 }
    }

    fn line(mut self, line: &[u8], input: &Input) -> Stepped {
        self.received += line.len();
        if self.received > LOGIN {
            return self.fail(Violation::TooMuch { limit: LOGIN });
        }
        let (first, rest) = word(line);
        match first {
            b"*" => self.untagged(rest),
            b"+" => self.continuation(),
            tag if tag == TAG.as_bytes() => self.tagged(rest, input),
            _ => self.fail(NOT_IMAP),
        }
    }

    fn untagged(mut self, rest: &[u8]) -> Stepped {
        let (kind, text) = word(rest);
        match (self.state, kind.to_ascii_uppercase().as_slice()) {
            (_, b"BYE") => self.unavailable(text),
            (State::Greeting(tls), b"OK") => {
                self.learn(text);
                self.greeted(tls)
            }
            (State::Greeting(_), b"PREAUTH") => self.fail(Violation::Preauth),
            (State::Greeting(_), _) => self.fail(NOT_IMAP),
            (_, b"CAPABILITY") => {
                self.capabilities = Some(text.to_vec());
                (self, Step::Write(Output::default()))
            }
            (_, b"OK") => {
                self.learn(text);
                (self, Step::Write(Output::default()))
            }
            _ => (self, Step::Write(Output::default())),
        }
    }

    fn greeted(mut self, tls: UpstreamTls) -> Stepped {
        if tls == UpstreamTls::Starttls {
            // What a greeting in clear says of capabilities may be anybody's word.
            self.capabilities = None;
            self.state = State::StartTls;
            return self.say("STARTTLS");
        }
        if self.capabilities.is_some() { self.authenticate() } else { self.ask() }
    }

    fn ask(mut self) -> Stepped {
        self.state = State::Capability;
        self.say("CAPABILITY")
    }

    /// In one line where SASL-IR (RFC 4959) is offered, else in two.
    fn authenticate(mut self) -> Stepped {
        let offered = self.capabilities.take().unwrap_or_default();
        let offers = |name: &[u8]| offered.split(u8::is_ascii_whitespace).any(|word| word.eq_ignore_ascii_case(name));
        let name = self.identity.mechanism.name();
        if !offers([b"AUTH=", name.as_bytes()].concat().as_slice()) {
            return self.fail(Violation::NoMechanism(name));
        }
        if !offers(b"SASL-IR") {
            self.state = State::GoAhead;
            return self.say(&format!("AUTHENTICATE {name}"));
        }
        let mut command = Output::from(format!("{TAG} AUTHENTICATE {name} "));
        command.extend(sasl::initial_response(&self.identity).as_bytes());
        command.extend(b"\r\n");
        self.state = State::Outcome;
        (self, Step::Write(command))
    }

    fn continuation(mut self) -> Stepped {
        match self.state {
            State::GoAhead => {
                let mut response = sasl::initial_response(&self.identity);
                response.extend(b"\r\n");
                self.state = State::Outcome;
                (self, Step::Write(response))
            }
            // The challenge of a refusal; unanswered, the server would wait for ever.
            State::Outcome => {
                let answer = Output::from(self.identity.mechanism.challenge_answer());
                self.state = State::Refusal;
                (self, Step::Write(answer))
            }
            _ => self.fail(NOT_IMAP),
        }
    }

    fn tagged(mut self, rest: &[u8], input: &Input) -> Stepped {
        let (word, text) = word(rest);
        let status = match word.to_ascii_uppercase().as_slice() {
            b"OK" => Status::Ok,
            b"NO" | b"BAD" => Status::No,
            _ => return self.fail(NOT_IMAP),
        };
        if status == Status::Ok {
            self.learn(text);
        }
        match (self.state, status) {
            (State::StartTls, Status::Ok) if !input.is_empty() => self.fail(Violation::BytesBeforeTls),
            (State::StartTls, Status::Ok) => {
                self.state = State::Encrypted;
                self.capabilities = None;
                (self, Step::StartTls)
            }
            (State::StartTls, Status::No) => self.fail(Violation::NoStartTls),
            (State::Capability, Status::Ok) => self.authenticate(),
            (State::Outcome, Status::Ok) if self.capabilities.is_none() => {
                self.state = State::LateCapability;
                self.say("CAPABILITY")
            }
            // Without a list the client asks for itself; that is no reason to turn it away.
            (State::Outcome | State::LateCapability, _)
                if status == Status::Ok || self.state == State::LateCapability =>
            {
                let capabilities = self.capabilities.take().unwrap_or_default();
                (self, Step::Done(ImapReady { capabilities }))
            }
            (State::GoAhead | State::Outcome | State::Refusal, Status::No) => self.refused(text),
            (State::Capability, Status::No) => self.unavailable(text),
            _ => self.fail(NOT_IMAP),
        }
    }

    fn refused(self, text: &[u8]) -> Stepped {
        if is_outage(text) {
            return self.unavailable(text);
        }
        let failure = UpstreamFailure::Refused(log_text(text));
        (self, Step::Failed(failure))
    }

    fn unavailable(self, text: &[u8]) -> Stepped {
        let failure = UpstreamFailure::Unavailable(log_text(text));
        (self, Step::Failed(failure))
    }

    /// Takes the list of a `[CAPABILITY …]` response code.
    fn learn(&mut self, text: &[u8]) {
        let code = text.strip_prefix(b"[").and_then(|text| text.split(|&octet| octet == b']').next());
        if let Some((name, list)) = code.map(word)
            && name.eq_ignore_ascii_case(b"CAPABILITY")
        {
            self.capabilities = Some(list.to_vec());
        }
    }

    fn say(self, command: &str) -> Stepped {
        (self, Step::Write(format!("{TAG} {command}\r\n").into()))
    }

    const fn fail(self, violation: Violation) -> Stepped {
        (self, Step::Failed(UpstreamFailure::Violation(violation)))
    }
}

/// Refusals that a fresh token cannot mend: response codes of RFC 5530 and, where Exchange sends none, its texts.
fn is_outage(text: &[u8]) -> bool {
    const OUTAGES: [&[u8]; 6] =
        [b"[UNAVAILABLE]", b"[INUSE]", b"[LIMIT]", b"[SERVERBUG]", b"Server Unavailable", b"Request is throttled"];
    OUTAGES.iter().any(|outage| text.get(..outage.len()).is_some_and(|start| start.eq_ignore_ascii_case(outage)))
}

fn word(line: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b' ', line).unwrap_or(line.len());
    (&line[..end], line[end..].trim_ascii())
}

impl UpstreamLogin for ImapUpstream {
    type Ready = ImapReady;

    fn advance(self, input: &mut Input) -> (Self, Step) {
        if self.state == State::Encrypted {
            return self.ask();
        }
        match input.line(LINE) {
            Line::Incomplete => (self, Step::Read),
            Line::Whole(line) => {
                let line = line.to_vec();
                self.line(&line, input)
            }
            Line::Malformed(_) => self.fail(NOT_IMAP),
            Line::TooLong => self.fail(Violation::LineTooLong { limit: LINE }),
        }
    }

    fn tls_established(self) -> Self {
        self
    }
}
