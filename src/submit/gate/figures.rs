use tokio::time::Instant;

use super::Gate;

/// How it is before and behind the gate, over all mailboxes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many are through: sessions of SMTP, IMAP and POP3, and messages.
    pub inside: [u64; 4],
    /// How many wait, in the same order.
    pub waiting: [u64; 4],
    /// Mailboxes that their provider slows down.
    pub paused: u64,
}

impl Figures {
    /// What the places of [`Figures::inside`] and [`Figures::waiting`] are called.
    pub const LIMITS: [&'static str; 4] = ["smtp_sessions", "imap_sessions", "pop3_sessions", "messages"];
}

impl Gate {
    /// As it is now.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let now = Instant::now();
        let mut figures = Figures::default();
        for mailbox in self.lock().by_key.values() {
            let lines = mailbox.lines();
            for (at, line) in lines.iter().enumerate() {
                figures.inside[at] += u64::from(line.lane.inside());
                figures.waiting[at] += line.queue.len() as u64;
            }
            figures.paused += u64::from(lines.iter().any(|line| line.lane.is_paused(now)));
        }
        figures
    }
}
