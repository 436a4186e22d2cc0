use zeroize::Zeroizing;

use super::{Pop3Ready, table};
use crate::proto::sasl::{Exchange, LoginUser, Progress, SaslError, ServerMechanism};
use crate::proto::{DownstreamLogin, DownstreamStep, Farewell, Input, Line, LoginFailure, Offer, Output, Violation};

/// The side of the local program, from the greeting to its login.
pub struct Pop3Downstream {
    offer: Offer,
    state: State,
    bad_commands: u32,
}

/// What is awaited.
enum State {
    Command,
    /// PASS, for this user name.
    Pass(LoginUser),
    /// A line of a SASL exchange.
    Response(Exchange),
}

type Stepped = (Pop3Downstream, DownstreamStep);

/// Longest line before login, in octets. RFC 2449 says 255 for commands; a SASL response may be what RFC 4954 wants.
const LINE: usize = 12_288;
/// Nonsense that is tolerated before login.
const BAD_COMMANDS: u32 = 10;

impl Pop3Downstream {
    /// A fresh connection.
    #[must_use]
    pub const fn new(offer: Offer) -> Self {
        Self { offer, state: State::Command, bad_commands: 0 }
    }

    fn command(self, line: &[u8], input: &Input) -> Stepped {
        let (verb, rest) = line.split_at(memchr::memchr(b' ', line).unwrap_or(line.len()));
        // One blank separates; a password may begin with others.
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        match verb.to_ascii_uppercase().as_slice() {
            b"CAPA" => self.capabilities(),
            b"STLS" => self.stls(input),
            b"USER" => self.user(rest),
            b"PASS" => self.bad("-ERR USER comes first\r\n"),
            b"AUTH" => self.auth(rest),
            b"QUIT" => (self, DownstreamStep::Close("+OK Bye\r\n".into(), None)),
            b"APOP" => self.bad("-ERR APOP is not offered; use USER and PASS\r\n"),
            b"STAT" | b"LIST" | b"RETR" | b"DELE" | b"NOOP" | b"RSET" | b"TOP" | b"UIDL" => {
                self.bad("-ERR Log in first, with USER and PASS\r\n")
            }
            _ => self.bad("-ERR Command not recognised\r\n"),
        }
    }

    fn capabilities(self) -> Stepped {
        let mut reply = String::from("+OK Capability list follows\r\n");
        if self.offer.passwords {
            reply += "USER\r\nSASL PLAIN LOGIN\r\n";
        }
        if self.offer.starttls {
            reply += "STLS\r\n";
        }
        reply += "RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nIMPLEMENTATION Gatepost\r\n.\r\n";
        self.write(reply)
    }

    /// Looks at what is left in the input: bytes that came with STLS would be taken for the encrypted session's.
    fn stls(self, input: &Input) -> Stepped {
        if !self.offer.starttls {
            return self.bad("-ERR STLS is not offered\r\n");
        }
        if !input.is_empty() {
            let refusal = "-ERR Nothing may be sent between STLS and TLS\r\n".into();
            return (self, DownstreamStep::Close(refusal, Some(Violation::BytesBeforeTls)));
        }
        (self, DownstreamStep::StartTls("+OK Begin TLS\r\n".into()))
    }

    fn user(mut self, name: &[u8]) -> Stepped {
        if !self.offer.passwords {
            let required = self.offer.tls_first();
            return self.write(table::failure(&required));
        }
        if name.trim_ascii().is_empty() {
            return self.bad("-ERR Syntax: USER name\r\n");
        }
        self.state = State::Pass(LoginUser::new(name));
        self.write("+OK\r\n")
    }

    /// After USER. Anything but PASS forgets the name.
    fn pass(self, user: LoginUser, line: &[u8], input: &Input) -> Stepped {
        match line.split_at_checked(b"PASS ".len()) {
            Some((verb, password)) if verb.eq_ignore_ascii_case(b"PASS ") => {
                (self, DownstreamStep::Login(user.password(password)))
            }
            _ if line.eq_ignore_ascii_case(b"PASS") => (self, DownstreamStep::Login(user.password(b""))),
            _ => self.command(line, input),
        }
    }

    fn auth(self, arguments: &[u8]) -> Stepped {
        let mut words = arguments.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (name, response) = (words.next(), words.next());
        if !self.offer.passwords {
            let required = self.offer.tls_first();
            return self.write(table::failure(&required));
        }
        // Without a mechanism: the discovery of old, which Outlook still uses.
        let Some(name) = name else { return self.write("+OK Mechanisms follow\r\nPLAIN\r\nLOGIN\r\n.\r\n") };
        if words.next().is_some() {
            return self.bad("-ERR Syntax: AUTH [mechanism [initial-response]]\r\n");
        }
        match ServerMechanism::named(name) {
            None => self.write(table::failure(&LoginFailure::MechanismNotOffered)),
            Some(mechanism) => self.exchanged(Exchange::begin(mechanism, response)),
        }
    }

    fn exchanged(mut self, progress: Progress) -> Stepped {
        match progress {
            Progress::Challenge(exchange, prompt) => {
                self.state = State::Response(exchange);
                self.write(format!("+ {prompt}\r\n"))
            }
            Progress::Credentials(credentials) => (self, DownstreamStep::Login(credentials)),
            Progress::Failed(SaslError::Cancelled) => self.bad("-ERR Authentication cancelled\r\n"),
            Progress::Failed(SaslError::NotBase64) => self.bad("-ERR Not base64\r\n"),
            Progress::Failed(SaslError::NotPlain) => self.bad("-ERR Not a PLAIN message\r\n"),
            Progress::Failed(SaslError::Impersonation) => self.write(table::failure(&LoginFailure::BadCredentials)),
        }
    }

    fn write(self, output: impl Into<Output>) -> Stepped {
        (self, DownstreamStep::Write(output.into()))
    }

    fn bad(mut self, answer: &str) -> Stepped {
        self.bad_commands += 1;
        if self.bad_commands > BAD_COMMANDS {
            let garbage = Violation::Garbage { count: self.bad_commands, protocol: "POP3" };
            return (self, DownstreamStep::Close("-ERR Too many bad commands\r\n".into(), Some(garbage)));
        }
        self.write(answer)
    }
}

impl DownstreamLogin for Pop3Downstream {
    type Ready = Pop3Ready;

    fn greet(&self) -> Output {
        // No timestamp in angle brackets: it would offer APOP, which needs the password in clear on our side.
        "+OK Gatepost ready\r\n".into()
    }

    fn advance(mut self, input: &mut Input) -> (Self, DownstreamStep) {
        let line = match input.command(LINE, self.offer.newline) {
            Line::Incomplete => return (self, DownstreamStep::Read),
            Line::TooLong => {
                let violation = Some(Violation::LineTooLong { limit: LINE });
                return (self, DownstreamStep::Close("-ERR Line too long\r\n".into(), violation));
            }
            Line::Malformed(_) => {
                self.state = State::Command;
                return self.bad("-ERR Bare CR, bare LF or NUL in a command\r\n");
            }
            Line::Whole(line) => Zeroizing::new(line.to_vec()),
        };
        match std::mem::replace(&mut self.state, State::Command) {
            State::Command => self.command(&line, input),
            State::Pass(user) => self.pass(user, &line, input),
            State::Response(exchange) => self.exchanged(exchange.advance(&line)),
        }
    }

    fn tls_established(mut self) -> Self {
        self.offer.starttls = false;
        self.offer.passwords = true;
        self.state = State::Command;
        self.bad_commands = 0;
        self
    }

    fn reject(self, failure: &LoginFailure) -> (Self, Output) {
        let reply = table::failure(failure);
        (self, reply)
    }

    fn accept(self, _ready: &Pop3Ready) -> Output {
        "+OK Logged in\r\n".into()
    }

    fn goodbye(&self, farewell: Farewell) -> Output {
        table::farewell(farewell)
    }
}
