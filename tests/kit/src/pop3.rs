//! As much of POP3 as it takes to read mail. Like Exchange, it takes a token only in two lines.

use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::ServerConfig;

use crate::sasl;
use crate::state::State;
use crate::wire::Wire;

pub(crate) async fn serve(mut wire: Wire, state: Arc<State>, starttls: Option<Arc<ServerConfig>>) -> io::Result<()> {
    wire.send("+OK The Microsoft Exchange POP3 service is ready. [TQBOAA==]\r\n").await?;
    let mut encrypted = starttls.is_none();
    let mut user: Option<String> = None;
    loop {
        let line = wire.line().await?;
        if line.len() > 253 {
            return wire.send("-ERR Protocol error. Connection is closed. 10\r\n").await;
        }
        let mut words = line.split_ascii_whitespace();
        let (verb, argument) = (words.next().unwrap_or_default().to_uppercase(), words.next());
        let mail = user.as_ref().map(|user| messages(&state, user)).unwrap_or_default();
        match (verb.as_str(), user.is_some()) {
            ("STLS", false) if !encrypted => {
                let injected = state.lock().faults.after_starttls.unwrap_or_default();
                wire.send(format!("+OK Begin TLS negotiation\r\n{injected}")).await?;
                wire = wire.starttls(starttls.clone().unwrap()).await?;
                encrypted = true;
            }
            ("CAPA", _) => wire.send("+OK\r\nTOP\r\nUIDL\r\nSASL XOAUTH2\r\nUSER\r\n.\r\n").await?,
            ("AUTH", false) if encrypted => user = authenticate(&mut wire, &state, argument).await?,
            ("USER" | "PASS", false) => wire.send("-ERR Basic authentication is disabled\r\n").await?,
            ("STAT", true) => {
                let octets: usize = mail.iter().map(Vec::len).sum();
                wire.send(format!("+OK {} {octets}\r\n", mail.len())).await?;
            }
            ("LIST" | "UIDL", true) => {
                let rows: Vec<_> =
                    mail.iter().enumerate().map(|(at, mail)| format!("{} {}\r\n", at + 1, mail.len())).collect();
                wire.send(format!("+OK\r\n{}.\r\n", rows.concat())).await?;
            }
            ("RETR", true) => {
                let number: usize = argument.and_then(|number| number.parse().ok()).unwrap_or(0);
                match mail.get(number.wrapping_sub(1)) {
                    Some(content) => wire.send(multi_line(content)).await?,
                    None => wire.send("-ERR no such message\r\n").await?,
                }
            }
            ("NOOP" | "DELE", true) => wire.send("+OK\r\n").await?,
            ("QUIT", _) => return wire.send("+OK Microsoft Exchange POP3 server signing off.\r\n").await,
            _ => wire.send("-ERR Command is not valid in this state.\r\n").await?,
        }
    }
}

fn messages(state: &State, user: &str) -> Vec<Vec<u8>> {
    let state = state.lock();
    let mail = state.mail.get(&user.to_lowercase());
    mail.into_iter().flatten().map(|mail| mail.content.clone()).collect()
}

async fn authenticate(wire: &mut Wire, state: &State, mechanism: Option<&str>) -> io::Result<Option<String>> {
    let mechanism = mechanism.unwrap_or_default().to_uppercase();
    if mechanism != "XOAUTH2" && mechanism != "OAUTHBEARER" {
        wire.send("-ERR unsupported mechanism\r\n").await?;
        return Ok(None);
    }
    wire.send("+ \r\n").await?;
    let response = wire.line().await?;
    if let Some((user, token)) = sasl::read(&mechanism, &response)
        && state.admit("pop3", &user, &token)
    {
        wire.send("+OK User successfully authenticated.\r\n").await?;
        return Ok(Some(user));
    }
    wire.send(format!("+ {}\r\n", sasl::challenge())).await?;
    let answer = wire.line().await?;
    assert!(sasl::answers_challenge(&mechanism, &answer), "the challenge was answered by {answer:?}");
    wire.send("-ERR Authentication failure: unknown user name or bad password.\r\n").await?;
    Ok(None)
}

fn multi_line(content: &[u8]) -> Vec<u8> {
    let mut stuffed = b"+OK\r\n".to_vec();
    for line in content.split_inclusive(|&octet| octet == b'\n') {
        if line.starts_with(b".") {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(line);
    }
    if !stuffed.ends_with(b"\r\n") {
        stuffed.extend_from_slice(b"\r\n");
    }
    stuffed.extend_from_slice(b".\r\n");
    stuffed
}
