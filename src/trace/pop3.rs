use std::collections::VecDeque;

use super::lines::{Cut, Lines};
use super::smtp::mechanism;
use super::step::{Open, Step};
use super::tap::{Stage, Steps, word};
use super::words::{CODES, POP3, Shows, command, known};

/// Hears commands and replies, and counts answers of several lines.
#[derive(Debug)]
pub(super) struct Pop3 {
    state: State,
    from_client: Lines,
    from_server: Lines,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    /// What the client says belongs to a login.
    login: bool,
    /// Whether the replies that are due have several lines where they are good, the oldest first.
    due: VecDeque<bool>,
    /// Octets of the answer that is under way.
    answer: Option<u64>,
}

/// More commands than any client sends ahead.
const DUE: usize = 4096;

impl Pop3 {
    pub(super) fn new(stage: Stage) -> Self {
        let talk = State { stage, login: false, due: VecDeque::new(), answer: None };
        Self { state: talk, from_client: Lines::default(), from_server: Lines::default() }
    }

    pub(super) fn client(&mut self, bytes: &[u8], steps: &mut Steps) {
        let Self { state, from_client, .. } = self;
        from_client.feed(bytes, |cut| {
            if let Cut::Line(line, length, _) = cut {
                steps.push(state.said(line, length));
            }
            0
        });
    }

    pub(super) fn server(&mut self, bytes: &[u8], steps: &mut Steps) {
        let Self { state, from_server, .. } = self;
        from_server.feed(bytes, |cut| {
            if let Cut::Line(line, length, _) = cut {
                steps.extend(state.replied(line, length));
            }
            0
        });
    }
}

impl State {
    fn said(&mut self, line: &[u8], length: u64) -> Step {
        if self.login {
            return Step::empty().hidden_as(length, "a login");
        }
        let (verb, rest) = word(line);
        let found = command(POP3, verb);
        if self.due.len() >= DUE {
            self.lost();
        }
        let Some((name, shows)) = found else {
            // Nobody knows how long its answer is.
            self.lost();
            return Step::empty().hidden(length);
        };
        let several = match name {
            "CAPA" | "RETR" | "TOP" => true,
            "LIST" | "UIDL" => rest.is_empty(),
            _ => false,
        };
        self.due.push_back(several);
        let step = Step::word(name);
        match shows {
            _ if !self.stage.arguments() => step,
            Shows::Mechanism => {
                self.login = true;
                if rest.is_empty() {
                    self.lost();
                }
                mechanism(step, rest)
            }
            Shows::User => step.open(&Open::user(rest)),
            Shows::Numbers if !rest.is_empty() => {
                let (number, more) = word(rest);
                let step = step.numbers(number);
                if more.is_empty() { step } else { step.numbers(more) }
            }
            _ => step.hidden(rest.len() as u64),
        }
    }

    /// From here on it is not known what is a reply and what is part of one.
    fn lost(&mut self) {
        if self.stage == Stage::After {
            self.stage = Stage::Within;
        }
        self.due.clear();
    }

    fn replied(&mut self, line: &[u8], length: u64) -> Option<Step> {
        if let Some(octets) = &mut self.answer {
            *octets += length;
            if line != b"." {
                return None;
            }
            return self.answer.take().map(|octets| Step::empty().hidden_as(octets, "an answer"));
        }
        let (first, text) = word(line);
        let Some(status) = known(&["+OK", "-ERR", "+"], first) else { return Some(Step::empty().hidden(length)) };
        let step = Step::word(status);
        if status == "+" {
            return Some(step.hidden(text.len() as u64));
        }
        let of_login = std::mem::take(&mut self.login);
        let several = self.due.pop_front().unwrap_or(false);
        if several && status == "+OK" {
            self.answer = Some(0);
        }
        Some(self.status(step, text, of_login))
    }

    fn status(&self, step: Step, text: &[u8], of_login: bool) -> Step {
        if !self.stage.arguments() {
            return step;
        }
        let (step, text) = code(step, text);
        let hides = of_login && self.stage != Stage::LoginHere;
        if self.stage.texts() && !hides { step.open(&Open::reply(text)) } else { step.hidden(text.len() as u64) }
    }
}

/// `[CODE …]` in front of a text: the code, and the text behind it.
pub(super) fn code(step: Step, text: &[u8]) -> (Step, &[u8]) {
    let inner = text.strip_prefix(b"[").and_then(|inner| Some(inner.split_at(memchr::memchr(b']', inner)?)));
    let Some((inner, behind)) = inner else { return (step, text) };
    let step = match known(CODES, word(inner).0) {
        Some(code) => step.and(code),
        None => step.hidden(inner.len() as u64),
    };
    (step, behind[1..].trim_ascii_start())
}
