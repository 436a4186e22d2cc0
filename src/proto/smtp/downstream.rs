use super::{Extensions, ehlo_reply, table};
use crate::proto::sasl::{Exchange, Progress, SaslError, ServerMechanism};
use crate::proto::{DownstreamLogin, DownstreamStep, Farewell, Input, Line, LoginFailure, Offer, Output, Violation};

use super::SmtpReady;

/// The side of the local program, from the banner to its login.
#[derive(Debug)]
pub struct SmtpDownstream {
    offer: Offer,
    state: State,
    /// Why the last MAIL of a client without a login went no further: RCPT and DATA that were sent along hear the same.
    turned_away: Option<Output>,
    bad_commands: u32,
}

/// What is awaited.
enum State {
    Command,
    /// A line of a SASL exchange.
    Response(Exchange),
    /// What becomes of a MAIL that came without a login.
    Anonymous,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Command => "Command",
            Self::Response(_) => "Response",
            Self::Anonymous => "Anonymous",
        })
    }
}

/// Longest line before login, in octets: what RFC 4954, 4.1 wants for AUTH.
const LINE: usize = 12_288;

/// Nonsense that is tolerated before login.
const BAD_COMMANDS: u32 = 10;

impl SmtpDownstream {
    /// A fresh connection.
    #[must_use]
    pub const fn new(offer: Offer) -> Self {
        Self { offer, state: State::Command, turned_away: None, bad_commands: 0 }
    }

    fn command(self, received: &[u8]) -> (Self, DownstreamStep) {
        let line = received.trim_ascii_end();
        let verb_end = line.iter().position(|octet| !octet.is_ascii_alphabetic()).unwrap_or(line.len());
        let (verb, rest) = line.split_at(verb_end);
        match verb.to_ascii_uppercase().as_slice() {
            b"EHLO" => self.ehlo(),
            b"HELO" => {
                let hello = format!("250 {}\r\n", self.offer.hostname);
                self.write(hello)
            }
            b"AUTH" => self.auth(rest),
            b"NOOP" => self.write("250 2.0.0 Ok\r\n"),
            b"RSET" => Self { turned_away: None, ..self }.write("250 2.0.0 Ok\r\n"),
            b"QUIT" => (self, DownstreamStep::Close("221 2.0.0 Bye\r\n".into(), None)),
            b"HELP" => self.write("214 2.0.0 See RFC 5321\r\n"),
            b"MAIL" if self.offer.anonymous => self.anonymous(received),
            b"RCPT" | b"DATA" if self.offer.anonymous => self.along(),
            b"VRFY" | b"MAIL" | b"RCPT" | b"DATA" | b"BDAT" => self.bad("530 5.7.0 Authentication required\r\n"),
            _ => self.bad("500 5.5.1 Command not recognised\r\n"),
        }
    }

    /// Old printers and UPS cards know no AUTH, some not even HELO. The line is the conversation's, once there is one.
    fn anonymous(mut self, line: &[u8]) -> (Self, DownstreamStep) {
        self.state = State::Anonymous;
        (self, DownstreamStep::Anonymous([line, b"\r\n"].concat()))
    }

    /// A client that looks at the last reply only must not take "try again later" for a permanent 503.
    fn along(self) -> (Self, DownstreamStep) {
        match self.turned_away.clone() {
            Some(refusal) => self.write(refusal),
            None => self.bad("503 5.5.1 MAIL comes first\r\n"),
        }
    }

    fn ehlo(self) -> (Self, DownstreamStep) {
        let Offer { message_size, extensions, starttls, passwords, .. } = self.offer;
        let extensions = Extensions::ours(message_size, extensions, starttls, passwords);
        let reply = ehlo_reply(&self.offer.hostname, &extensions);
        self.write(reply)
    }

    /// Looks at what is left in the input: bytes that came with STARTTLS would be taken for the encrypted session's.
    fn starttls(self, input: &Input) -> (Self, DownstreamStep) {
        if !self.offer.starttls {
            return self.bad("502 5.5.1 STARTTLS is not offered\r\n");
        }
        if !input.is_empty() {
            let refusal = "554 5.5.1 Nothing may be sent between STARTTLS and TLS\r\n".into();
            return (self, DownstreamStep::Close(refusal, Some(Violation::BytesBeforeTls)));
        }
        (self, DownstreamStep::StartTls("220 2.0.0 Ready to start TLS\r\n".into()))
    }

    /// `AUTH mechanism [initial-response]`, in any case; .NET's `SmtpClient` writes `AUTH login <user>`.
    fn auth(self, arguments: &[u8]) -> (Self, DownstreamStep) {
        let mut words = arguments.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (Some(name), response, None) = (words.next(), words.next(), words.next()) else {
            return self.bad("501 5.5.4 Syntax: AUTH mechanism [initial-response]\r\n");
        };
        if !self.offer.passwords {
            let required = self.offer.tls_first();
            return self.write(table::failure(&required));
        }
        let Some(mechanism) = ServerMechanism::named(name) else {
            return self.write(table::failure(&LoginFailure::MechanismNotOffered));
        };
        self.exchanged(Exchange::begin(mechanism, response))
    }

    fn exchanged(mut self, progress: Progress) -> (Self, DownstreamStep) {
        match progress {
            Progress::Challenge(exchange, prompt) => {
                self.state = State::Response(exchange);
                self.write(format!("334 {prompt}\r\n"))
            }
            Progress::Credentials(credentials) => (self, DownstreamStep::Login(credentials)),
            Progress::Failed(SaslError::Cancelled) => self.bad("501 5.7.0 Authentication cancelled\r\n"),
            Progress::Failed(SaslError::NotBase64) => self.bad("501 5.5.2 Not base64\r\n"),
            Progress::Failed(SaslError::NotPlain) => self.bad("501 5.5.2 Not a PLAIN message\r\n"),
            Progress::Failed(SaslError::Impersonation) => self.write(table::failure(&LoginFailure::BadCredentials)),
        }
    }

    fn write(self, output: impl Into<Output>) -> (Self, DownstreamStep) {
        (self, DownstreamStep::Write(output.into()))
    }

    fn bad(mut self, answer: &str) -> (Self, DownstreamStep) {
        self.bad_commands += 1;
        if self.bad_commands > BAD_COMMANDS {
            let garbage = Violation::Garbage { count: self.bad_commands, protocol: "SMTP" };
            return (self, DownstreamStep::Close("421 4.7.0 Too many bad commands\r\n".into(), Some(garbage)));
        }
        self.write(answer)
    }
}

fn is_data(line: &[u8]) -> bool {
    line.trim_ascii_end().eq_ignore_ascii_case(b"DATA")
}

impl DownstreamLogin for SmtpDownstream {
    type Ready = SmtpReady;

    fn greet(&self) -> Output {
        // Some libraries (vert.x, haxe) look for the word ESMTP.
        format!("220 {} ESMTP Gatepost\r\n", self.offer.hostname).into()
    }

    fn advance(mut self, input: &mut Input) -> (Self, DownstreamStep) {
        let line = match input.command(LINE, self.offer.newline) {
            Line::Incomplete => return (self, DownstreamStep::Read),
            Line::TooLong => {
                let violation = Some(Violation::LineTooLong { limit: LINE });
                return (self, DownstreamStep::Close("500 5.5.6 Line too long\r\n".into(), violation));
            }
            Line::Malformed(_) => {
                self.state = State::Command;
                return self.bad("500 5.5.2 Bare CR, bare LF or NUL in a command\r\n");
            }
            Line::Whole(line) => zeroize::Zeroizing::new(line.to_vec()),
        };
        match std::mem::replace(&mut self.state, State::Command) {
            State::Command if line.trim_ascii_end().eq_ignore_ascii_case(b"STARTTLS") => self.starttls(input),
            State::Command | State::Anonymous => match self.command(&line) {
                // What it has sent behind DATA is a message, no commands.
                (next, DownstreamStep::Write(refusal))
                    if next.turned_away.is_some() && is_data(&line) && !input.is_empty() =>
                {
                    (next, DownstreamStep::Close(refusal, Some(Violation::Impatient)))
                }
                step => step,
            },
            State::Response(exchange) => self.exchanged(exchange.advance(&line)),
        }
    }

    fn tls_established(mut self) -> Self {
        self.offer.starttls = false;
        self.offer.passwords = true;
        self.state = State::Command;
        self.turned_away = None;
        self.bad_commands = 0;
        self
    }

    fn reject(mut self, failure: &LoginFailure) -> (Self, Output) {
        let reply = match std::mem::replace(&mut self.state, State::Command) {
            State::Anonymous => {
                let refusal = table::anonymous(failure);
                self.turned_away = Some(refusal.clone());
                refusal
            }
            State::Command | State::Response(_) => table::failure(failure),
        };
        (self, reply)
    }

    /// To a MAIL without a login, the upstream's own reply is the first answer.
    fn accept(self, _ready: &SmtpReady) -> Output {
        match self.state {
            State::Anonymous => Output::default(),
            State::Command | State::Response(_) => "235 2.7.0 Authentication successful\r\n".into(),
        }
    }

    fn goodbye(&self, farewell: Farewell) -> Output {
        table::farewell(farewell)
    }
}
