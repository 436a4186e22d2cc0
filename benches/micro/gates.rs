//! What a mailbox may do at a time.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use divan::{Bencher, black_box};
use gatepost::model::{MailboxLimits, Protocol, Provider};
use gatepost::submit::gate::{Gate, GateSettings, Pass, Permit};

/// How many other mailboxes are in use must make no difference.
const MAILBOXES: [usize; 3] = [0, 1000, 100_000];

fn provider() -> Provider {
    let limits = MailboxLimits {
        smtp_sessions: NonZeroU32::new(3),
        messages_per_minute: None,
        imap_sessions: NonZeroU32::new(20),
    };
    Provider { name: "corp".into(), limits, ..Provider::default() }
}

fn gate(mailboxes: usize) -> (Arc<Gate>, Vec<Permit>) {
    let (wait, idle) = (Duration::from_secs(30), Duration::from_secs(10));
    let gate = Arc::new(Gate::new(GateSettings { wait, waiters: 64, idle }));
    let enter = |number: usize| {
        let mailbox = gate.of(&provider(), &format!("mailbox-{number}@example.com"));
        mailbox.enter_now(Pass::Session(Protocol::Imap)).unwrap()
    };
    let inside = (0..mailboxes).map(enter).collect();
    (gate, inside)
}

#[divan::bench(args = MAILBOXES, threads = [1, 2])]
fn enter_and_leave(bencher: Bencher, mailboxes: usize) {
    let ((gate, _inside), provider) = (gate(mailboxes), provider());
    bencher.bench(|| {
        let mailbox = gate.of(&provider, black_box("support@example.com"));
        mailbox.enter_now(Pass::Session(Protocol::Imap)).is_some()
    });
}
