//! The programs: each comes, does its work, goes, and comes again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ledger::Ledger;
use crate::stage::{MAILBOXES, PASSWORD, SINK, Stage};
use crate::talk::{Talk, Trouble};

/// How many programs of each kind there are.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    senders: usize,
    pollers: usize,
    idlers: usize,
    fetchers: usize,
}

/// Where they connect, and what they write down.
#[derive(Clone)]
struct Program {
    number: usize,
    address: std::net::SocketAddr,
    ledger: Arc<Ledger>,
    stop: CancellationToken,
}

impl Load {
    pub(crate) const SMALL: Self = Self { senders: 3, pollers: 3, idlers: 6, fetchers: 2 };
    pub(crate) const FULL: Self = Self { senders: 10, pollers: 10, idlers: 60, fetchers: 6 };

    pub(crate) fn start(self, stage: &Stage, ledger: &Arc<Ledger>, stop: &CancellationToken, tasks: &TaskTracker) {
        let program = |number, address| Program { number, address, ledger: Arc::clone(ledger), stop: stop.clone() };
        for number in 0..self.senders {
            tasks.spawn(program(number, stage.smtp).again("sender", Duration::from_millis(150), send));
        }
        for number in 0..self.pollers {
            tasks.spawn(program(number, stage.imap).again("poller", Duration::from_millis(250), poll));
        }
        for number in 0..self.idlers {
            tasks.spawn(program(number, stage.imap).again("idler", Duration::from_millis(500), idle));
        }
        for number in 0..self.fetchers {
            tasks.spawn(program(number, stage.pop3).again("fetcher", Duration::from_millis(400), fetch));
        }
    }
}

impl Program {
    async fn again<F>(self, who: &'static str, pause: Duration, work: fn(Self) -> F)
    where
        F: Future<Output = Result<(), Trouble>>,
    {
        while !self.stop.is_cancelled() {
            if let Err(trouble) = work(self.clone()).await {
                self.ledger.trouble(who, &trouble);
                sleep(Duration::from_millis(500)).await;
            }
            // Not all at once.
            let share = u32::try_from(self.number % 7).unwrap();
            self.stop.run_until_cancelled(sleep(pause + pause * share / 7)).await;
        }
    }

    fn user(&self) -> String {
        format!("user{}", self.number % MAILBOXES)
    }
}

async fn send(program: Program) -> Result<(), Trouble> {
    let since = Instant::now();
    let mut talk = Talk::to(program.address).await?;
    talk.reply("greeting", "220").await?;
    talk.say("EHLO program\r\n").await?;
    talk.reply("EHLO", "250").await?;
    talk.say(format!("AUTH PLAIN {}\r\n", base64(&format!("\0{}\0{PASSWORD}", program.user())))).await?;
    talk.reply("AUTH", "235").await?;
    program.ledger.login_took(since.elapsed());
    for _ in 0..=program.number % 3 {
        let id = program.ledger.next.fetch_add(1, Ordering::Relaxed);
        message(&mut talk, &program, id).await?;
        program.ledger.accepted.lock().unwrap().push(id);
    }
    talk.say("QUIT\r\n").await?;
    talk.reply("QUIT", "221").await?;
    program.ledger.count("SMTP sessions");
    Ok(())
}

async fn message(talk: &mut Talk, program: &Program, id: u64) -> Result<(), Trouble> {
    let from = format!("box{}@example.com", program.number % MAILBOXES);
    for (command, code) in
        [(format!("MAIL FROM:<{from}>"), "250"), (format!("RCPT TO:<{SINK}>"), "250"), ("DATA".into(), "354")]
    {
        talk.say(command + "\r\n").await?;
        talk.reply("MAIL, RCPT, DATA", code).await?;
    }
    let body = ".. a line of a message that says nothing\r\n".repeat(40);
    talk.say(format!("From: <{from}>\r\nTo: <{SINK}>\r\nSubject: soak\r\nX-Soak: {id}\r\n\r\n{body}.\r\n")).await?;
    talk.reply("end of data", "250").await
}

/// Logs in by IMAP.
async fn imap(program: &Program) -> Result<Talk, Trouble> {
    let since = Instant::now();
    let mut talk = Talk::to(program.address).await?;
    let goodbye = |line: &str| line.starts_with("* BYE");
    talk.hear("greeting", "* OK", goodbye).await?;
    talk.say(format!("a LOGIN {} \"{PASSWORD}\"\r\n", program.user())).await?;
    talk.hear("LOGIN", "a OK", |line| goodbye(line) || line.starts_with("a ")).await?;
    program.ledger.login_took(since.elapsed());
    Ok(talk)
}

async fn imap_ends(mut talk: Talk) -> Result<(), Trouble> {
    talk.say("z LOGOUT\r\n").await?;
    talk.hear("LOGOUT", "z OK", |line| line.starts_with("z ")).await?;
    talk.end().await
}

async fn poll(program: Program) -> Result<(), Trouble> {
    let mut talk = imap(&program).await?;
    talk.say("b SELECT INBOX\r\n").await?;
    talk.hear("SELECT", "b OK", |line| line.starts_with("b ") || line.starts_with("* BYE")).await?;
    program.ledger.count("IMAP sessions");
    imap_ends(talk).await
}

async fn idle(program: Program) -> Result<(), Trouble> {
    let mut talk = imap(&program).await?;
    for round in 0..6 {
        talk.say(format!("i{round} SELECT INBOX\r\n")).await?;
        let (yes, tag) = (format!("i{round} OK"), format!("i{round} "));
        talk.hear("SELECT", &yes, |line| line.starts_with(&tag) || line.starts_with("* BYE")).await?;
        // Silent, as one who waits for mail is.
        let until = Instant::now() + Duration::from_secs(5 + program.number as u64 % 11);
        while Instant::now() < until && !program.stop.is_cancelled() {
            if let Some(line) = talk.line_within(Duration::from_secs(1), "news").await?
                && line.starts_with("* BYE")
            {
                program.ledger.count("told goodbye");
                return talk.end().await;
            }
        }
    }
    program.ledger.count("long IMAP sessions");
    imap_ends(talk).await
}

async fn fetch(program: Program) -> Result<(), Trouble> {
    let since = Instant::now();
    let mut talk = Talk::to(program.address).await?;
    for (command, what) in [
        (String::new(), "greeting"),
        (format!("USER {}\r\n", program.user()), "USER"),
        (format!("PASS {PASSWORD}\r\n"), "PASS"),
        ("STAT\r\n".into(), "STAT"),
        ("QUIT\r\n".into(), "QUIT"),
    ] {
        talk.say(command).await?;
        talk.hear(what, "+OK", |line| line.starts_with("-ERR")).await?;
        if what == "PASS" {
            program.ledger.login_took(since.elapsed());
        }
    }
    program.ledger.count("POP3 sessions");
    talk.end().await
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
