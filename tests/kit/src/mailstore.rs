use std::collections::HashMap;
use std::sync::Arc;

/// A message as it was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// Who was logged in; empty for mail that was not submitted.
    pub user: String,
    /// Reverse path.
    pub from: String,
    /// What followed it in the MAIL command, as received.
    pub parameters: String,
    /// Forward paths.
    pub to: Vec<String>,
    /// The content as it came over the wire, dots stuffed, without the end of data; empty if not submitted.
    pub wire: Vec<u8>,
    /// The content, dots unstuffed.
    pub content: Vec<u8>,
}

/// A message in a mailbox.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) uid: u32,
    pub(crate) mail: Arc<Mail>,
    pub(crate) flags: Vec<String>,
}

impl Message {
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|has| has.eq_ignore_ascii_case(flag))
    }

    pub(crate) fn set(&mut self, flag: &str) {
        if !self.has(flag) {
            self.flags.push(flag.to_owned());
        }
    }

    pub(crate) fn clear(&mut self, flag: &str) {
        self.flags.retain(|has| !has.eq_ignore_ascii_case(flag));
    }
}

/// Every mailbox there is, one INBOX each; SMTP fills them, IMAP and POP3 read them.
#[derive(Debug, Default)]
pub(crate) struct MailStore {
    mailboxes: HashMap<String, Mailbox>,
}

#[derive(Debug, Default)]
struct Mailbox {
    messages: Vec<Message>,
    last_uid: u32,
}

impl MailStore {
    pub(crate) fn deliver(&mut self, mail: &Arc<Mail>) {
        for to in &mail.to {
            self.put(to, Arc::clone(mail), Vec::new());
        }
    }

    /// Appends a message; its UID.
    pub(crate) fn put(&mut self, mailbox: &str, mail: Arc<Mail>, flags: Vec<String>) -> u32 {
        let mailbox = self.mailboxes.entry(mailbox.to_lowercase()).or_default();
        mailbox.last_uid += 1;
        mailbox.messages.push(Message { uid: mailbox.last_uid, mail, flags });
        mailbox.last_uid
    }

    /// By ascending UID.
    pub(crate) fn messages(&self, mailbox: &str) -> &[Message] {
        self.mailboxes.get(&mailbox.to_lowercase()).map_or(&[], |mailbox| &mailbox.messages)
    }

    pub(crate) fn message(&mut self, mailbox: &str, uid: u32) -> Option<&mut Message> {
        let messages = &mut self.mailboxes.get_mut(&mailbox.to_lowercase())?.messages;
        messages.iter_mut().find(|message| message.uid == uid)
    }

    pub(crate) fn remove(&mut self, mailbox: &str, gone: impl Fn(&Message) -> bool) {
        if let Some(mailbox) = self.mailboxes.get_mut(&mailbox.to_lowercase()) {
            mailbox.messages.retain(|message| !gone(message));
        }
    }

    pub(crate) fn next_uid(&self, mailbox: &str) -> u32 {
        self.mailboxes.get(&mailbox.to_lowercase()).map_or(1, |mailbox| mailbox.last_uid + 1)
    }
}
