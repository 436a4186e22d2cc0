use super::{Extensions, Reply, ehlo_reply};
use crate::proto::{ClientText, Input, Line, Output, Violation};

/// The conversation after login, as the relay sees it: which commands go upstream as received, which are answered here,
/// and how far the transaction has come.
///
/// MAIL, RCPT, DATA, RSET and NOOP go upstream line by line; their replies come back through [`Conversation::replied`].
/// Everything else is answered here. Nothing is re-encoded (law 5): the parse only decides.
#[derive(Debug)]
pub struct Conversation {
    hostname: String,
    extensions: Extensions,
    message_size: u64,
    envelope: Option<Envelope>,
    bad_commands: u32,
}

/// An open transaction, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse path as the client wrote it, fit to be printed.
    pub from: ClientText,
    /// Recipients that the upstream has taken.
    pub recipients: u32,
}

/// What the relay has to do next.
#[derive(Debug)]
#[must_use = "a step that is not performed stalls the conversation"]
pub enum Turn {
    /// Nothing more can be decided: read bytes from the client, then advance again.
    Read,
    /// Send this to the client, then advance again.
    Answer(Output),
    /// Send this line upstream, read its reply, pass it to [`Conversation::replied`].
    Forward(Output, Command),
    /// Send this to the client and end the session.
    Close(Output, Option<Violation>),
}

/// A command that went upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Opens a transaction.
    Mail {
        /// The reverse path as written.
        from: ClientText,
    },
    /// Adds a recipient.
    Rcpt {
        /// The forward path as written.
        to: ClientText,
    },
    /// Asks to send the body.
    Data,
    /// Abandons the transaction.
    Rset,
    /// RSET sent for a client that said EHLO or HELO within a transaction.
    Restart {
        /// Whether it was EHLO.
        extended: bool,
    },
    /// Keeps the upstream awake too.
    Noop,
}

/// What the upstream's reply means for the client.
#[derive(Debug)]
#[must_use = "the client waits for it"]
pub enum Replied {
    /// Send this to the client, then advance again.
    Answer(Output),
    /// Send this to the client, then relay the body; its outcome ends the transaction.
    Body(Output, Envelope),
}

/// Longest command line after login, in octets: RFC 5321's 512 with room for the parameters of extensions (RFC 3461's
/// ORCPT and ENVID, RFC 6531's addresses).
const LINE: usize = 4096;

/// Nonsense that is tolerated in one session; a mail program makes none, a confused HTTP client a lot.
const BAD_COMMANDS: u32 = 20;

impl Conversation {
    /// After login. `extensions` are what both sides have, `message_size` the largest body taken, in octets.
    #[must_use]
    pub const fn new(hostname: String, extensions: Extensions, message_size: u64) -> Self {
        Self { hostname, extensions, message_size, envelope: None, bad_commands: 0 }
    }

    /// Whether a transaction is open.
    #[must_use]
    pub const fn in_transaction(&self) -> bool {
        self.envelope.is_some()
    }

    /// Consumes one line of `input` and says what to do about it.
    pub fn advance(&mut self, input: &mut Input) -> Turn {
        match input.line(LINE) {
            Line::Incomplete => Turn::Read,
            Line::TooLong => {
                Turn::Close("500 5.5.6 Line too long\r\n".into(), Some(Violation::LineTooLong { limit: LINE }))
            }
            Line::Malformed(_) => self.bad("500 5.5.2 Bare CR, bare LF or NUL in a command\r\n"),
            Line::Whole(line) => self.command(line),
        }
    }

    /// The upstream replied to a forwarded command.
    pub fn replied(&mut self, command: Command, reply: &Reply) -> Replied {
        let answer = Output::from(reply.raw());
        let positive = reply.is_positive();
        match command {
            Command::Mail { from } if positive => self.envelope = Some(Envelope { from, recipients: 0 }),
            Command::Rcpt { .. } if positive => {
                if let Some(envelope) = &mut self.envelope {
                    envelope.recipients += 1;
                }
            }
            Command::Data if reply.code() == 354 => {
                let nobody = || Envelope { from: ClientText::new(""), recipients: 0 };
                return Replied::Body(answer, self.envelope.take().unwrap_or_else(nobody));
            }
            Command::Rset if positive => self.envelope = None,
            Command::Restart { extended } if positive => {
                self.envelope = None;
                return Replied::Answer(self.hello(extended));
            }
            _ => {}
        }
        Replied::Answer(answer)
    }

    fn command(&mut self, line: &[u8]) -> Turn {
        let verb_end = line.iter().position(|octet| !octet.is_ascii_alphabetic()).unwrap_or(line.len());
        let (verb, rest) = line.split_at(verb_end);
        match verb.to_ascii_uppercase().as_slice() {
            b"MAIL" => self.mail(line, rest),
            b"RCPT" => forward(line, Command::Rcpt { to: path(rest) }),
            b"DATA" => forward(line, Command::Data),
            b"RSET" => forward(line, Command::Rset),
            b"NOOP" => forward(line, Command::Noop),
            b"EHLO" => self.restart(true),
            b"HELO" => self.restart(false),
            b"QUIT" => Turn::Close("221 2.0.0 Bye\r\n".into(), None),
            b"VRFY" => Turn::Answer("252 2.5.0 Send some mail and see\r\n".into()),
            b"HELP" => Turn::Answer("214 2.0.0 See RFC 5321\r\n".into()),
            b"AUTH" => self.bad("503 5.5.1 Already authenticated\r\n"),
            b"STARTTLS" => self.bad("503 5.5.1 STARTTLS comes before AUTH\r\n"),
            b"BDAT" => self.bad("502 5.5.1 CHUNKING is not offered; use DATA\r\n"),
            _ => self.bad("500 5.5.1 Command not recognised\r\n"),
        }
    }

    fn mail(&mut self, line: &[u8], rest: &[u8]) -> Turn {
        if self.in_transaction() {
            return self.bad("503 5.5.1 Nested MAIL; finish the message or send RSET\r\n");
        }
        match declared_size(rest) {
            Err(_) => self.bad("501 5.5.4 SIZE is not a number\r\n"),
            Ok(size) if size > self.message_size => Turn::Answer(
                format!("552 5.3.4 Message too large; the limit is {} octets\r\n", self.message_size).into(),
            ),
            Ok(_) => forward(line, Command::Mail { from: path(rest) }),
        }
    }

    /// EHLO and HELO end a transaction (RFC 5321, 4.1.4).
    fn restart(&self, extended: bool) -> Turn {
        if self.in_transaction() {
            forward(b"RSET", Command::Restart { extended })
        } else {
            Turn::Answer(self.hello(extended))
        }
    }

    fn hello(&self, extended: bool) -> Output {
        if extended {
            ehlo_reply(&self.hostname, &self.extensions).into()
        } else {
            format!("250 {}\r\n", self.hostname).into()
        }
    }

    fn bad(&mut self, answer: &str) -> Turn {
        self.bad_commands += 1;
        if self.bad_commands > BAD_COMMANDS {
            let garbage = Violation::Garbage { count: self.bad_commands, protocol: "SMTP" };
            return Turn::Close("421 4.7.0 Too many bad commands\r\n".into(), Some(garbage));
        }
        Turn::Answer(answer.into())
    }
}

/// The line as received, with the CRLF that it ended in.
fn forward(line: &[u8], command: Command) -> Turn {
    Turn::Forward([line, b"\r\n"].concat().into(), command)
}

/// What stands between the colon and the parameters of MAIL or RCPT, for the log. A quoted local part may hold blanks.
fn path(rest: &[u8]) -> ClientText {
    let after_colon = rest.splitn(2, |&octet| octet == b':').nth(1).unwrap_or(rest).trim_ascii_start();
    let end = if after_colon.starts_with(b"<") {
        memchr::memrchr(b'>', after_colon).map_or(after_colon.len(), |at| at + 1)
    } else {
        memchr::memchr(b' ', after_colon).unwrap_or(after_colon.len())
    };
    ClientText::new(&String::from_utf8_lossy(&after_colon[..end]))
}

/// The SIZE parameter of MAIL in octets (RFC 1870), 0 where there is none. More than 18 digits is no size.
fn declared_size(rest: &[u8]) -> Result<u64, NoSize> {
    let parameter = rest.split(|&octet| octet == b' ').find_map(|word| {
        let (name, value) = word.split_at_checked(b"SIZE=".len())?;
        name.eq_ignore_ascii_case(b"SIZE=").then_some(value)
    });
    let Some(digits) = parameter else { return Ok(0) };
    if digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NoSize);
    }
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(NoSize)
}

struct NoSize;
