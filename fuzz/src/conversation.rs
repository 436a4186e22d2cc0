//! Plays arbitrary bytes against the SMTP conversation after login, before an upstream that says yes to everything.

use gatepost::proto::smtp::{BodyScanner, Conversation, Extensions, Recipients, Replied, Reply, Scan, Turn};
use gatepost::proto::{Input, Violation};

/// Whatever the pieces, the client hears the same and the upstream is told the same (law 10), in clean lines (law 6).
pub fn check(bytes: &[u8]) {
    for pipelining in [false, true] {
        let whole = Play::run(pipelining, bytes.chunks(bytes.len().max(1)));
        let split = Play::run(pipelining, bytes.chunks(1));
        // Whether more has arrived behind a refused DATA only the network decides.
        let same = if whole.impatient { split.log.starts_with(&whole.log) } else { split.log == whole.log };
        assert!(same, "{:?}\n{:?}", whole.log, split.log);
    }
}

struct Play {
    conversation: Conversation,
    input: Input,
    group: Vec<u8>,
    body: Option<BodyScanner>,
    log: Vec<String>,
    over: bool,
    impatient: bool,
}

impl Play {
    fn run<'a>(pipelining: bool, chunks: impl Iterator<Item = &'a [u8]>) -> Self {
        let offer: &[u8] = if pipelining { b"250-x\r\n250-PIPELINING\r\n250 DSN\r\n" } else { b"250 x\r\n" };
        let conversation = Conversation::new("mail.example".into(), Extensions::of(&reply(offer)), 1000)
            .only_to(pipelining.then(|| Recipients::new(["*@d"])));
        let (input, group, log) = (Input::new(), Vec::new(), Vec::new());
        let mut play = Self { conversation, input, group, body: None, log, over: false, impatient: false };
        for chunk in chunks {
            play.input.push(chunk);
            while !play.over && play.step() {}
        }
        play
    }

    /// False when more has to arrive.
    fn step(&mut self) -> bool {
        if self.body.is_some() {
            return self.body();
        }
        match self.conversation.advance(&mut self.input) {
            Turn::Read => return false,
            Turn::Settle => self.settle(),
            Turn::Answer(answer) | Turn::Refuse(answer, _) => {
                self.settle();
                self.say(answer.as_bytes());
            }
            Turn::Forward(line, command) => {
                let bytes = line.as_bytes();
                let end = bytes.len() - 2;
                assert!(bytes.ends_with(b"\r\n") && !bytes[..end].iter().any(|octet| b"\r\n\0".contains(octet)));
                self.group.extend_from_slice(bytes);
                self.conversation.forwarded(command);
            }
            Turn::Close(answer, violation) => {
                self.settle();
                self.say(answer.as_bytes());
                self.over = true;
                self.impatient = violation == Some(Violation::Impatient);
            }
        }
        true
    }

    fn settle(&mut self) {
        let group = String::from_utf8_lossy(&std::mem::take(&mut self.group)).into_owned();
        for line in group.split_inclusive("\r\n") {
            let Some(command) = self.conversation.due() else { panic!("{line} was not due") };
            self.log.push(line.to_owned());
            let data = line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case("DATA"));
            let reply = reply(if data { b"354 go\r\n" } else { b"250 ok\r\n" });
            match self.conversation.replied(command, &reply, !self.input.is_empty()) {
                Replied::Answer(answer) => self.say(answer.as_bytes()),
                Replied::Body(answer, _) => {
                    self.say(answer.as_bytes());
                    self.body = Some(BodyScanner::new());
                }
                Replied::Impatient(_) | Replied::Nonsense => panic!("the upstream was in step"),
            }
        }
        assert!(self.conversation.due().is_none());
    }

    fn body(&mut self) -> bool {
        let Some(scanner) = &mut self.body else { return false };
        match scanner.scan(self.input.rest()) {
            Scan::More { forward } => {
                self.input.take(forward);
                return false;
            }
            Scan::End { forward } => {
                self.input.take(forward);
                self.body = None;
            }
            Scan::Fault { .. } => self.over = true,
        }
        true
    }

    fn say(&mut self, answer: &[u8]) {
        self.log.push(String::from_utf8_lossy(answer).into_owned());
    }
}

fn reply(bytes: &[u8]) -> Reply {
    let mut input = Input::new();
    input.push(bytes);
    match Reply::read(&mut input) {
        Ok(Some(reply)) => reply,
        other => panic!("{other:?}"),
    }
}
