use std::collections::VecDeque;

use smtp_proto::{EXT_PIPELINING, EXT_START_TLS};

use super::argument::Argument;
use super::{BodyLines, Extensions, Recipients, Reply, ehlo_reply, parameters};
use crate::proto::{ClientText, Input, Line, Newline, Output, Violation};

/// The conversation after login, as the relay sees it: which commands go upstream, which are answered here, and how far
/// the transaction has come.
///
/// MAIL, RCPT, DATA, RSET and NOOP go upstream, in groups where the upstream offers PIPELINING (RFC 2920); their replies
/// come back in order, each with the oldest [`Conversation::due`]. Everything else is answered here. The parse decides and
/// the bytes received go on (law 5), but for what [`Argument`] makes regular and [`parameters`] replaces.
///
/// What depends on replies that are still due is decided when they are in, so that a command means the same however it
/// arrives (law 10).
#[derive(Debug)]
pub struct Conversation {
    hostname: String,
    upstream: Extensions,
    /// Largest message that both sides take, in octets.
    limit: u64,
    envelope: Option<Envelope>,
    /// Went upstream and are not answered yet, the oldest first.
    due: VecDeque<Command>,
    /// Why the last MAIL went no further than here: RCPT and DATA that were sent along hear the same, for a client that
    /// looks at the last reply only must not take "try again later" for a permanent 503.
    turned_away: Option<Output>,
    bad_commands: u32,
    newline: Newline,
    body_lines: BodyLines,
    /// Whom the client may write to; anyone where there is nothing.
    recipients: Option<Recipients>,
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
    /// Nothing more can be decided, and nothing is due: read bytes from the client, then advance again.
    Read,
    /// Let the group go upstream and pass on the replies to all that is due, then advance again.
    Settle,
    /// Settle, send this to the client, then advance again.
    Answer(Output),
    /// Settle, send this refusal of a command to the client, then advance again.
    Refuse(Output, Command),
    /// Add this line to the group and tell [`Conversation::forwarded`] of it, then advance again. A MAIL may be turned
    /// away instead, by [`Conversation::turn_away`].
    Forward(Output, Command),
    /// Settle, send this to the client and end the session.
    Close(Output, Option<Violation>),
}

/// A command that goes upstream.
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
    /// Send this to the client.
    Answer(Output),
    /// Send this to the client, then relay the body; its outcome ends the transaction.
    Body(Output, Envelope),
    /// Send this to the client and end the session: what it has sent behind DATA is a message, no commands.
    Impatient(Output),
    /// No such reply can be given to this command: the upstream is out of step.
    Nonsense,
}

/// Longest command line after login, in octets: RFC 5321's 512 with room for the parameters of extensions (RFC 3461's
/// ORCPT and ENVID, RFC 6531's addresses).
const LINE: usize = 4096;

/// Commands that may be under way upstream. Their replies have to fit into the buffers of the connection while the group
/// is still being written, or both sides would wait for each other (RFC 2920, 3.1).
const GROUP: usize = 100;

/// Nonsense that is tolerated in one session; a mail program makes none, a confused HTTP client a lot.
const BAD_COMMANDS: u32 = 20;

impl Command {
    /// Whether what follows may depend on its reply in a way that no group allows (RFC 2920, 3.1).
    const fn ends_group(&self) -> bool {
        matches!(self, Self::Data | Self::Restart { .. } | Self::Noop)
    }

    /// Whether a server can mean this command by that code.
    const fn suits(&self, code: u16) -> bool {
        match (self, code / 100) {
            (_, 4 | 5) => true,
            (Self::Data, _) => code == 354,
            (_, class) => class == 2,
        }
    }
}

impl Conversation {
    /// After login. `upstream` is what the upstream offers, `message_size` the largest body that we take, in octets.
    #[must_use]
    pub fn new(hostname: String, upstream: Extensions, message_size: u64) -> Self {
        let limit = upstream.size.map_or(message_size, |size| size.min(message_size));
        let due = VecDeque::new();
        Self {
            hostname,
            upstream,
            limit,
            envelope: None,
            due,
            turned_away: None,
            bad_commands: 0,
            newline: Newline::Strict,
            body_lines: BodyLines::Strict,
            recipients: None,
        }
    }

    /// The same with what ends the client's lines.
    #[must_use]
    pub fn with_newline(self, newline: Newline) -> Self {
        Self { newline, ..self }
    }

    /// The same for a client that may write to these only.
    #[must_use]
    pub fn only_to(self, recipients: Option<Recipients>) -> Self {
        Self { recipients, ..self }
    }

    /// How the lines of a body end whose DATA was the last line.
    #[must_use]
    pub const fn body_lines(&self) -> BodyLines {
        self.body_lines
    }

    /// Whether a transaction is open, as far as the replies tell that are in.
    #[must_use]
    pub const fn in_transaction(&self) -> bool {
        self.envelope.is_some()
    }

    /// Whether nothing is under way: no transaction, no reply that is due.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        !self.in_transaction() && self.due.is_empty()
    }

    /// Whether what the client was offered holds at this upstream, too.
    #[must_use]
    pub fn fits(&self, upstream: &Extensions) -> bool {
        let room = upstream.size.is_none_or(|size| size >= self.limit);
        room && self.upstream.flags & !upstream.flags & !EXT_START_TLS == 0
    }

    /// What the upstream offers.
    #[must_use]
    pub fn into_upstream(self) -> Extensions {
        self.upstream
    }

    /// Takes the command whose reply is due next, for [`Conversation::replied`].
    pub fn due(&mut self) -> Option<Command> {
        self.due.pop_front()
    }

    /// Consumes one line of `input` and says what to do about it.
    pub fn advance(&mut self, input: &mut Input) -> Turn {
        if self.must_settle(input.rest()) {
            return Turn::Settle;
        }
        self.body_lines = match self.newline {
            Newline::Strict => BodyLines::Strict,
            Newline::Lenient if input.is_next_bare() => BodyLines::Lf,
            Newline::Lenient => BodyLines::Crlf,
        };
        match input.command(LINE, self.newline) {
            Line::Incomplete if self.due.is_empty() => Turn::Read,
            Line::Incomplete => Turn::Settle,
            Line::TooLong => {
                Turn::Close("500 5.5.6 Line too long\r\n".into(), Some(Violation::LineTooLong { limit: LINE }))
            }
            Line::Malformed(_) => self.bad("500 5.5.2 Bare CR, bare LF or NUL in a command\r\n"),
            Line::Whole(line) if is_verb(line, b"DATA") => match self.along(line, Command::Data) {
                Turn::Answer(refusal) if !input.is_empty() => Turn::Close(refusal, Some(Violation::Impatient)),
                turn => turn,
            },
            Line::Whole(line) => self.command(line),
        }
    }

    /// A line was added to the group.
    pub fn forwarded(&mut self, command: Command) {
        if matches!(command, Command::Mail { .. } | Command::Rset | Command::Restart { .. }) {
            self.turned_away = None;
        }
        self.due.push_back(command);
    }

    /// A MAIL was not forwarded, and its client told this.
    pub fn turn_away(&mut self, answer: Output) {
        self.turned_away = Some(answer);
    }

    /// The upstream replied to a forwarded command; `ahead` says whether the client has sent more already.
    pub fn replied(&mut self, command: Command, reply: &Reply, ahead: bool) -> Replied {
        if !command.suits(reply.code()) {
            return Replied::Nonsense;
        }
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
            Command::Data if ahead => return Replied::Impatient(answer),
            Command::Rset if positive => self.envelope = None,
            Command::Restart { extended } if positive => {
                self.envelope = None;
                return Replied::Answer(self.hello(extended));
            }
            _ => {}
        }
        Replied::Answer(answer)
    }

    /// Whether the next command has to wait for the replies that are due.
    fn must_settle(&self, rest: &[u8]) -> bool {
        let Some(last) = self.due.back() else { return false };
        let pipelining = self.upstream.flags & EXT_PIPELINING != 0;
        let joins = is_verb(rest, b"RCPT")
            || is_verb(rest, b"DATA")
            || is_verb(rest, b"RSET")
            || is_verb(rest, b"NOOP")
            || is_verb(rest, b"MAIL") && !self.may_be_open();
        !joins || !pipelining || last.ends_group() || self.due.len() >= GROUP
    }

    /// Whether a transaction will be open when all replies are in, for all that is known now.
    fn may_be_open(&self) -> bool {
        let decides = |command: &&Command| matches!(command, Command::Mail { .. } | Command::Rset);
        match self.due.iter().rev().find(decides) {
            Some(command) => matches!(command, Command::Mail { .. }),
            None => self.in_transaction(),
        }
    }

    fn command(&mut self, line: &[u8]) -> Turn {
        match verb(line).to_ascii_uppercase().as_slice() {
            b"MAIL" => self.mail(line),
            b"RCPT" => self.rcpt(line),
            b"RSET" => forward(line, Command::Rset),
            b"NOOP" => forward(line, Command::Noop),
            b"EHLO" => self.restart(true),
            b"HELO" => self.restart(false),
            b"QUIT" => Turn::Close("221 2.0.0 Bye\r\n".into(), None),
            b"VRFY" => Turn::Answer("252 2.5.0 Send some mail and see\r\n".into()),
            b"EXPN" => Turn::Answer("502 5.5.1 EXPN is not offered\r\n".into()),
            b"HELP" => Turn::Answer("214 2.0.0 See RFC 5321\r\n".into()),
            b"AUTH" => self.bad("503 5.5.1 Already authenticated\r\n"),
            b"STARTTLS" => self.bad("503 5.5.1 STARTTLS comes before AUTH\r\n"),
            b"BDAT" => self.bad("502 5.5.1 CHUNKING is not offered; use DATA\r\n"),
            _ => self.bad("500 5.5.1 Command not recognised\r\n"),
        }
    }

    /// All that decides about a MAIL without waiting, and the one place where its line is made.
    fn mail(&mut self, line: &[u8]) -> Turn {
        if self.may_be_open() {
            return self.bad("503 5.5.1 Nested MAIL; finish the message or send RSET\r\n");
        }
        let Some(mut argument) = Argument::parse(line, "FROM") else {
            return self.refuse_mail("501 5.1.7 Syntax: MAIL FROM:<address>\r\n".into(), as_written(line));
        };
        let from = argument.text();
        match parameters::mail(&mut argument, &self.upstream, self.limit) {
            Ok(()) => Turn::Forward(argument.line().into(), Command::Mail { from }),
            Err(refusal) => self.refuse_mail(refusal, from),
        }
    }

    fn refuse_mail(&mut self, refusal: Output, from: ClientText) -> Turn {
        self.turn_away(refusal.clone());
        Turn::Refuse(refusal, Command::Mail { from })
    }

    fn rcpt(&self, line: &[u8]) -> Turn {
        let Some(mut argument) = Argument::parse(line, "TO") else {
            let to = as_written(line);
            return Turn::Refuse("501 5.1.3 Syntax: RCPT TO:<address>\r\n".into(), Command::Rcpt { to });
        };
        let to = argument.text();
        if let Err(refusal) = parameters::rcpt(&mut argument, &self.upstream) {
            return Turn::Refuse(refusal, Command::Rcpt { to });
        }
        let line = argument.line();
        match self.along(&line, Command::Rcpt { to }) {
            Turn::Forward(_, Command::Rcpt { to }) if !self.may_write_to(&line) => {
                let refusal = format!("550 5.7.1 {to} is not allowed from here without a login\r\n");
                Turn::Refuse(refusal.into(), Command::Rcpt { to })
            }
            turn => turn,
        }
    }

    /// Judges the line as it would go upstream.
    fn may_write_to(&self, line: &[u8]) -> bool {
        let (_, arguments) = line.split_at(verb(line).len());
        self.recipients.as_ref().is_none_or(|recipients| recipients.allow(arguments.trim_ascii_end()))
    }

    /// RCPT and DATA: the upstream judges whether it is their turn, unless their MAIL never reached it.
    fn along(&self, line: &[u8], command: Command) -> Turn {
        match &self.turned_away {
            Some(refusal) => Turn::Answer(refusal.clone()),
            None => forward(line, command),
        }
    }

    /// EHLO and HELO end a transaction (RFC 5321, 4.1.4).
    fn restart(&mut self, extended: bool) -> Turn {
        if self.in_transaction() {
            return forward(b"RSET", Command::Restart { extended });
        }
        self.turned_away = None;
        Turn::Answer(self.hello(extended))
    }

    fn hello(&self, extended: bool) -> Output {
        if extended {
            ehlo_reply(&self.hostname, &self.upstream.relayed(self.limit)).into()
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

fn verb(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|octet| !octet.is_ascii_alphabetic()).unwrap_or(line.len());
    &line[..end]
}

fn is_verb(line: &[u8], name: &[u8]) -> bool {
    verb(line).eq_ignore_ascii_case(name)
}

/// The arguments of a line that makes no sense, fit to be printed.
fn as_written(line: &[u8]) -> ClientText {
    ClientText::new(&String::from_utf8_lossy(&line[verb(line).len()..]))
}

/// The line as received but for blanks at its end, with CRLF, whatever it ended in.
fn forward(line: &[u8], command: Command) -> Turn {
    Turn::Forward([line.trim_ascii_end(), b"\r\n"].concat().into(), command)
}
