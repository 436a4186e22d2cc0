//! POP3, whole. Like Exchange, the Microsoft dialect takes a token only in two lines.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use crate::dialect::Dialect;
use crate::mailstore::Message;
use crate::sasl::{self, Verdict};
use crate::state::State;
use crate::wire::Wire;

pub(crate) async fn serve(mut wire: Wire, state: Arc<State>) -> io::Result<()> {
    let usual = match state.dialect {
        Dialect::Microsoft => "+OK The Microsoft Exchange POP3 service is ready. [TQBOAA==]\r\n",
        Dialect::Google => "+OK Gpop ready for requests from 127.0.0.1 simulated\r\n",
    };
    wire.send(state.greeting(usual)).await?;
    let mut session: Option<Session> = None;
    let mut user = None;
    loop {
        let line = wire.line().await?;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let verb = words.first().copied().unwrap_or_default().to_uppercase();
        let arguments = words.get(1..).unwrap_or_default();
        if let Some(reply) = state.scripted(&verb) {
            wire.send(reply).await?;
            continue;
        }
        // Exchange counts 255 octets with the CRLF, and takes no initial response at all.
        if state.dialect == Dialect::Microsoft && (line.len() > 253 || verb == "AUTH" && arguments.len() > 1) {
            wire.send("-ERR Protocol error. Connection is closed. 10\r\n").await?;
            return wire.close().await;
        }
        match (verb.as_str(), &mut session) {
            ("CAPA", _) => wire.send(capabilities(&wire, &state)).await?,
            ("QUIT", session) => {
                if let Some(session) = session {
                    session.commit(&state);
                }
                wire.send("+OK Microsoft Exchange POP3 server signing off.\r\n").await?;
                return wire.close().await;
            }
            ("STLS", None) if !wire.is_encrypted() => wire = stls(wire, &state).await?,
            ("AUTH", None) => session = authenticate(&mut wire, &state, arguments).await?,
            ("USER", None) if wire.is_encrypted() && sasl::takes(&state, "PLAIN") => {
                user = line.get(5..).map(str::to_owned);
                wire.send("+OK\r\n").await?;
            }
            ("PASS", None) if user.is_some() => {
                let password = line.get(5..).unwrap_or_default().to_owned();
                let verdict = sasl::password(&state, "pop3", "USER", user.take().unwrap_or_default(), password);
                session = admit(&mut wire, &state, verdict).await?;
            }
            ("USER" | "PASS" | "APOP", None) => {
                if verb == "PASS" && !wire.is_encrypted() {
                    state.violation("pop3: a password in clear");
                }
                state.refused("pop3", "PASSWORD", "");
                wire.send("-ERR Basic authentication is disabled\r\n").await?;
            }
            (verb, Some(session)) => {
                let reply = session.command(verb, arguments);
                wire.send(reply).await?;
            }
            _ => wire.send("-ERR Command is not valid in this state.\r\n").await?,
        }
    }
}

async fn stls(mut wire: Wire, state: &State) -> io::Result<Wire> {
    if wire.has_read_ahead() {
        state.violation("pop3: bytes behind STLS");
    }
    wire.send(format!("+OK Begin TLS negotiation.\r\n{}", state.after_starttls())).await?;
    wire.starttls().await
}

fn capabilities(wire: &Wire, state: &State) -> String {
    let usual = match (state.dialect, wire.is_encrypted()) {
        (Dialect::Microsoft, false) => "+OK\r\nTOP\r\nUIDL\r\nSTLS\r\n.\r\n",
        (Dialect::Microsoft, true) => "+OK\r\nTOP\r\nUIDL\r\nSASL XOAUTH2 OAUTHBEARER\r\nUSER\r\n.\r\n",
        (Dialect::Google, false) => "+OK Capability list follows\r\nRESP-CODES\r\nSTLS\r\n.\r\n",
        (Dialect::Google, true) => {
            "+OK Capability list follows\r\nUSER\r\nRESP-CODES\r\nEXPIRE 0\r\nLOGIN-DELAY 300\r\nTOP\r\nUIDL\r\nX-GOOGLE-RICO\r\nSASL PLAIN XOAUTH2 OAUTHBEARER\r\n.\r\n"
        }
    };
    if state.dialect == Dialect::Microsoft && sasl::takes(state, "PLAIN") {
        return usual.replace("SASL ", "SASL PLAIN LOGIN ");
    }
    usual.to_owned()
}

async fn authenticate(wire: &mut Wire, state: &State, arguments: &[&str]) -> io::Result<Option<Session>> {
    let Some(mechanism) = arguments.first().map(|mechanism| mechanism.to_uppercase()) else {
        wire.send("+OK\r\nXOAUTH2\r\nOAUTHBEARER\r\n.\r\n").await?;
        return Ok(None);
    };
    if !wire.is_encrypted() {
        state.violation("pop3: AUTH in clear");
        wire.send("-ERR Command is not valid in this state.\r\n").await?;
        return Ok(None);
    }
    if !sasl::takes(state, &mechanism) {
        state.refused("pop3", "PASSWORD", "");
        wire.send("-ERR Protocol error. Unsupported mechanism.\r\n").await?;
        return Ok(None);
    }
    let verdict = sasl::exchange(wire, state, "pop3", &mechanism, arguments.get(1).copied()).await?;
    admit(wire, state, verdict).await
}

/// Says how a login ended.
async fn admit(wire: &mut Wire, state: &State, verdict: Verdict) -> io::Result<Option<Session>> {
    let (reply, session) = match (verdict, state.dialect) {
        (Verdict::Granted(user), Dialect::Microsoft) => {
            ("+OK User successfully authenticated.\r\n", Some(Session::new(state, user)))
        }
        (Verdict::Granted(user), Dialect::Google) => ("+OK Welcome.\r\n", Some(Session::new(state, user))),
        (Verdict::Cancelled, _) => ("-ERR Authentication cancelled.\r\n", None),
        (Verdict::Refused, Dialect::Microsoft) => {
            ("-ERR Authentication failure: unknown user name or bad password.\r\n", None)
        }
        (Verdict::Refused, Dialect::Google) => ("-ERR [AUTH] Invalid credentials.\r\n", None),
    };
    wire.send(reply).await?;
    Ok(session)
}

/// The maildrop as it was at login; deletions take place at QUIT.
struct Session {
    user: String,
    messages: Vec<Message>,
    deleted: BTreeSet<u32>,
}

const NO_SUCH_MESSAGE: &str = "-ERR The specified message is out of range.\r\n";

impl Session {
    fn new(state: &State, user: String) -> Self {
        let messages = state.lock().mail.messages(&user).to_vec();
        Self { user, messages, deleted: BTreeSet::new() }
    }

    fn command(&mut self, verb: &str, arguments: &[&str]) -> Vec<u8> {
        match (verb, arguments) {
            ("NOOP", _) => b"+OK\r\n".into(),
            ("STAT", _) => {
                let octets: usize = self.present().map(|(_, message)| message.mail.content.len()).sum();
                format!("+OK {} {octets}\r\n", self.present().count()).into()
            }
            ("LIST", _) => self.rows(arguments, |message| message.mail.content.len().to_string()),
            ("UIDL", _) => self.rows(arguments, |message| format!("simulated-{}", message.uid)),
            ("RETR", [number]) => {
                self.find(number).map_or(NO_SUCH_MESSAGE.into(), |at| multi_line(&self.messages[at].mail.content))
            }
            ("TOP", [number, lines]) => match (self.find(number), lines.parse()) {
                (Some(at), Ok(lines)) => multi_line(top(&self.messages[at].mail.content, lines)),
                _ => NO_SUCH_MESSAGE.into(),
            },
            ("DELE", [number]) => match self.find(number) {
                Some(at) => {
                    self.deleted.insert(self.messages[at].uid);
                    b"+OK\r\n".into()
                }
                None => NO_SUCH_MESSAGE.into(),
            },
            ("RSET", _) => {
                self.deleted.clear();
                b"+OK\r\n".into()
            }
            _ => b"-ERR Protocol error. 14\r\n".into(),
        }
    }

    fn commit(&self, state: &State) {
        state.lock().mail.remove(&self.user, |message| self.deleted.contains(&message.uid));
        state.changed();
    }

    /// Message numbers (from 1) and messages, without the deleted.
    fn present(&self) -> impl Iterator<Item = (usize, &Message)> {
        (1..).zip(&self.messages).filter(|(_, message)| !self.deleted.contains(&message.uid))
    }

    fn find(&self, number: &str) -> Option<usize> {
        let number: usize = number.parse().ok()?;
        self.present().find(|(at, _)| *at == number).map(|(at, _)| at - 1)
    }

    /// The answer to LIST and UIDL, for one message or all.
    fn rows(&self, arguments: &[&str], show: impl Fn(&Message) -> String) -> Vec<u8> {
        if let [number] = arguments {
            return match self.find(number) {
                Some(at) => format!("+OK {number} {}\r\n", show(&self.messages[at])).into(),
                None => NO_SUCH_MESSAGE.into(),
            };
        }
        let rows: Vec<_> = self.present().map(|(at, message)| format!("{at} {}\r\n", show(message))).collect();
        format!("+OK\r\n{}.\r\n", rows.concat()).into()
    }
}

/// The header, the empty line and so many lines of the body.
fn top(content: &[u8], lines: usize) -> &[u8] {
    let mut end = 0;
    let mut left = None;
    for line in content.split_inclusive(|&octet| octet == b'\n') {
        match &mut left {
            Some(0) => break,
            Some(left) => *left -= 1,
            None if line == b"\r\n" => left = Some(lines),
            None => {}
        }
        end += line.len();
    }
    &content[..end]
}

fn multi_line(content: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(content.len() + content.len() / 64 + 16);
    stuffed.extend_from_slice(b"+OK\r\n");
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
