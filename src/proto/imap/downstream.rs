use imap_codec::CommandCodec;
use imap_codec::decode::Decoder as _;
use imap_types::command::CommandBody;
use zeroize::Zeroizing;

use super::command::{self, Announcement, Piece};
use super::{ImapReady, table};
use crate::proto::sasl::{Exchange, Progress, SaslError, ServerMechanism};
use crate::proto::{
    Credentials, DownstreamLogin, DownstreamStep, Farewell, Input, Line, LoginFailure, Offer, Output, Violation,
};

/// The side of the local program, from the greeting to its login.
pub struct ImapDownstream {
    offer: Offer,
    state: State,
    bad_commands: u32,
}

/// What is awaited.
enum State {
    /// A command, or the rest of one.
    Command(Partial),
    /// A line of a SASL exchange.
    Response(Tag, Exchange),
    /// The verdict on credentials.
    Verdict(Tag),
}

type Tag = String;
type Stepped = (ImapDownstream, DownstreamStep);

/// A command as far as it has come.
#[derive(Default)]
struct Partial {
    pieces: Vec<Piece>,
    /// The literal that comes next.
    literal: Option<usize>,
    /// Octets so far.
    size: usize,
}

/// Longest line, in octets: a SASL response as RFC 4954 wants it, the most that any command before login needs.
const LINE: usize = 12_288;
/// Longest literal, in octets: user names and passwords; also what LITERAL- allows (RFC 7888, 5).
const LITERAL: usize = 4096;
/// Longest command with all its lines and literals, in octets.
const COMMAND: usize = 16_384;
/// Nonsense that is tolerated before login.
const BAD_COMMANDS: u32 = 10;

impl ImapDownstream {
    /// A fresh connection.
    #[must_use]
    pub fn new(offer: Offer) -> Self {
        Self { offer, state: State::Command(Partial::default()), bad_commands: 0 }
    }

    fn capabilities(&self) -> String {
        let starttls = if self.offer.starttls { " STARTTLS" } else { "" };
        let login = if self.offer.passwords { " AUTH=PLAIN AUTH=LOGIN" } else { " LOGINDISABLED" };
        format!("IMAP4rev1 LITERAL+ SASL-IR ID{starttls}{login}")
    }

    /// Reads on in a command until it is whole or something has to be said.
    fn command(mut self, mut partial: Partial, input: &mut Input) -> Stepped {
        if let Some(length) = partial.literal {
            if input.len() < length {
                self.state = State::Command(partial);
                return (self, DownstreamStep::Read);
            }
            partial.pieces.push(Piece::Literal(Zeroizing::new(input.take(length).to_vec())));
            partial.literal = None;
        }
        let line = match input.command(LINE, self.offer.newline) {
            Line::Incomplete => {
                self.state = State::Command(partial);
                return (self, DownstreamStep::Read);
            }
            Line::TooLong => return self.bye("Line too long", Violation::LineTooLong { limit: LINE }),
            Line::Malformed(line) => {
                let tag = command::tag(line).unwrap_or("*").to_owned();
                return self.bad(&tag, "Bare CR, bare LF or NUL in a command");
            }
            Line::Whole(line) => Zeroizing::new(line.to_vec()),
        };
        partial.size += line.len();
        if let Some((text, announced)) = command::announcement(&line) {
            partial.pieces.push(Piece::Text(Zeroizing::new(text.to_vec())));
            self.announced(partial, announced)
        } else {
            partial.pieces.push(Piece::Text(line));
            self.execute(&partial.pieces, input)
        }
    }

    /// A literal is coming. One that the client holds back until asked is refused by not asking; one that comes anyway
    /// has to be read, or ends the connection.
    fn announced(mut self, mut partial: Partial, announced: Announcement) -> Stepped {
        let Announcement { length, waits } = announced;
        partial.size = partial.size.saturating_add(length);
        if length > LITERAL || partial.size > COMMAND {
            return if waits {
                let tag = tag_of(&partial.pieces);
                self.bad(&tag, "[TOOBIG] Literal too large")
            } else {
                self.bye("[TOOBIG] Literal too large", Violation::CommandTooLong { limit: COMMAND })
            };
        }
        if waits {
            let (tag, is_login) = (tag_of(&partial.pieces), is_login(&partial.pieces));
            if !is_login {
                return self.bad(&tag, "No literal is expected here");
            }
            if !self.offer.passwords {
                let required = self.offer.tls_first();
                return self.refuse(&tag, &required);
            }
        }
        partial.literal = Some(length);
        self.state = State::Command(partial);
        if waits { self.write("+ OK\r\n") } else { (self, DownstreamStep::Write(Output::default())) }
    }

    fn execute(self, pieces: &[Piece], input: &Input) -> Stepped {
        let Some(Piece::Text(line)) = pieces.first() else { return self.bad("*", "No command") };
        let Some(tag) = command::tag(line) else { return self.bad("*", "No tag") };
        let (verb, rest) = command::verb(line);
        match verb.as_slice() {
            b"LOGIN" => self.login(tag, command::arguments(rest, &pieces[1..]).as_deref()),
            b"AUTHENTICATE" if pieces.len() == 1 => self.authenticate(tag, rest),
            // Whatever is told: some clients write its list in ways that no grammar has.
            b"ID" if pieces.len() == 1 => self.id(tag),
            _ if pieces.len() == 1 => self.other(tag, line, input),
            _ => self.bad(tag, "No literal is expected here"),
        }
    }

    fn login(mut self, tag: &str, arguments: Option<&[Zeroizing<Vec<u8>>]>) -> Stepped {
        if !self.offer.passwords {
            let required = self.offer.tls_first();
            return self.refuse(tag, &required);
        }
        let Some([user, password]) = arguments else { return self.bad(tag, "Syntax: LOGIN user password") };
        if user.contains(&0) || password.contains(&0) {
            return self.bad(tag, "NUL in a literal");
        }
        self.state = State::Verdict(tag.to_owned());
        (self, DownstreamStep::Login(Credentials::from_octets(user, password)))
    }

    fn authenticate(self, tag: &str, arguments: &[u8]) -> Stepped {
        let mut words = arguments.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (Some(name), response, None) = (words.next(), words.next(), words.next()) else {
            return self.bad(tag, "Syntax: AUTHENTICATE mechanism [initial-response]");
        };
        if !self.offer.passwords {
            let required = self.offer.tls_first();
            return self.refuse(tag, &required);
        }
        match ServerMechanism::named(name) {
            None => self.refuse(tag, &LoginFailure::MechanismNotOffered),
            Some(mechanism) => self.exchanged(tag.to_owned(), Exchange::begin(mechanism, response)),
        }
    }

    fn exchanged(mut self, tag: Tag, progress: Progress) -> Stepped {
        match progress {
            Progress::Challenge(exchange, prompt) => {
                self.state = State::Response(tag, exchange);
                self.write(format!("+ {prompt}\r\n"))
            }
            Progress::Credentials(credentials) => {
                self.state = State::Verdict(tag);
                (self, DownstreamStep::Login(credentials))
            }
            Progress::Failed(SaslError::Cancelled) => self.bad(&tag, "Authentication cancelled"),
            Progress::Failed(SaslError::NotBase64) => self.bad(&tag, "Not base64"),
            Progress::Failed(SaslError::NotPlain) => self.bad(&tag, "Not a PLAIN message"),
            Progress::Failed(SaslError::Impersonation) => self.refuse(&tag, &LoginFailure::BadCredentials),
        }
    }

    fn id(self, tag: &str) -> Stepped {
        self.write(format!("* ID (\"name\" \"Gatepost\")\r\n{tag} OK ID completed\r\n"))
    }

    /// Everything but LOGIN, AUTHENTICATE and ID, by the grammar.
    fn other(self, tag: &str, line: &[u8], input: &Input) -> Stepped {
        let whole = [line.trim_ascii_end(), b"\r\n"].concat();
        // The command is never printed: imap-types shows secrets in debug builds.
        let Ok((_, parsed)) = CommandCodec::default().decode(&whole) else {
            return self.bad(tag, "Command not understood");
        };
        match parsed.body {
            CommandBody::Capability => {
                let reply = format!("* CAPABILITY {}\r\n{tag} OK CAPABILITY completed\r\n", self.capabilities());
                self.write(reply)
            }
            CommandBody::Noop => self.write(format!("{tag} OK NOOP completed\r\n")),
            CommandBody::Logout => {
                let reply = format!("* BYE Bye\r\n{tag} OK LOGOUT completed\r\n");
                (self, DownstreamStep::Close(reply.into(), None))
            }
            CommandBody::StartTLS if self.offer.starttls => self.starttls(tag, input),
            CommandBody::StartTLS => self.bad(tag, "STARTTLS is not offered"),
            _ => self.bad(tag, "Log in first"),
        }
    }

    /// Looks at what is left in the input: bytes that came with STARTTLS would be taken for the encrypted session's.
    fn starttls(self, tag: &str, input: &Input) -> Stepped {
        if !input.is_empty() {
            return self.bye("Nothing may be sent between STARTTLS and TLS", Violation::BytesBeforeTls);
        }
        (self, DownstreamStep::StartTls(format!("{tag} OK Begin TLS\r\n").into()))
    }

    fn refuse(self, tag: &str, failure: &LoginFailure) -> Stepped {
        self.write(format!("{tag} NO {}\r\n", table::failure(failure)))
    }

    fn write(self, output: impl Into<Output>) -> Stepped {
        (self, DownstreamStep::Write(output.into()))
    }

    fn bye(self, text: &str, violation: Violation) -> Stepped {
        (self, DownstreamStep::Close(format!("* BYE {text}\r\n").into(), Some(violation)))
    }

    fn bad(mut self, tag: &str, text: &str) -> Stepped {
        self.bad_commands += 1;
        if self.bad_commands > BAD_COMMANDS {
            let garbage = Violation::Garbage { count: self.bad_commands, protocol: "IMAP" };
            return self.bye("Too many bad commands", garbage);
        }
        self.write(format!("{tag} BAD {text}\r\n"))
    }
}

fn first_line(pieces: &[Piece]) -> &[u8] {
    if let Some(Piece::Text(line)) = pieces.first() { line } else { b"" }
}

fn tag_of(pieces: &[Piece]) -> String {
    command::tag(first_line(pieces)).unwrap_or("*").to_owned()
}

fn is_login(pieces: &[Piece]) -> bool {
    command::verb(first_line(pieces)).0 == b"LOGIN"
}

impl DownstreamLogin for ImapDownstream {
    type Ready = ImapReady;

    fn greet(&self) -> Output {
        // Some clients never ask for CAPABILITY and go by the greeting.
        format!("* OK [CAPABILITY {}] Gatepost ready\r\n", self.capabilities()).into()
    }

    fn advance(mut self, input: &mut Input) -> (Self, DownstreamStep) {
        match std::mem::replace(&mut self.state, State::Command(Partial::default())) {
            State::Command(partial) => self.command(partial, input),
            // Nothing is read until `reject` or `accept` has answered.
            State::Verdict(tag) => {
                self.state = State::Verdict(tag);
                (self, DownstreamStep::Read)
            }
            State::Response(tag, exchange) => match input.command(LINE, self.offer.newline) {
                Line::Incomplete => {
                    self.state = State::Response(tag, exchange);
                    (self, DownstreamStep::Read)
                }
                Line::TooLong => self.bye("Line too long", Violation::LineTooLong { limit: LINE }),
                Line::Malformed(_) => self.bad("*", "Bare CR, bare LF or NUL in a response"),
                Line::Whole(line) => {
                    let progress = exchange.advance(line);
                    self.exchanged(tag, progress)
                }
            },
        }
    }

    fn tls_established(mut self) -> Self {
        self.offer.starttls = false;
        self.offer.passwords = true;
        self.state = State::Command(Partial::default());
        self.bad_commands = 0;
        self
    }

    fn reject(mut self, failure: &LoginFailure) -> (Self, Output) {
        let tag = self.verdict_tag();
        let reply = format!("{tag} NO {}\r\n", table::failure(failure));
        (self, reply.into())
    }

    fn accept(mut self, ready: &ImapReady) -> Output {
        let tag = self.verdict_tag();
        let mut reply = Output::from(format!("{tag} OK "));
        if !ready.capabilities.is_empty() {
            reply.extend(b"[CAPABILITY ");
            reply.extend(&ready.capabilities);
            reply.extend(b"] ");
        }
        reply.extend(b"Logged in\r\n");
        reply
    }

    fn goodbye(&self, farewell: Farewell) -> Output {
        table::farewell(farewell).into()
    }
}

impl ImapDownstream {
    /// The tag that waits for a verdict; the state goes back to the next command.
    fn verdict_tag(&mut self) -> Tag {
        match std::mem::replace(&mut self.state, State::Command(Partial::default())) {
            State::Verdict(tag) => tag,
            _ => "*".into(),
        }
    }
}
