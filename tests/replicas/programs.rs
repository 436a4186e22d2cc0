//! The programs: each comes by the balancer, does its work, goes, and comes again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ledger::{Fate, Ledger};
use crate::stage::{KEPT, PASSWORD, Stage};
use crate::talk::{Talk, Trouble};

/// All that run.
pub(crate) struct Programs {
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Where one connects, and what it writes down.
#[derive(Clone)]
struct Program {
    number: usize,
    smtp: SocketAddr,
    imap: SocketAddr,
    from: Vec<String>,
    sink: String,
    ledger: Arc<Ledger>,
    stop: CancellationToken,
}

/// Of each kind.
const SENDERS: usize = 3;
const POLLERS: usize = 3;
/// With tokens that live long; beside a sender.
const SURE_POLLERS: usize = 2;

impl Programs {
    pub(crate) fn start(stage: &Stage, ledger: &Arc<Ledger>) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let program = |number| Program {
            number,
            smtp: stage.balancer.smtp,
            imap: stage.balancer.imap,
            from: stage.tokens().map(|token| stage.mailbox(token)).collect(),
            sink: stage.sink(),
            ledger: Arc::clone(ledger),
            stop: stop.clone(),
        };
        for number in 0..SENDERS {
            tasks.spawn(program(number).again("sender", false));
        }
        for number in SENDERS..SENDERS + POLLERS {
            tasks.spawn(program(number).again("poller", false));
        }
        tasks.spawn(program(0).again("sender", true));
        for number in 1..=SURE_POLLERS {
            tasks.spawn(program(number).again("poller", true));
        }
        Self { stop, tasks }
    }

    pub(crate) async fn end(self, ledger: &Ledger) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(Duration::from_mins(3), self.tasks.wait()).await.is_err() {
            ledger.wrong("a program waits for ever".to_owned());
        }
    }
}

impl Program {
    /// `sure`: with tokens that live long.
    async fn again(self, who: &'static str, sure: bool) {
        let mut round = self.number;
        while !self.stop.is_cancelled() {
            // Tokens in no order, but all of them.
            round += 1;
            let token = if sure { round % KEPT } else { KEPT + round * 37 % (self.from.len() - KEPT) };
            let done = if who == "sender" { self.send(token).await } else { self.poll(token).await };
            if let Err(trouble) = done {
                self.ledger.trouble(&format!("{who} of t{token}"), sure, &trouble);
            } else if sure {
                self.ledger.count("sure sessions");
            }
            self.stop.run_until_cancelled(sleep(Duration::from_millis(100))).await;
        }
    }

    async fn send(&self, token: usize) -> Result<(), Trouble> {
        let mut talk = smtp(self.smtp, token).await?;
        self.ledger.count("logins");
        for _ in 0..2 {
            let id = self.ledger.next.fetch_add(1, Ordering::Relaxed);
            let (fate, ended) = message(&mut talk, &self.from[token], &self.sink, id).await;
            self.ledger.fates.lock().unwrap().insert(id, fate);
            ended?;
        }
        talk.say("QUIT\r\n").await?;
        talk.reply("QUIT", "221").await
    }

    async fn poll(&self, token: usize) -> Result<(), Trouble> {
        let mut talk = imap(self.imap, token).await?;
        self.ledger.count("logins");
        talk.say("z LOGOUT\r\n").await?;
        talk.hear("LOGOUT", "z OK", |line| line.starts_with("z ")).await?;
        talk.end().await
    }
}

/// Logs in by SMTP.
async fn smtp(address: SocketAddr, token: usize) -> Result<Talk, Trouble> {
    smtp_login(Talk::to(address).await?, token).await
}

/// Logs in by SMTP at one replica itself, as the balancer would.
pub(crate) async fn smtp_at(address: SocketAddr, token: usize) -> Result<Talk, Trouble> {
    smtp_login(at(address).await?, token).await
}

async fn smtp_login(mut talk: Talk, token: usize) -> Result<Talk, Trouble> {
    talk.reply("greeting", "220").await?;
    talk.say("EHLO program\r\n").await?;
    talk.reply("EHLO", "250").await?;
    let plain = base64::engine::general_purpose::STANDARD.encode(format!("\0user{token}\0{PASSWORD}"));
    talk.say(format!("AUTH PLAIN {plain}\r\n")).await?;
    talk.reply("AUTH", "235").await?;
    Ok(talk)
}

/// Sends one message; what the program knows of it, and whether the session goes on.
pub(crate) async fn message(talk: &mut Talk, from: &str, to: &str, id: u64) -> (Fate, Result<(), Trouble>) {
    if let Err(trouble) = begun(talk, from, to).await {
        return (Fate::Refused, Err(trouble));
    }
    finished(talk, id).await
}

/// Up to the beginning of its content.
pub(crate) async fn begun(talk: &mut Talk, from: &str, to: &str) -> Result<(), Trouble> {
    let commands = [(format!("MAIL FROM:<{from}>"), "250"), (format!("RCPT TO:<{to}>"), "250"), ("DATA".into(), "354")];
    for (command, code) in commands {
        talk.say(command + "\r\n").await?;
        talk.reply("MAIL, RCPT, DATA", code).await?;
    }
    Ok(())
}

/// Its content, and what it comes to.
pub(crate) async fn finished(talk: &mut Talk, id: u64) -> (Fate, Result<(), Trouble>) {
    let body = "a line of a message that says nothing\r\n".repeat(40);
    let said = talk.say(format!("Subject: replicas\r\nX-Replicas: {id}\r\n\r\n{body}.\r\n")).await;
    let ended = match said {
        Ok(()) => talk.reply("end of data", "250").await,
        failed => failed,
    };
    match ended {
        Ok(()) => (Fate::Accepted, Ok(())),
        Err(Trouble::No(line)) => (Fate::Refused, Err(Trouble::No(line))),
        Err(trouble) => (Fate::Unanswered, Err(trouble)),
    }
}

/// Logs in by IMAP.
pub(crate) async fn imap(address: SocketAddr, token: usize) -> Result<Talk, Trouble> {
    imap_login(Talk::to(address).await?, &format!("user{token}")).await
}

/// Logs in by IMAP at one replica itself, as the balancer would.
pub(crate) async fn imap_at(address: SocketAddr, token: usize) -> Result<Talk, Trouble> {
    imap_login(at(address).await?, &format!("user{token}")).await
}

/// The same, by an account of this name.
pub(crate) async fn account_at(address: SocketAddr, account: &str) -> Result<Talk, Trouble> {
    imap_login(at(address).await?, account).await
}

/// Past the balancer, with the header that it would write.
async fn at(address: SocketAddr) -> Result<Talk, Trouble> {
    let mut talk = Talk::to(address).await?;
    talk.say("PROXY TCP4 127.0.0.1 127.0.0.1 1000 143\r\n").await?;
    Ok(talk)
}

async fn imap_login(mut talk: Talk, account: &str) -> Result<Talk, Trouble> {
    let goodbye = |line: &str| line.starts_with("* BYE");
    talk.hear("greeting", "* OK", goodbye).await?;
    talk.say(format!("a LOGIN {account} \"{PASSWORD}\"\r\n")).await?;
    talk.hear("LOGIN", "a OK", |line| goodbye(line) || line.starts_with("a ")).await?;
    Ok(talk)
}
