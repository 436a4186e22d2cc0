//! One command that changes nothing, on a session that is logged in: some refusals come only here.

use tokio::time::timeout;

use super::Advice;
use super::claims::Claims;
use super::refusal::{Case, refusal};
use super::session::{LINE, Session, Unanswered, printable};
use super::step::Finding;
use crate::model::{Family, Protocol, Token};
use crate::net::Link;
use crate::proto::{Input, Violation};
use crate::upstream::Target;

/// How a command ended.
enum Answered {
    /// Well; what to tell of it.
    Yes(String),
    /// Not so, in the server's words.
    No(String),
}

/// The most lines of an answer.
const LINES: usize = 200;

pub(super) async fn try_one(
    link: Link,
    input: Input,
    target: &Target<'_>,
    protocol: Protocol,
    token: &Token,
) -> Finding {
    let mut session = Session { link, input, limit: target.limits.login };
    let user = target.user;
    let talk = async {
        match protocol {
            Protocol::Imap => session.examine().await,
            Protocol::Pop3 => session.stat().await,
            Protocol::Smtp => session.mail(user, token).await,
        }
    };
    let answered = timeout(target.limits.login, talk).await;
    match answered {
        Ok(Ok(Answered::Yes(detail))) => {
            session.leave(protocol).await;
            Finding::ok(detail)
        }
        Ok(Ok(Answered::No(said))) => {
            session.leave(protocol).await;
            let case = Case { token, claims: &Claims::default(), protocol, user };
            let advice = refusal(&said, &case).unwrap_or_else(|| unknown(&case));
            Finding::failed(said, advice)
        }
        Ok(Err(fault)) => Finding::failed(
            fault.to_string(),
            Advice::new("the server ended the session right after the login", "try again; if it stays, ask its keeper"),
        ),
        Err(_) => Finding::failed(
            format!("no answer in {} s", target.limits.login.as_secs()),
            Advice::new("the server is slow, or its mailbox store is", "wait, and try again"),
        ),
    }
}

fn unknown(case: &Case<'_>) -> Advice {
    let why = "the login is good, and the server refuses the first command all the same";
    let remedy = match case.protocol {
        Protocol::Imap | Protocol::Pop3 => format!("has {} a mailbox there that may be opened this way?", case.user),
        Protocol::Smtp => format!("may {} send from this server?", case.user),
    };
    Advice::new(why, remedy)
}

impl Session {
    /// IMAP: opens INBOX for reading only.
    async fn examine(&mut self) -> Result<Answered, Unanswered> {
        const TAG: &[u8] = b"D1 ";
        self.link.send(b"D1 EXAMINE INBOX\r\n").await?;
        let mut messages = None;
        for _ in 0..LINES {
            let line = self.line().await?;
            if let Some(status) = line.strip_prefix(TAG) {
                let well = status.get(..2).is_some_and(|word| word.eq_ignore_ascii_case(b"OK"));
                let count = messages.map(|count: String| messages_of(&count)).unwrap_or_default();
                return Ok(if well { Answered::Yes(format!("EXAMINE INBOX{count}")) } else { no(status) });
            }
            let untagged = line.strip_prefix(b"* ").unwrap_or_default();
            if untagged.get(..3).is_some_and(|word| word.eq_ignore_ascii_case(b"BYE")) {
                return Ok(no(untagged));
            }
            if let Some(count) = untagged.strip_suffix(b" EXISTS").filter(|count| count.iter().all(u8::is_ascii_digit))
            {
                messages = Some(printable(count));
            }
        }
        Err(Violation::TooMuch { limit: LINES * LINE }.into())
    }

    /// POP3: the size of the maildrop.
    async fn stat(&mut self) -> Result<Answered, Unanswered> {
        self.link.send(b"STAT\r\n").await?;
        let line = self.line().await?;
        let Some(rest) = line.strip_prefix(b"+OK") else { return Ok(no(&line)) };
        let rest = printable(rest);
        let count = rest.split_whitespace().next().map(messages_of).unwrap_or_default();
        Ok(Answered::Yes(format!("STAT{count}")))
    }

    /// SMTP: names the sender and takes it back; nothing is sent.
    async fn mail(&mut self, user: &str, token: &Token) -> Result<Answered, Unanswered> {
        let Some(sender) = sender(user, token) else {
            let reply = self.ask("NOOP\r\n").await?;
            return Ok(if reply.is_positive() { Answered::Yes("NOOP".into()) } else { no(reply.raw()) });
        };
        let reply = self.ask(&format!("MAIL FROM:<{sender}>\r\n")).await?;
        if !reply.is_positive() {
            return Ok(no(reply.raw()));
        }
        self.ask("RSET\r\n").await?;
        let late = match token.provider.family {
            Family::Microsoft => "; whether it may send as another, Exchange says only after a message",
            Family::Google | Family::Other => "",
        };
        Ok(Answered::Yes(format!("MAIL FROM:<{sender}>, taken back{late}")))
    }
}

/// The address to name as sender: the user, else the mailbox, if either is one.
fn sender<'a>(user: &'a str, token: &'a Token) -> Option<&'a str> {
    let harmless = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | '\\');
    let is_address = |text: &&str| text.contains('@') && text.chars().all(harmless);
    [user, token.mailbox.as_str()].into_iter().find(is_address)
}

fn messages_of(count: &str) -> String {
    format!(": {count} {}", if count == "1" { "message" } else { "messages" })
}

fn no(said: &[u8]) -> Answered {
    Answered::No(printable(said))
}
