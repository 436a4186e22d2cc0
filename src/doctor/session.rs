//! A session upstream after its login, and what is said in it.

use std::io;
use std::time::Duration;

use tokio::time::timeout;

use crate::model::Protocol;
use crate::net::Link;
use crate::oauth::is_unprintable;
use crate::proto::smtp::Reply;
use crate::proto::{Input, Line, Violation};

/// A session and its patience for one answer.
pub(super) struct Session {
    pub(super) link: Link,
    pub(super) input: Input,
    pub(super) limit: Duration,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    #[error("the server {0}")]
    Violation(#[from] Violation),
}

/// Longest line of an answer, in octets.
pub(super) const LINE: usize = 16 * 1024;

impl Session {
    pub(super) async fn send(&mut self, line: &str) -> Result<(), Unanswered> {
        Ok(self.link.send(line.as_bytes()).await?)
    }

    /// Says something in SMTP, and waits for the reply.
    pub(super) async fn ask(&mut self, line: &str) -> Result<Reply, Unanswered> {
        self.send(line).await?;
        loop {
            if let Some(reply) = Reply::read(&mut self.input)? {
                return Ok(reply);
            }
            self.more().await?;
        }
    }

    /// The same within its patience.
    pub(super) async fn ask_in_time(&mut self, line: &str) -> Result<Reply, Unanswered> {
        let limit = self.limit;
        timeout(limit, self.ask(line)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    pub(super) async fn line(&mut self) -> Result<Vec<u8>, Unanswered> {
        loop {
            match self.input.line(LINE) {
                Line::Whole(line) | Line::Malformed(line) => return Ok(line.to_vec()),
                Line::TooLong => return Err(Violation::LineTooLong { limit: LINE }.into()),
                Line::Incomplete => self.more().await?,
            }
        }
    }

    async fn more(&mut self) -> Result<(), Unanswered> {
        let chunk = self.link.read(self.limit).await?;
        if chunk.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        self.input.push(&chunk);
        Ok(())
    }

    /// Says goodbye; what comes of it does not matter any more.
    pub(super) async fn leave(mut self, protocol: Protocol) {
        let goodbye: &[u8] = match protocol {
            Protocol::Imap => b"D2 LOGOUT\r\n",
            Protocol::Pop3 | Protocol::Smtp => b"QUIT\r\n",
        };
        if self.link.send(goodbye).await.is_ok() {
            self.link.close().await;
        }
    }
}

/// One line for people. A word that is long enough to hold a token is left out: servers repeat what they did not understand.
pub(super) fn printable(text: &[u8]) -> String {
    const LONGEST: usize = 400;
    const LONGEST_WORD: usize = 64;
    let text = String::from_utf8_lossy(text);
    let words = text.split_whitespace().map(|word| if word.len() > LONGEST_WORD { "…" } else { word });
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().map(|c| if is_unprintable(c) { '?' } else { c }).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_turns_and_hides_nothing() {
        let said = "NO \u{202e}evil\u{2069} \u{1b}[31m\u{200b}";
        assert_eq!(printable(said.as_bytes()), "NO ?evil? ?[31m?");
        assert_eq!(printable(format!("NO {}", "x".repeat(100)).as_bytes()), "NO …");
    }
}
