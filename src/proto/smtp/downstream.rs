use super::{Extensions, ehlo_reply, table};
use crate::proto::sasl::{self, LOGIN_PASSWORD_PROMPT, LOGIN_USER_PROMPT, LoginUser, SaslError, ServerMechanism};
use crate::proto::{
    Credentials, DownstreamLogin, DownstreamStep, Farewell, Input, Line, LoginFailure, Offer, Output, Violation,
};

use super::SmtpReady;

/// The side of the local program, from the banner to its login.
#[derive(Debug)]
pub struct SmtpDownstream {
    offer: Offer,
    state: State,
    bad_commands: u32,
}

/// What is awaited.
enum State {
    Command,
    /// The base64 of a PLAIN message.
    Plain,
    /// The base64 of a user name.
    LoginUser,
    /// The base64 of a password.
    LoginPassword(LoginUser),
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Command => "Command",
            Self::Plain => "Plain",
            Self::LoginUser => "LoginUser",
            Self::LoginPassword(_) => "LoginPassword",
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
        Self { offer, state: State::Command, bad_commands: 0 }
    }

    fn command(self, line: &[u8]) -> (Self, DownstreamStep) {
        let line = line.trim_ascii_end();
        let verb_end = line.iter().position(|octet| !octet.is_ascii_alphabetic()).unwrap_or(line.len());
        let (verb, rest) = line.split_at(verb_end);
        match verb.to_ascii_uppercase().as_slice() {
            b"EHLO" => self.ehlo(),
            b"HELO" => {
                let hello = format!("250 {}\r\n", self.offer.hostname);
                self.write(hello)
            }
            b"AUTH" => self.auth(rest),
            b"NOOP" | b"RSET" => self.write("250 2.0.0 Ok\r\n"),
            b"QUIT" => (self, DownstreamStep::Close("221 2.0.0 Bye\r\n".into(), None)),
            b"HELP" => self.write("214 2.0.0 See RFC 5321\r\n"),
            b"VRFY" | b"MAIL" | b"RCPT" | b"DATA" | b"BDAT" => self.bad("530 5.7.0 Authentication required\r\n"),
            _ => self.bad("500 5.5.1 Command not recognised\r\n"),
        }
    }

    fn ehlo(self) -> (Self, DownstreamStep) {
        let Offer { message_size, starttls, passwords, .. } = self.offer;
        let extensions = Extensions::ours(message_size, starttls, passwords);
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
            return self.write(table::failure(&LoginFailure::TlsRequired));
        }
        let Some(mechanism) = ServerMechanism::named(name) else {
            return self.write(table::failure(&LoginFailure::MechanismNotOffered));
        };
        match (mechanism, response) {
            (ServerMechanism::Plain, None) => self.challenge(State::Plain, ""),
            (ServerMechanism::Login, None) => self.challenge(State::LoginUser, LOGIN_USER_PROMPT),
            (ServerMechanism::Plain, Some(response)) => self.response(State::Plain, response),
            (ServerMechanism::Login, Some(response)) => self.response(State::LoginUser, response),
        }
    }

    fn challenge(mut self, awaited: State, prompt: &str) -> (Self, DownstreamStep) {
        self.state = awaited;
        self.write(format!("334 {prompt}\r\n"))
    }

    /// A line of the exchange; `=` stands for an empty one, `*` cancels (RFC 4954, 4).
    fn response(mut self, awaited: State, line: &[u8]) -> (Self, DownstreamStep) {
        self.state = State::Command;
        let line = line.trim_ascii();
        if line == b"*" {
            return self.bad("501 5.7.0 Authentication cancelled\r\n");
        }
        let message = match sasl::decode(if line == b"=" { b"" } else { line }) {
            Ok(message) => message,
            Err(error) => return self.unreadable(error),
        };
        match awaited {
            State::Command => (self, DownstreamStep::Read),
            State::Plain => match sasl::plain(&message) {
                Ok(credentials) => self.login(credentials),
                Err(error) => self.unreadable(error),
            },
            State::LoginUser => self.challenge(State::LoginPassword(LoginUser::new(&message)), LOGIN_PASSWORD_PROMPT),
            State::LoginPassword(user) => self.login(user.password(&message)),
        }
    }

    fn unreadable(self, error: SaslError) -> (Self, DownstreamStep) {
        match error {
            SaslError::NotBase64 => self.bad("501 5.5.2 Not base64\r\n"),
            SaslError::NotPlain => self.bad("501 5.5.2 Not a PLAIN message\r\n"),
            SaslError::Impersonation => self.write(table::failure(&LoginFailure::BadCredentials)),
        }
    }

    const fn login(self, credentials: Credentials) -> (Self, DownstreamStep) {
        (self, DownstreamStep::Login(credentials))
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

impl DownstreamLogin for SmtpDownstream {
    type Ready = SmtpReady;

    fn greet(&self) -> Output {
        // Some libraries (vert.x, haxe) look for the word ESMTP.
        format!("220 {} ESMTP Gatepost\r\n", self.offer.hostname).into()
    }

    fn advance(mut self, input: &mut Input) -> (Self, DownstreamStep) {
        let line = match input.line(LINE) {
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
            State::Command => self.command(&line),
            awaited => self.response(awaited, &line),
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

    fn accept(self, _ready: &SmtpReady) -> Output {
        "235 2.7.0 Authentication successful\r\n".into()
    }

    fn goodbye(&self, farewell: Farewell) -> Output {
        table::farewell(farewell)
    }
}
