use std::collections::VecDeque;

use super::lines::{Cut, Lines, announced};
use super::pop3::code;
use super::smtp::mechanism;
use super::step::{Open, Step};
use super::tap::{Stage, Steps, word};
use super::words::{IMAP, ITEMS, STATUS, Shows, UNTAGGED, command, known};

/// Hears commands and responses; literals, which may be messages or passwords, are counted.
#[derive(Debug)]
pub(super) struct Imap {
    state: State,
    from_client: Lines,
    from_server: Lines,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    /// What the client says belongs to a login.
    login: bool,
    idle: bool,
    /// The next line belongs to the command, or the response, before it.
    continues: [bool; 2],
    /// The client asked whether it may send a literal.
    asks: bool,
    /// Octets of a literal that was refused: a client that did not wait for the answer sends it all the same.
    doubtful: u64,
    /// Of commands whose end is due.
    tags: VecDeque<Vec<u8>>,
}

/// More commands than any client has under way.
const TAGS: usize = 256;
const CLIENT: usize = 0;
const SERVER: usize = 1;

impl Imap {
    pub(super) fn new(stage: Stage) -> Self {
        let talk = State {
            stage,
            login: false,
            idle: false,
            continues: [false; 2],
            asks: false,
            doubtful: 0,
            tags: VecDeque::new(),
        };
        Self { state: talk, from_client: Lines::default(), from_server: Lines::default() }
    }

    pub(super) fn client(&mut self, bytes: &[u8], steps: &mut Steps) {
        let Self { state, from_client, .. } = self;
        from_client.feed(bytes, |cut| match cut {
            Cut::Literal(octets) => {
                steps.push(Step::empty().hidden(octets));
                0
            }
            Cut::Line(line, length, tail) => {
                let literal = announced(tail);
                steps.extend(state.said(line, length));
                state.continues[CLIENT] = literal.is_some();
                state.asks = literal.is_some_and(|(_, asks)| asks);
                literal.map_or(0, |(octets, _)| octets)
            }
        });
    }

    pub(super) fn server(&mut self, bytes: &[u8], steps: &mut Steps) {
        let Self { state, from_client, from_server } = self;
        from_server.feed(bytes, |cut| match cut {
            Cut::Literal(octets) => {
                steps.push(Step::empty().hidden(octets));
                0
            }
            Cut::Line(line, length, tail) => {
                let within = state.continues[SERVER];
                let literal = announced(tail);
                state.continues[SERVER] = literal.is_some();
                if !within {
                    let (step, ends) = state.responded(line, length);
                    steps.push(step);
                    if ends && state.asks {
                        state.asks = false;
                        state.continues[CLIENT] = false;
                        state.doubtful = state.doubtful.saturating_add(from_client.cancel_literal());
                    }
                    if line.starts_with(b"+") {
                        state.asks = false;
                    }
                }
                literal.map_or(0, |(octets, _)| octets)
            }
        });
    }
}

impl State {
    fn said(&mut self, line: &[u8], length: u64) -> Option<Step> {
        if self.continues[CLIENT] {
            return (!line.is_empty()).then(|| Step::empty().hidden(line.len() as u64));
        }
        if self.login {
            return Some(Step::empty().hidden_as(length, "a login"));
        }
        if self.idle && line.eq_ignore_ascii_case(b"DONE") {
            self.idle = false;
            return Some(Step::word("DONE"));
        }
        let whole = self.stage.arguments() && self.doubtful == 0;
        self.doubtful = self.doubtful.saturating_sub(length);
        Some(self.command(line, whole).unwrap_or_else(|| Step::empty().hidden(length)))
    }

    fn command(&mut self, line: &[u8], whole: bool) -> Option<Step> {
        let (tag, rest) = word(line);
        if !is_tag(tag) {
            return None;
        }
        if self.tags.len() >= TAGS {
            self.tags.pop_front();
        }
        self.tags.push_back(tag.to_vec());
        let (first, behind) = word(rest);
        let uid = first.eq_ignore_ascii_case(b"UID");
        let (verb, arguments) = if uid { word(behind) } else { (first, behind) };
        let (name, shows) = command(IMAP, verb)?;
        self.login = shows == Shows::Mechanism;
        self.idle = name == "IDLE";
        let step = if whole { Step::empty().open(&Open::tag(tag)) } else { Step::empty() };
        let step = if uid { step.and("UID").and(name) } else { step.and(name) };
        Some(if whole { argued(step, shows, arguments) } else { step })
    }

    /// What a response shows, and whether it ends a command.
    fn responded(&mut self, line: &[u8], length: u64) -> (Step, bool) {
        let (first, rest) = word(line);
        if first == b"+" {
            return (Step::word("+").hidden(rest.len() as u64), false);
        }
        if first == b"*" {
            return (self.untagged(rest, length), false);
        }
        let (status, text) = word(rest);
        let due = self.tags.iter().position(|tag| tag == first);
        let Some(status) = known(&STATUS[..3], status) else { return (Step::empty().hidden(length), false) };
        let Some(due) = due else {
            let step = if self.stage == Stage::Within { Step::word(status) } else { Step::empty().hidden(length) };
            return (step, false);
        };
        self.tags.remove(due);
        let of_login = std::mem::take(&mut self.login);
        if !self.stage.arguments() {
            return (Step::word(status), true);
        }
        let step = Step::empty().open(&Open::tag(first)).and(status);
        (self.status(step, text, of_login), true)
    }

    fn untagged(&self, rest: &[u8], length: u64) -> Step {
        let (first, behind) = word(rest);
        let number = std::str::from_utf8(first).ok().and_then(|first| first.parse::<u64>().ok());
        let (keyword, behind) = if number.is_some() { word(behind) } else { (first, behind) };
        let Some(keyword) = known(UNTAGGED, keyword) else { return Step::empty().hidden(length) };
        if !self.stage.arguments() {
            return Step::word("*").and(keyword);
        }
        let step = number.map_or_else(|| Step::word("*"), |number| Step::word("*").number(number)).and(keyword);
        if STATUS.contains(&keyword) { self.status(step, behind, false) } else { step.hidden(behind.len() as u64) }
    }

    fn status(&self, step: Step, text: &[u8], of_login: bool) -> Step {
        let (step, text) = code(step, text);
        let hides = of_login && self.stage != Stage::LoginHere;
        if self.stage.texts() && !hides { step.open(&Open::reply(text)) } else { step.hidden(text.len() as u64) }
    }
}

fn is_tag(tag: &[u8]) -> bool {
    (1..=32).contains(&tag.len()) && tag.iter().all(|octet| octet.is_ascii_alphanumeric() || b"._-$/#".contains(octet))
}

fn argued(step: Step, shows: Shows, arguments: &[u8]) -> Step {
    match shows {
        Shows::Mechanism => mechanism(step, arguments),
        Shows::Mailbox => {
            let (step, rest) = mailbox(step, arguments);
            items(step, rest)
        }
        Shows::Numbers if !arguments.is_empty() => {
            let (numbers, rest) = word(arguments);
            items(step.numbers(numbers), rest)
        }
        Shows::NumbersMailbox => {
            let (numbers, rest) = word(arguments);
            let (step, rest) = mailbox(step.numbers(numbers), rest);
            step.hidden(rest.len() as u64)
        }
        _ => step.hidden(arguments.len() as u64),
    }
}

/// An atom or a quoted text; a literal is not looked into.
fn mailbox(step: Step, arguments: &[u8]) -> (Step, &[u8]) {
    if let Some(quoted) = arguments.strip_prefix(b"\"") {
        let Some(end) = memchr::memchr2(b'"', b'\\', quoted).filter(|&end| quoted[end] == b'"') else {
            return (step.hidden(arguments.len() as u64), b"");
        };
        return (step.open(&Open::mailbox(&quoted[..end])), quoted[end + 1..].trim_ascii_start());
    }
    let (name, rest) = word(arguments);
    if name.starts_with(b"{") || name.starts_with(b"~") || name.starts_with(b"(") {
        return (step, arguments);
    }
    (step.open(&Open::mailbox(name)), rest)
}

/// The words of a list that are known; the others are counted.
fn items(step: Step, rest: &[u8]) -> Step {
    let words = rest.split(|octet| b" ()[]<>".contains(octet)).filter(|word| !word.is_empty());
    let mut hidden = 0;
    let step = words.fold(step, |step, word| {
        if let Some(item) = known(ITEMS, word) {
            return step.and(item);
        }
        hidden += word.len() as u64;
        step
    });
    step.hidden(hidden)
}
