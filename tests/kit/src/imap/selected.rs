//! A selected INBOX, as one session sees it: message numbers change only when it is told so.

use std::fmt::Write as _;

use super::command::{Command, Token};
use super::fetch::{self, Item};
use super::search::{self, Candidate};
use super::set;
use crate::mailstore::Message;
use crate::state::State;

pub(super) struct Selected {
    user: String,
    /// UIDs by message number.
    view: Vec<u32>,
    pub(super) read_only: bool,
}

/// Untagged data and the end of the tagged reply, which begins with OK, NO or BAD.
pub(super) type Outcome = (Vec<u8>, &'static str);

impl Selected {
    pub(super) fn new(state: &State, user: &str, read_only: bool) -> Self {
        let view = state.lock().mail.messages(user).iter().map(|message| message.uid).collect();
        Self { user: user.to_owned(), view, read_only }
    }

    /// What SELECT and EXAMINE tell.
    pub(super) fn report(&self, state: &State) -> String {
        let next = state.lock().mail.next_uid(&self.user);
        let count = self.view.len();
        format!(
            "* {count} EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft)\r\n\
             * OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft)] Permanent flags\r\n\
             * OK [UIDVALIDITY 1] UIDVALIDITY value\r\n* OK [UIDNEXT {next}] The next unique identifier value\r\n"
        )
    }

    /// Brings the view up to date and tells what changed.
    pub(super) fn sync(&mut self, state: &State) -> String {
        let uids: Vec<u32> = state.lock().mail.messages(&self.user).iter().map(|message| message.uid).collect();
        let mut told = String::new();
        for at in (0..self.view.len()).rev() {
            if uids.binary_search(&self.view[at]).is_err() {
                self.view.remove(at);
                let _ = write!(told, "* {} EXPUNGE\r\n", at + 1);
            }
        }
        if self.view.len() < uids.len() {
            self.view = uids;
            let _ = write!(told, "* {} EXISTS\r\n* 0 RECENT\r\n", self.view.len());
        }
        told
    }

    pub(super) fn fetch(&self, state: &State, command: &Command) -> Outcome {
        let Some((set, mut items)) =
            command.arguments.split_first().and_then(|(set, items)| Some((set.word(), fetch::parse(items)?)))
        else {
            return (Vec::new(), "BAD Command Argument Error. 11");
        };
        if command.uid && !items.contains(&Item::Uid) {
            items.insert(0, Item::Uid);
        }
        let Some(numbers) = self.numbers(&set, command.uid) else {
            return (Vec::new(), "BAD Command Argument Error. 12");
        };
        let marks = !self.read_only && items.iter().any(|item| matches!(item, Item::Part { marks_seen: true, .. }));
        let mut data = Vec::new();
        for number in numbers {
            let Some((message, marked)) = self.look(state, number, marks) else { continue };
            data.extend(format!("* {number} FETCH ").bytes());
            if marked && !items.contains(&Item::Flags) {
                items.push(Item::Flags);
                data.extend(fetch::render(&items, &message));
                items.pop();
            } else {
                data.extend(fetch::render(&items, &message));
            }
            data.extend_from_slice(b"\r\n");
        }
        (data, "OK FETCH completed.")
    }

    /// A message by its number, and whether this made it seen. Contents are shared, not copied.
    fn look(&self, state: &State, number: usize, marks: bool) -> Option<(Message, bool)> {
        let mut state = state.lock();
        let message = state.mail.message(&self.user, self.view[number - 1])?;
        let marked = marks && !message.has("\\Seen");
        if marked {
            message.set("\\Seen");
        }
        Some((message.clone(), marked))
    }

    pub(super) fn search(&self, state: &State, command: &Command) -> Outcome {
        let state = state.lock();
        let largest_number = u32::try_from(self.view.len()).unwrap_or(u32::MAX);
        let largest_uid = self.view.last().copied().unwrap_or(0);
        let mut found = String::from("* SEARCH");
        for message in state.mail.messages(&self.user) {
            let Ok(at) = self.view.binary_search(&message.uid) else { continue };
            let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
            match search::matches(&command.arguments, &Candidate { number, message, largest_number, largest_uid }) {
                Some(true) => {
                    let _ = write!(found, " {}", if command.uid { message.uid } else { number });
                }
                Some(false) => {}
                None => return (Vec::new(), "BAD Command Argument Error. 12"),
            }
        }
        ((found + "\r\n").into(), "OK SEARCH completed.")
    }

    pub(super) fn store(&self, state: &State, command: &Command) -> Outcome {
        let [set, how, flags @ ..] = &command.arguments[..] else {
            return (Vec::new(), "BAD Command Argument Error. 11");
        };
        let (how, flags) = (how.word(), flags.iter().filter_map(Token::text).collect::<Vec<_>>());
        let (Some(numbers), false) = (self.numbers(&set.word(), command.uid), self.read_only) else {
            return (Vec::new(), "BAD Command received in Invalid state.");
        };
        let mut data = Vec::new();
        let mut state = state.lock();
        for number in numbers {
            let Some(message) = state.mail.message(&self.user, self.view[number - 1]) else { continue };
            match how.trim_end_matches(".SILENT") {
                "FLAGS" => message.flags.clone_from(&flags),
                "+FLAGS" => flags.iter().for_each(|flag| message.set(flag)),
                "-FLAGS" => flags.iter().for_each(|flag| message.clear(flag)),
                _ => return (Vec::new(), "BAD Command Argument Error. 11"),
            }
            if !how.ends_with(".SILENT") {
                let items = if command.uid { vec![Item::Uid, Item::Flags] } else { vec![Item::Flags] };
                data.extend(format!("* {number} FETCH ").bytes());
                data.extend(fetch::render(&items, message));
                data.extend_from_slice(b"\r\n");
            }
        }
        (data, "OK STORE completed.")
    }

    /// Removes what is marked deleted (and, for UID EXPUNGE, in the set); the next sync tells.
    pub(super) fn expunge(&self, state: &State, uids: Option<&str>) {
        if self.read_only {
            return;
        }
        let largest = self.view.last().copied().unwrap_or(0);
        let meant = |uid| uids.is_none_or(|uids| set::holds(uids, uid, largest) == Some(true));
        state.lock().mail.remove(&self.user, |message| message.has("\\Deleted") && meant(message.uid));
        state.changed();
    }

    /// Message numbers in a set; `None` if it is none.
    fn numbers(&self, set: &str, by_uid: bool) -> Option<Vec<usize>> {
        let count = u32::try_from(self.view.len()).ok()?;
        let largest = if by_uid { self.view.last().copied().unwrap_or(0) } else { count };
        set::holds(set, 0, 0)?;
        let mut numbers = Vec::new();
        for (number, &uid) in (1..=count).zip(&self.view) {
            if set::holds(set, if by_uid { uid } else { number }, largest)? {
                numbers.push(number as usize);
            }
        }
        Some(numbers)
    }
}
