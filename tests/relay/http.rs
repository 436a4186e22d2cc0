//! As much of HTTP as it takes to talk to the pages.

use std::net::SocketAddr;

use gatepost_kit::Peer;
use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// One request on a connection of its own.
pub(crate) async fn ask(peer: Peer, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut peer = peer;
    let host = headers.iter().all(|(name, _)| *name != "Host").then_some(("Host", "localhost"));
    let lines = host.iter().chain(headers).map(|(name, value)| format!("{name}: {value}\r\n"));
    let (lines, length) = (lines.collect::<String>(), body.len());
    let first = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n");
    peer.send(format!("{first}{lines}\r\n{body}")).await;
    let answer = String::from_utf8(peer.rest().await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Answer { status: head[9..12].parse().unwrap(), head: head.to_owned(), body: body.to_owned() }
}

/// Sends a form of one of our pages.
pub(crate) async fn post(address: SocketAddr, target: &str, headers: &[(&str, &str)], form: &str) -> Answer {
    let own = [("Sec-Fetch-Site", "same-origin"), ("Content-Type", "application/x-www-form-urlencoded")];
    ask(Peer::connect(address).await, "POST", target, &[&own, headers].concat(), form).await
}

pub(crate) async fn get(address: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Answer {
    ask(Peer::connect(address).await, "GET", target, headers, "").await
}

impl Answer {
    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let start = format!("{}:", name.to_lowercase());
        let line = self.head.lines().find(|line| line.to_lowercase().starts_with(&start));
        line.map_or("", |line| line[start.len()..].trim())
    }

    /// The cookie that it gives, as a browser sends it back.
    pub(crate) fn cookie(&self) -> &str {
        self.header("set-cookie").split(';').next().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|fault| panic!("{fault}: {self:?}"))
    }
}
