//! A mail program as they were before OAuth: it knows a user name and a password.
//!
//! It speaks in clear, as such programs do on loopback, and panics with the whole conversation when a server does not
//! answer as it has to.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::peer::Peer;

/// A mail program with its one account.
#[derive(Clone, Copy)]
pub struct Program<'a> {
    /// The user name as typed.
    pub user: &'a str,
    /// The ordinary password.
    pub password: &'a str,
}

impl Program<'_> {
    /// Logs in with AUTH PLAIN and sends a message; a final CRLF is added if it has none. The reply to it.
    pub async fn send_mail(&self, smtp: SocketAddr, from: &str, to: &[&str], message: &[u8]) -> String {
        let mut peer = Peer::connect(smtp).await;
        peer.expect("220 ").await;
        peer.send("EHLO legacy.example\r\n").await;
        peer.expect("250").await;
        let credentials = format!("\0{}\0{}", self.user, self.password);
        peer.send(format!("AUTH PLAIN {}\r\n", STANDARD.encode(credentials))).await;
        peer.expect("235 ").await;
        peer.send(format!("MAIL FROM:<{from}>\r\n")).await;
        peer.expect("250 ").await;
        for to in to {
            peer.send(format!("RCPT TO:<{to}>\r\n")).await;
            peer.expect("250 ").await;
        }
        peer.send("DATA\r\n").await;
        peer.expect("354").await;
        peer.send(stuffed(message)).await;
        let reply = peer.expect("250 ").await;
        peer.send("QUIT\r\n").await;
        peer.expect("221 ").await;
        reply
    }

    /// Logs in with LOGIN and fetches a message of INBOX by its number: its exact octets.
    pub async fn read_by_imap(&self, imap: SocketAddr, number: u32) -> Vec<u8> {
        let mut peer = Peer::connect(imap).await;
        peer.expect("* OK ").await;
        peer.send(format!("a LOGIN {} {}\r\n", quoted(self.user), quoted(self.password))).await;
        peer.tagged("a OK ").await;
        peer.send("b SELECT INBOX\r\n").await;
        peer.tagged("b OK ").await;
        peer.send(format!("c FETCH {number} (BODY.PEEK[])\r\n")).await;
        let announced = peer.expect(&format!("* {number} FETCH ")).await;
        let length = announced.trim_end().strip_suffix('}').and_then(|line| line.rsplit_once('{')?.1.parse().ok());
        let content = peer.take(length.unwrap_or_else(|| panic!("no literal in {announced:?}"))).await;
        peer.tagged("c OK ").await;
        peer.send("d LOGOUT\r\n").await;
        peer.tagged("d OK ").await;
        content
    }

    /// Logs in with USER and PASS and retrieves a message by its number: its exact octets.
    pub async fn read_by_pop3(&self, pop3: SocketAddr, number: u32) -> Vec<u8> {
        let mut peer = Peer::connect(pop3).await;
        peer.expect("+OK").await;
        for command in [format!("USER {}\r\n", self.user), format!("PASS {}\r\n", self.password)] {
            peer.send(command).await;
            peer.expect("+OK").await;
        }
        peer.send(format!("RETR {number}\r\n")).await;
        peer.expect("+OK").await;
        let content = peer.multi_line().await;
        peer.send("QUIT\r\n").await;
        peer.expect("+OK").await;
        content
    }
}

/// The message as DATA carries it, with the end of data.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(message.len() + message.len() / 64 + 8);
    for line in message.split_inclusive(|&octet| octet == b'\n') {
        if line.starts_with(b".") {
            octets.push(b'.');
        }
        octets.extend_from_slice(line);
    }
    if !octets.is_empty() && !octets.ends_with(b"\r\n") {
        octets.extend_from_slice(b"\r\n");
    }
    octets.extend_from_slice(b".\r\n");
    octets
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::{quoted, stuffed};

    #[test]
    fn messages_end_and_dots_are_stuffed() {
        for (message, wire) in
            [(&b""[..], &b".\r\n"[..]), (b"a", b"a\r\n.\r\n"), (b".\r\n..a\r\nb.\r\n", b"..\r\n...a\r\nb.\r\n.\r\n")]
        {
            assert_eq!(stuffed(message), wire);
        }
        assert_eq!(quoted(r#"p"a\s"#), r#""p\"a\\s""#);
    }
}
