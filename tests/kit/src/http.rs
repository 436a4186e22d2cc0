//! As much of HTTP/1.1 as a token endpoint takes.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;

use crate::wire::Wire;

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    query: String,
    /// Names in lower case.
    headers: HashMap<String, String>,
    body: String,
    /// Whether the client closes after the response, or is too old to stay.
    pub(crate) last: bool,
}

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// Largest request body, in octets.
const BODY: usize = 1024 * 1024;

impl Request {
    /// Reads one; an error is also the end of the connection.
    pub(crate) async fn read(wire: &mut Wire) -> io::Result<Self> {
        let first = wire.line().await?;
        let [method, path, version] = first.split(' ').collect::<Vec<_>>()[..] else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let headers = headers(wire).await?;
        let length = match headers.get("content-length") {
            Some(length) => length.parse().map_err(|_| io::ErrorKind::InvalidData)?,
            None => 0,
        };
        if length > BODY || headers.contains_key("transfer-encoding") {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if headers.get("expect").is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue")) {
            wire.send("HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let body = String::from_utf8_lossy(&wire.take(length).await?).into_owned();
        let connection = headers.get("connection").map(|connection| connection.to_lowercase());
        let last = match connection.as_deref() {
            Some("close") => true,
            Some("keep-alive") => false,
            _ => version != "HTTP/1.1",
        };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Ok(Self { method: method.to_owned(), path: path.to_owned(), query: query.to_owned(), headers, body, last })
    }

    /// The body, or the query of a request without one.
    pub(crate) fn said(&self) -> &str {
        if self.body.is_empty() { &self.query } else { &self.body }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

async fn headers(wire: &mut Wire) -> io::Result<HashMap<String, String>> {
    let mut headers = HashMap::new();
    loop {
        let line = wire.line().await?;
        if line.is_empty() {
            return Ok(headers);
        }
        let (name, value) = line.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
}

impl Response {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        let headers = vec![
            ("Content-Type", "application/json; charset=utf-8".to_owned()),
            ("Cache-Control", "no-store".to_owned()),
        ];
        Self { status, headers, body: body.to_string() }
    }

    pub(crate) async fn write(&self, wire: &mut Wire, last: bool) -> io::Result<()> {
        wire.send(self.text(last)).await
    }

    /// Announces the whole body and stops in the middle of it.
    pub(crate) async fn write_half(&self, wire: &mut Wire) -> io::Result<()> {
        let text = self.text(true);
        wire.send(&text[..text.len() - self.body.len() / 2]).await
    }

    fn text(&self, last: bool) -> String {
        let mut text = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if last {
            text += "Connection: close\r\n";
        }
        let _ = write!(text, "Content-Length: {}\r\n\r\n{}", self.body.len(), self.body);
        text
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Simulated",
    }
}
