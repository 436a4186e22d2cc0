//! Submission as smtp.office365.com and smtp.gmail.com speak it: everything but BDAT.

use std::io;
use std::sync::Arc;

use tokio::time::sleep;

use crate::dialect::Dialect;
use crate::faults::{Break, How, Point};
use crate::mailstore::Mail;
use crate::sasl::{self, Verdict};
use crate::sessions::Seat;
use crate::state::State;
use crate::wire::Wire;

mod body;
mod path;

pub(crate) async fn serve(mut wire: Wire, state: Arc<State>) -> io::Result<()> {
    let usual = match state.dialect {
        Dialect::Microsoft => "220 simulated.example Microsoft ESMTP MAIL Service ready\r\n",
        Dialect::Google => "220 smtp.gmail.com ESMTP simulated - gsmtp\r\n",
    };
    wire.send(state.greeting(usual)).await?;
    let mut session = Session::default();
    let mut cuts = state.cuts.subscribe();
    loop {
        if session.user.is_some()
            && let Some(how) = state.mishap(Point::Idle)
        {
            return mishap(wire, how).await;
        }
        let line = tokio::select! {
            biased;
            cut = cuts.changed(), if session.user.is_some() => {
                drop(cut);
                let how = *cuts.borrow();
                return mishap(wire, how).await;
            }
            line = wire.line() => line?,
        };
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        let (scripted, delay, breaks) = {
            let faults = &state.lock().faults;
            let verb = verb.as_str();
            (faults.replies.get(verb).copied(), faults.delays.get(verb).copied(), faults.breaks)
        };
        sleep(delay.unwrap_or_default()).await;
        if breaks.and_then(Break::verb) == Some(verb.as_str()) {
            return Ok(());
        }
        if session.user.is_some() && verb != "QUIT" {
            heard(&wire, &state, &line);
            if let Some(how) = session.point(&verb).and_then(|point| state.mishap(point)) {
                return mishap(wire, how).await;
            }
        }
        if verb == "STARTTLS" && scripted.is_none() && !wire.is_encrypted() {
            wire = starttls(wire, &state).await?;
            session = Session::default();
            continue;
        }
        let next = match scripted {
            Some(reply) => Next::Reply(reply.into()),
            None => session.command(&mut wire, &state, &verb, &line).await?,
        };
        match next {
            Next::Reply(reply) => {
                wire.send(&reply).await?;
                if reply.starts_with("421") {
                    return wire.close().await;
                }
            }
            Next::Quit(reply) => {
                wire.send(reply).await?;
                return wire.close().await;
            }
            Next::Gone => return Ok(()),
            Next::Mishap(how) => return mishap(wire, how).await,
        }
    }
}

fn heard(wire: &Wire, state: &State, line: &str) {
    let pipelined = wire.has_read_ahead();
    let offered = state.lock().faults.extensions.is_none_or(|list| list.contains(&"PIPELINING"));
    if pipelined && !offered {
        state.violation("smtp: commands in a group, without PIPELINING");
    }
    state.commanded(line, pipelined);
}

async fn mishap(mut wire: Wire, how: How) -> io::Result<()> {
    match how {
        How::Close => return Ok(()),
        How::Bye => {
            wire.send("421 4.3.2 Service not available, closing transmission channel\r\n").await?;
            return wire.close().await;
        }
        How::Silence => {}
        How::Garbage => wire.send("HTTP/1.1 400 Bad Request\r\n\r\n").await?,
        How::EarlyYes => wire.send("250 2.0.0 OK\r\n").await?,
    }
    loop {
        wire.chunk().await?;
    }
}

async fn starttls(mut wire: Wire, state: &State) -> io::Result<Wire> {
    if wire.has_read_ahead() {
        state.violation("smtp: bytes behind STARTTLS");
    }
    wire.send(format!("220 2.0.0 SMTP server ready\r\n{}", state.after_starttls())).await?;
    wire.starttls().await
}

#[derive(Default)]
struct Session {
    user: Option<String>,
    seat: Option<Seat>,
    transaction: Option<Mail>,
    queued: u32,
    recipients: u32,
}

enum Next {
    Reply(String),
    Quit(&'static str),
    /// Closes without a word.
    Gone,
    Mishap(How),
}

impl From<&str> for Next {
    fn from(reply: &str) -> Self {
        Self::Reply(reply.into())
    }
}

impl Session {
    fn point(&mut self, verb: &str) -> Option<Point> {
        match verb {
            "MAIL" => Some(Point::Mail),
            "RCPT" => {
                self.recipients += 1;
                Some(Point::Rcpt(self.recipients))
            }
            "DATA" => Some(Point::Data),
            _ => None,
        }
    }

    async fn command(&mut self, wire: &mut Wire, state: &State, verb: &str, line: &str) -> io::Result<Next> {
        let google = state.dialect == Dialect::Google;
        Ok(match verb {
            "EHLO" => {
                self.transaction = None;
                Next::Reply(ehlo(wire, state))
            }
            "HELO" => {
                self.transaction = None;
                "250 simulated.example Hello\r\n".into()
            }
            "AUTH" => self.auth(wire, state, line).await?,
            "RSET" => {
                self.transaction = None;
                if google { "250 2.1.5 Flushed simulated - gsmtp\r\n".into() } else { "250 2.0.0 Resetting\r\n".into() }
            }
            "NOOP" => "250 2.0.0 OK\r\n".into(),
            "VRFY" => "252 2.1.5 Cannot VRFY user\r\n".into(),
            "QUIT" if google => Next::Quit("221 2.0.0 closing connection simulated - gsmtp\r\n"),
            "QUIT" => Next::Quit("221 2.0.0 Service closing transmission channel\r\n"),
            "MAIL" | "RCPT" | "DATA" if self.user.is_none() => match state.dialect {
                Dialect::Microsoft => "530 5.7.57 Client not authenticated to send mail. [SIMULATED.EXAMPLE]\r\n".into(),
                Dialect::Google => "530-5.7.0 Authentication Required. For more information, go to\r\n530 5.7.0  https://support.google.com/mail/?p=WantAuthError simulated - gsmtp\r\n".into(),
            },
            "MAIL" => self.mail(state, line),
            "RCPT" => self.rcpt(state, line),
            "DATA" => self.data(wire, state).await?,
            "STARTTLS" => "503 5.5.1 Bad sequence of commands\r\n".into(),
            _ => "500 5.3.3 Unrecognized command\r\n".into(),
        })
    }

    async fn auth(&mut self, wire: &mut Wire, state: &State, line: &str) -> io::Result<Next> {
        let mut words = line.split_ascii_whitespace().skip(1);
        let mechanism = words.next().unwrap_or_default().to_uppercase();
        if !wire.is_encrypted() {
            state.violation("smtp: AUTH in clear");
            return Ok("504 5.7.4 Unrecognized authentication type\r\n".into());
        }
        if self.user.is_some() || self.transaction.is_some() {
            return Ok("503 5.5.1 Bad sequence of commands\r\n".into());
        }
        if !sasl::takes(state, &mechanism) {
            state.refused("smtp", "PASSWORD", "");
            return Ok(
                "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [SIMULATED.EXAMPLE]\r\n"
                    .into(),
            );
        }
        let initial = words.next();
        // RFC 4954, 4: with the initial response, the command is still held to 512 octets with its CRLF.
        if initial.is_some() && line.len() > 510 && state.dialect == Dialect::Microsoft {
            state.violation("smtp: AUTH with an initial response of more than 512 octets");
        }
        Ok(match (sasl::exchange(wire, state, "smtp", &mechanism, initial).await?, state.dialect) {
            (Verdict::Granted(user), dialect) => {
                self.seat = Some(state.sessions.enter("smtp", &user));
                self.user = Some(user);
                match dialect {
                    Dialect::Microsoft => "235 2.7.0 Authentication successful\r\n".into(),
                    Dialect::Google => "235 2.7.0 Accepted\r\n".into(),
                }
            }
            (Verdict::Cancelled, _) => "501 5.7.0 Authentication cancelled\r\n".into(),
            (Verdict::Refused, Dialect::Microsoft) if matches!(&mechanism[..], "PLAIN" | "LOGIN") => {
                "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. [SIMULATED.EXAMPLE]\r\n"
                    .into()
            }
            (Verdict::Refused, Dialect::Microsoft) => {
                "535 5.7.3 Authentication unsuccessful [SIMULATED.EXAMPLE 2026-01-01T00:00:00.000Z 08DE]\r\n".into()
            }
            (Verdict::Refused, Dialect::Google) => "535-5.7.8 Username and Password not accepted. For more information, go to\r\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials simulated - gsmtp\r\n".into(),
        })
    }

    fn mail(&mut self, state: &State, line: &str) -> Next {
        if self.transaction.is_some() {
            return "503 5.5.2 Sender already specified\r\n".into();
        }
        if self.seat.as_ref().is_some_and(|seat| state.is_beyond(seat)) {
            return "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. [SIMULATED.EXAMPLE]\r\n".into();
        }
        let Some((from, parameters)) = path::parse(line, "MAIL FROM:") else {
            return "501 5.1.7 Invalid address\r\n".into();
        };
        if let Err(refusal) = path::judge(parameters) {
            return refusal.into();
        }
        let user = self.user.clone().unwrap_or_default();
        self.transaction =
            Some(Mail { user, from: from.to_owned(), parameters: parameters.to_owned(), ..Mail::default() });
        match state.dialect {
            Dialect::Microsoft => "250 2.1.0 Sender OK\r\n".into(),
            Dialect::Google => "250 2.1.0 OK simulated - gsmtp\r\n".into(),
        }
    }

    fn rcpt(&mut self, state: &State, line: &str) -> Next {
        let Some(transaction) = &mut self.transaction else {
            return "503 5.5.1 Bad sequence of commands\r\n".into();
        };
        match path::parse(line, "RCPT TO:") {
            Some((to, _)) if !to.is_empty() => transaction.to.push(to.to_owned()),
            _ => return "501 5.1.3 Invalid address\r\n".into(),
        }
        match state.dialect {
            Dialect::Microsoft => "250 2.1.5 Recipient OK\r\n".into(),
            Dialect::Google => "250 2.1.5 OK simulated - gsmtp\r\n".into(),
        }
    }

    async fn data(&mut self, wire: &mut Wire, state: &State) -> io::Result<Next> {
        let Some(mail) = self.transaction.take_if(|mail| !mail.to.is_empty()) else {
            return Ok("503 5.5.1 Bad sequence of commands\r\n".into());
        };
        wire.send(match state.dialect {
            Dialect::Microsoft => "354 Start mail input; end with <CRLF>.<CRLF>\r\n",
            Dialect::Google => "354 Go ahead simulated - gsmtp\r\n",
        })
        .await?;
        if let Some(how) = state.mishap(Point::GoAhead) {
            return Ok(Next::Mishap(how));
        }
        let (stop, broken) = match (state.breaks(), state.lock().faults.mishap) {
            (Some(Break::InBody(count)), _) => (Some(count), Next::Gone),
            (_, Some((Point::Body(count), how))) => (Some(count), Next::Mishap(how)),
            _ => (None, Next::Gone),
        };
        let Some(stuffed) = body::read(wire, stop).await? else { return Ok(broken) };
        if let Some(what) = body::flaw(&stuffed) {
            state.violation(format!("smtp: {what} in a body"));
        }
        let (scripted, delay) = {
            let faults = &state.lock().faults;
            (faults.replies.get("END").copied(), faults.delays.get("END").copied())
        };
        sleep(delay.unwrap_or_default()).await;
        if state.breaks() == Some(Break::AfterBody) {
            return Ok(Next::Gone);
        }
        if let Some(how) = state.mishap(Point::End) {
            return Ok(Next::Mishap(how));
        }
        // A scripted yes delivers, as any other.
        if scripted.is_none_or(|reply| reply.starts_with('2')) {
            let content = body::unstuff(&stuffed);
            state.deliver(&Arc::new(Mail { wire: stuffed, content, ..mail }));
        }
        if let Some(how) = state.mishap(Point::Taken) {
            return Ok(Next::Mishap(how));
        }
        self.queued += 1;
        Ok(match (scripted, state.dialect) {
            (Some(reply), _) => reply.into(),
            (None, Dialect::Microsoft) => Next::Reply(format!(
                "250 2.0.0 OK <simulated-{}@example> [Hostname=simulated.example]\r\n",
                self.queued
            )),
            (None, Dialect::Google) => Next::Reply(format!("250 2.0.0 OK  0 simulated-{} - gsmtp\r\n", self.queued)),
        })
    }
}

/// What is offered. BINARYMIME and CHUNKING are, although BDAT is refused: a relay must not pass them on blindly.
fn ehlo(wire: &Wire, state: &State) -> String {
    let list: &[&str] = match (state.dialect, wire.is_encrypted()) {
        (Dialect::Microsoft, false) => &[
            "SIZE 157286400",
            "PIPELINING",
            "DSN",
            "ENHANCEDSTATUSCODES",
            "STARTTLS",
            "8BITMIME",
            "BINARYMIME",
            "CHUNKING",
            "SMTPUTF8",
        ],
        (Dialect::Microsoft, true) => &[
            "SIZE 157286400",
            "PIPELINING",
            "DSN",
            "ENHANCEDSTATUSCODES",
            "AUTH LOGIN XOAUTH2 OAUTHBEARER",
            "8BITMIME",
            "BINARYMIME",
            "CHUNKING",
            "SMTPUTF8",
        ],
        (Dialect::Google, false) => {
            &["SIZE 35882577", "8BITMIME", "STARTTLS", "ENHANCEDSTATUSCODES", "PIPELINING", "CHUNKING", "SMTPUTF8"]
        }
        (Dialect::Google, true) => &[
            "SIZE 35882577",
            "8BITMIME",
            "AUTH LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH",
            "ENHANCEDSTATUSCODES",
            "PIPELINING",
            "CHUNKING",
            "SMTPUTF8",
        ],
    };
    let own = state.lock().faults.extensions.filter(|_| wire.is_encrypted());
    let own = own.map(|own| [&["AUTH LOGIN XOAUTH2 OAUTHBEARER"], own].concat());
    let (final_line, others) = own.as_deref().unwrap_or(list).split_last().unwrap();
    let others: Vec<_> = others.iter().map(|extension| format!("250-{extension}\r\n")).collect();
    let mut others = others.concat();
    if sasl::takes(state, "PLAIN") {
        others = others.replace("AUTH LOGIN XOAUTH2", "AUTH LOGIN PLAIN XOAUTH2");
    }
    format!("250-simulated.example Hello [127.0.0.1]\r\n{others}250 {final_line}\r\n")
}
