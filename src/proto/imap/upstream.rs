use super::{ImapReady, login};
use crate::proto::identity::Lines;
use crate::proto::sasl::{Answers, Mechanism, Sasl};
use crate::proto::{
    Input, Line, Opening, Output, UpstreamFailure, UpstreamIdentity, UpstreamLogin, UpstreamStep, UpstreamTls,
    Violation,
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
    /// The capabilities are known.
    Opened,
    /// AUTHENTICATE was sent: a challenge is due, or after the last answer the outcome.
    Auth(Answers),
    /// LOGIN was begun, and so many lines of it are said: the next `+` is due, or after the last line the outcome.
    Login {
        said: usize,
    },
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
            (_, b"BYE") => self.leaving(text),
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
        if self.capabilities.is_some() { self.opened() } else { self.ask() }
    }

    fn ask(mut self) -> Stepped {
        self.state = State::Capability;
        self.say("CAPABILITY")
    }

    fn opened(self) -> Stepped {
        (Self { state: State::Opened, ..self }, Step::Opened)
    }

    fn authenticate(mut self) -> Stepped {
        if let Err(failure) = self.identity.check(Lines::Wrapped) {
            return (self, Step::Failed(failure));
        }
        let offered = self.capabilities.take().unwrap_or_default();
        let offers =
            |name: &str| offered.split(u8::is_ascii_whitespace).any(|word| word.eq_ignore_ascii_case(name.as_bytes()));
        match self.identity.mechanism.choose(|name| offers(&format!("AUTH={name}"))) {
            Ok(sasl) => self.begin(sasl, offers("SASL-IR")),
            Err(_) if self.identity.mechanism == Mechanism::Password && !offers("LOGINDISABLED") => self.log_in(),
            Err(violation) => self.fail(violation),
        }
    }

    /// In one line where SASL-IR (RFC 4959) is offered, else in two.
    fn begin(mut self, sasl: Sasl, initial_response: bool) -> Stepped {
        let answers = Answers::begin(sasl);
        let name = sasl.name();
        let Some((answers, response)) = answers.initial(&self.identity).filter(|_| initial_response) else {
            self.state = State::Auth(answers);
            return self.say(&format!("AUTHENTICATE {name}"));
        };
        let mut command = Output::from(format!("{TAG} AUTHENTICATE {name} "));
        command.extend(response.as_bytes());
        command.extend(b"\r\n");
        self.state = State::Auth(answers);
        (self, Step::Write(command))
    }

    /// By the LOGIN command, which needs not be offered.
    fn log_in(mut self) -> Stepped {
        self.state = State::Login { said: 0 };
        self.continuation()
    }

    fn continuation(mut self) -> Stepped {
        match self.state {
            State::Auth(answers) => {
                let Some((answers, mut line)) = answers.answer(&self.identity) else { return self.fail(NOT_IMAP) };
                line.extend(b"\r\n");
                self.state = State::Auth(answers);
                (self, Step::Write(line))
            }
            State::Login { said } => {
                let Some(line) = login::lines(TAG, &self.identity).into_iter().nth(said) else {
                    return self.fail(NOT_IMAP);
                };
                self.state = State::Login { said: said + 1 };
                (self, Step::Write(line))
            }
            _ => self.fail(NOT_IMAP),
        }
    }

    /// Whether the upstream has heard all that it needs to say yes.
    fn is_presented(&self) -> bool {
        match self.state {
            State::Auth(answers) => answers.are_complete(),
            State::Login { said } => said == login::lines(TAG, &self.identity).len(),
            _ => false,
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
            (State::Capability, Status::Ok) => self.opened(),
            (State::Auth(_) | State::Login { .. }, Status::Ok) if !self.is_presented() => self.fail(NOT_IMAP),
            (State::Auth(_) | State::Login { .. }, Status::Ok) if self.capabilities.is_none() => {
                self.state = State::LateCapability;
                self.say("CAPABILITY")
            }
            // Without a list the client asks for itself; that is no reason to turn it away.
            (State::Auth(_) | State::Login { .. }, Status::Ok) | (State::LateCapability, _) => {
                let capabilities = self.capabilities.take().unwrap_or_default();
                (self, Step::Done(ImapReady { capabilities }))
            }
            (State::Auth(_) | State::Login { .. }, Status::No) => self.refused(text),
            (State::Capability, Status::No) => self.unavailable(text),
            _ => self.fail(NOT_IMAP),
        }
    }

    fn refused(self, text: &[u8]) -> Stepped {
        if is_outage(text) {
            return self.unavailable(text);
        }
        let failure = UpstreamFailure::Refused(self.identity.log_text(text));
        (self, Step::Failed(failure))
    }

    fn unavailable(self, text: &[u8]) -> Stepped {
        let failure = UpstreamFailure::Unavailable(self.identity.log_text(text));
        (self, Step::Failed(failure))
    }

    fn leaving(self, text: &[u8]) -> Stepped {
        let failure = UpstreamFailure::Leaving(self.identity.log_text(text));
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

/// Refusals that no fresh token and no other password can mend: response codes of RFC 5530 and, where Exchange and Google
/// send none, their texts.
fn is_outage(text: &[u8]) -> bool {
    const OUTAGES: [&[u8]; 7] = [
        b"[UNAVAILABLE]",
        b"[INUSE]",
        b"[LIMIT]",
        b"[SERVERBUG]",
        b"Server Unavailable",
        b"Request is throttled",
        b"[ALERT] Too many simultaneous connections",
    ];
    OUTAGES.iter().any(|outage| text.get(..outage.len()).is_some_and(|start| start.eq_ignore_ascii_case(outage)))
}

fn word(line: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b' ', line).unwrap_or(line.len());
    (&line[..end], line[end..].trim_ascii())
}

impl UpstreamLogin for ImapUpstream {
    type Ready = ImapReady;

    const GOODBYE: &'static str = "G1 LOGOUT\r\n";

    fn resume(identity: UpstreamIdentity, opening: Opening) -> Self {
        let (state, capabilities) = match opening {
            Opening::Capabilities(list) => (State::Opened, Some(list)),
            _ => (State::Encrypted, None),
        };
        Self { identity, state, capabilities, received: 0 }
    }

    fn opening(self) -> Opening {
        self.capabilities.map_or(Opening::Greeted, Opening::Capabilities)
    }

    fn advance(self, input: &mut Input) -> (Self, Step) {
        match self.state {
            State::Encrypted => return self.ask(),
            State::Opened => return self.authenticate(),
            _ => {}
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
