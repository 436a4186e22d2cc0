//! Submission, as smtp.office365.com speaks it, with Google's error challenge.

use std::io;
use std::sync::Arc;

use tokio_rustls::rustls::ServerConfig;

use crate::sasl;
use crate::state::{Break, Mail, State};
use crate::wire::Wire;

pub(crate) async fn serve(mut wire: Wire, state: Arc<State>, starttls: Option<Arc<ServerConfig>>) -> io::Result<()> {
    wire.send("220 simulated.example Microsoft ESMTP MAIL Service ready\r\n").await?;
    let mut session = Session { encrypted: starttls.is_none(), ..Session::default() };
    loop {
        let line = wire.line().await?;
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        if verb == "STARTTLS" && !session.encrypted {
            let injected = state.lock().faults.after_starttls.unwrap_or_default();
            wire.send(format!("220 2.0.0 SMTP server ready\r\n{injected}")).await?;
            wire = wire.starttls(starttls.clone().unwrap()).await?;
            session = Session { encrypted: true, ..Session::default() };
            continue;
        }
        if verb == "MAIL" && state.lock().faults.breaks == Some(Break::AtMail) {
            return Ok(());
        }
        match session.command(&mut wire, &state, &verb, &line).await? {
            Next::Reply(reply) => {
                let scripted = state.lock().faults.replies.get(verb.as_str()).copied();
                wire.send(scripted.unwrap_or(&reply)).await?;
            }
            Next::Quit => return wire.send("221 2.0.0 Service closing transmission channel\r\n").await,
            Next::Gone => return Ok(()),
        }
    }
}

#[derive(Default)]
struct Session {
    encrypted: bool,
    user: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

enum Next {
    Reply(String),
    Quit,
    Gone,
}

impl Session {
    async fn command(&mut self, wire: &mut Wire, state: &State, verb: &str, line: &str) -> io::Result<Next> {
        let reply = match verb {
            "EHLO" => self.ehlo(),
            "AUTH" if self.encrypted => self.auth(wire, state, line).await?,
            "RSET" => {
                (self.from, self.to) = (None, Vec::new());
                "250 2.0.0 Resetting\r\n".into()
            }
            "NOOP" => "250 2.0.0 OK\r\n".into(),
            "QUIT" => return Ok(Next::Quit),
            _ if self.user.is_none() => "530 5.7.57 Client not authenticated to send mail\r\n".into(),
            "MAIL" => {
                self.from = Some(path(line));
                "250 2.1.0 Sender OK\r\n".into()
            }
            "RCPT" if self.from.is_some() => {
                if !state.lock().faults.replies.contains_key("RCPT") {
                    self.to.push(path(line));
                }
                "250 2.1.5 Recipient OK\r\n".into()
            }
            "DATA" if !self.to.is_empty() => return self.data(wire, state).await,
            "RCPT" | "DATA" => "503 5.5.1 Bad sequence of commands\r\n".into(),
            _ => "500 5.3.3 Unrecognized command\r\n".into(),
        };
        Ok(Next::Reply(reply))
    }

    fn ehlo(&self) -> String {
        let last = if self.encrypted { "AUTH LOGIN XOAUTH2 OAUTHBEARER" } else { "STARTTLS" };
        format!(
            "250-simulated.example Hello\r\n250-SIZE 157286400\r\n250-PIPELINING\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250-{last}\r\n250-8BITMIME\r\n250-BINARYMIME\r\n250-CHUNKING\r\n250 SMTPUTF8\r\n"
        )
    }

    async fn auth(&mut self, wire: &mut Wire, state: &State, line: &str) -> io::Result<String> {
        let mut words = line.split_ascii_whitespace().skip(1);
        let mechanism = words.next().unwrap_or_default().to_uppercase();
        if mechanism != "XOAUTH2" && mechanism != "OAUTHBEARER" {
            return Ok("535 5.7.139 Authentication unsuccessful, basic authentication is disabled.\r\n".into());
        }
        let response = if let Some(response) = words.next() {
            response.to_owned()
        } else {
            wire.send("334 \r\n").await?;
            wire.line().await?
        };
        if let Some((user, token)) = sasl::read(&mechanism, &response)
            && state.admit("smtp", &user, &token)
        {
            self.user = Some(user);
            return Ok("235 2.7.0 Authentication successful\r\n".into());
        }
        wire.send(format!("334 {}\r\n", sasl::challenge())).await?;
        let answer = wire.line().await?;
        assert!(sasl::answers_challenge(&mechanism, &answer), "the challenge was answered by {answer:?}");
        Ok("535-5.7.8 Username and Password not accepted. For more information, go to\r\n535 5.7.8  https://support.example/mail\r\n".into())
    }

    async fn data(&mut self, wire: &mut Wire, state: &State) -> io::Result<Next> {
        if let Some(refusal) = state.lock().faults.replies.get("DATA").copied() {
            return Ok(Next::Reply(refusal.into()));
        }
        wire.send("354 Start mail input; end with <CRLF>.<CRLF>\r\n").await?;
        let breaks = state.lock().faults.breaks;
        let Some(stuffed) = body(wire, breaks).await? else { return Ok(Next::Gone) };
        let (from, to) = (self.from.take().unwrap_or_default(), std::mem::take(&mut self.to));
        let scripted = state.lock().faults.replies.get("END").copied();
        if let Some(reply) = scripted {
            return Ok(Next::Reply(reply.into()));
        }
        if breaks == Some(Break::AfterBody) {
            return Ok(Next::Gone);
        }
        let mut state = state.lock();
        state.deliver(&Mail { from, to, content: unstuff(&stuffed) });
        state.serial += 1;
        Ok(Next::Reply(format!("250 2.0.0 OK <simulated-{}@example> [Hostname=simulated.example]\r\n", state.serial)))
    }
}

/// Reads to the one true end of data; `None` where a fault breaks off before.
async fn body(wire: &mut Wire, breaks: Option<Break>) -> io::Result<Option<Vec<u8>>> {
    let mut stuffed = b"\r\n".to_vec();
    let mut searched = 0;
    loop {
        let chunk = wire.chunk().await?;
        stuffed.extend_from_slice(&chunk);
        if matches!(breaks, Some(Break::InBody(count)) if stuffed.len() > count) {
            return Ok(None);
        }
        while let Some(at) = stuffed[searched..].iter().position(|&octet| octet == b'\n') {
            let end = searched + at + 1;
            if end >= 5 && stuffed[end - 5..end] == *b"\r\n.\r\n" {
                wire.unread(&stuffed[end..]);
                stuffed.truncate(end - 3);
                return Ok(Some(stuffed.split_off(2)));
            }
            searched = end;
        }
        searched = stuffed.len();
    }
}

fn unstuff(stuffed: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(stuffed.len());
    for line in stuffed.split_inclusive(|&octet| octet == b'\n') {
        content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    content
}

fn path(line: &str) -> String {
    let path = line.split_once(':').map_or("", |(_, path)| path.trim_start());
    path.split('>').next().unwrap_or_default().trim_start_matches('<').to_owned()
}
