//! As much of IMAP4rev1 as mail programs use to read one INBOX.

mod command;
mod fetch;
mod search;
mod selected;
mod set;

use std::io;
use std::sync::Arc;

use self::command::{Command, Token};
use self::selected::Selected;
use crate::dialect::Dialect;
use crate::mailstore::Mail;
use crate::sasl::{self, Verdict};
use crate::sessions::Seat;
use crate::state::State;
use crate::wire::Wire;

pub(crate) async fn serve(mut wire: Wire, state: Arc<State>) -> io::Result<()> {
    let usual = match state.dialect {
        Dialect::Microsoft => "* OK The Microsoft Exchange IMAP4 service is ready. [QgBOADkA]\r\n",
        Dialect::Google => "* OK Gimap ready for requests from 127.0.0.1 simulated\r\n",
    };
    wire.send(state.greeting(usual)).await?;
    let mut conversation = Conversation::Before;
    let mut seat = None;
    loop {
        let command = Command::read(&mut wire).await?;
        let tag = command.tag.clone();
        if command.verb == "LOGOUT" {
            wire.send(format!(
                "* BYE Microsoft Exchange Server IMAP4 server signing off.\r\n{tag} OK LOGOUT completed.\r\n"
            ))
            .await?;
            return wire.close().await;
        }
        if command.verb == "STARTTLS" && !wire.is_encrypted() {
            wire = starttls(wire, &state, &tag).await?;
            conversation = Conversation::Before;
            continue;
        }
        if let Some(reply) = state.scripted(&command.verb) {
            wire.send(format!("{tag} {reply}")).await?;
            continue;
        }
        let reply = match conversation.command(&mut wire, &state, &command).await? {
            Some(reply) => reply,
            None => "BAD Command received in Invalid state.".into(),
        };
        let reply = conversation.seated(&state, &mut seat).unwrap_or(reply);
        wire.send(format!("{}{tag} {reply}\r\n", conversation.news(&state, &command))).await?;
    }
}

async fn starttls(mut wire: Wire, state: &State, tag: &str) -> io::Result<Wire> {
    if wire.has_read_ahead() {
        state.violation("imap: bytes behind STARTTLS");
    }
    wire.send(format!("{tag} OK Begin TLS negotiation now.\r\n{}", state.after_starttls())).await?;
    wire.starttls().await
}

/// What a session may do.
enum Conversation {
    Before,
    LoggedIn { user: String },
    Selected { user: String, inbox: Selected },
}

/// The end of a tagged reply; untagged data has been sent. `None` where the command is not valid.
type Reply = Option<String>;

impl Conversation {
    fn user(&self) -> Option<&str> {
        match self {
            Self::Before => None,
            Self::LoggedIn { user } | Self::Selected { user, .. } => Some(user),
        }
    }

    /// What changed in the selected mailbox; never told when numbers may be in use (RFC 3501, 7.4.1).
    fn news(&mut self, state: &State, command: &Command) -> String {
        match self {
            Self::Selected { inbox, .. }
                if command.uid || !matches!(command.verb.as_str(), "FETCH" | "STORE" | "SEARCH") =>
            {
                inbox.sync(state)
            }
            _ => String::new(),
        }
    }

    /// Counts a session that has just been logged in; the refusal of one too many.
    fn seated(&mut self, state: &State, seat: &mut Option<Seat>) -> Reply {
        let user = self.user().filter(|_| seat.is_none())?;
        let taken = seat.insert(state.sessions.enter("imap", user));
        if !state.is_beyond(taken) {
            return None;
        }
        (*self, *seat) = (Self::Before, None);
        Some("NO [ALERT] Too many simultaneous connections. (Failure)".into())
    }

    async fn command(&mut self, wire: &mut Wire, state: &State, command: &Command) -> io::Result<Reply> {
        match command.verb.as_str() {
            "CAPABILITY" => {
                wire.send(format!("* CAPABILITY {}\r\n", capabilities(wire, state, self.user().is_some()))).await?;
                return done("OK CAPABILITY completed.");
            }
            "NOOP" | "CHECK" => return done("OK NOOP completed."),
            "ID" => {
                wire.send("* ID (\"name\" \"simulated\")\r\n").await?;
                return done("OK ID completed");
            }
            _ => {}
        }
        let Some(user) = self.user().map(str::to_owned) else {
            return self.log_in(wire, state, command).await;
        };
        match command.verb.as_str() {
            "LIST" | "XLIST" | "LSUB" => list(wire, command).await,
            "NAMESPACE" => {
                wire.send("* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n").await?;
                done("OK NAMESPACE completed.")
            }
            "STATUS" => status(wire, state, &user, command).await,
            "APPEND" => Ok(Some(append(state, &user, command))),
            "SELECT" | "EXAMINE" => self.select(wire, state, &user, command).await,
            "SUBSCRIBE" | "UNSUBSCRIBE" if is_inbox(command, 0) => done("OK SUBSCRIBE completed."),
            "IDLE" => self.idle(wire, state).await,
            _ => self.selected(wire, state, command).await,
        }
    }

    async fn log_in(&mut self, wire: &mut Wire, state: &State, command: &Command) -> io::Result<Reply> {
        let mechanism = match (command.verb.as_str(), command.text(0)) {
            ("AUTHENTICATE", Some(mechanism)) => mechanism.to_uppercase(),
            ("LOGIN", Some(_)) => "LOGIN".into(),
            _ => return Ok(None),
        };
        if !wire.is_encrypted() {
            state.violation("imap: login in clear");
            return done("BAD Command received in Invalid state.");
        }
        if !sasl::takes(state, &mechanism) {
            state.refused("imap", "PASSWORD", "");
            return done(match state.dialect {
                Dialect::Microsoft => "NO Basic authentication is disabled.",
                Dialect::Google => {
                    "NO [ALERT] Application-specific password required: https://support.google.com/accounts/answer/185833 (Failure)"
                }
            });
        }
        let verdict = if command.verb == "LOGIN" {
            let word = |at| command.text(at).unwrap_or_default();
            sasl::password(state, "imap", "LOGIN", word(0), word(1))
        } else {
            sasl::exchange(wire, state, "imap", &mechanism, command.text(1).as_deref()).await?
        };
        match (verdict, state.dialect) {
            (Verdict::Granted(user), dialect) => {
                *self = Self::LoggedIn { user: user.clone() };
                if dialect == Dialect::Google {
                    wire.send(format!("* CAPABILITY {}\r\n", capabilities(wire, state, true))).await?;
                    return Ok(Some(format!("OK {user} authenticated (Success)")));
                }
                done(&format!("OK {} completed.", command.verb))
            }
            (Verdict::Cancelled, _) => done("BAD The AUTH protocol exchange was canceled by the client."),
            (Verdict::Refused, Dialect::Microsoft) => done(&format!("NO {} failed.", command.verb)),
            (Verdict::Refused, Dialect::Google) => done("NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)"),
        }
    }

    async fn select(&mut self, wire: &mut Wire, state: &State, user: &str, command: &Command) -> io::Result<Reply> {
        *self = Self::LoggedIn { user: user.to_owned() };
        if !is_inbox(command, 0) {
            return done("NO [NONEXISTENT] The specified folder could not be found.");
        }
        let read_only = command.verb == "EXAMINE";
        let inbox = Selected::new(state, user, read_only);
        wire.send(inbox.report(state)).await?;
        *self = Self::Selected { user: user.to_owned(), inbox };
        done(if read_only { "OK [READ-ONLY] EXAMINE completed." } else { "OK [READ-WRITE] SELECT completed." })
    }

    /// Tells what happens until the client says DONE.
    async fn idle(&mut self, wire: &mut Wire, state: &State) -> io::Result<Reply> {
        let mut changes = state.changes();
        wire.send("+ IDLE accepted, awaiting DONE command.\r\n").await?;
        loop {
            tokio::select! {
                line = wire.line() => {
                    return if line?.eq_ignore_ascii_case("DONE") { done("OK IDLE completed.") } else { Ok(None) };
                }
                _ = changes.changed() => {
                    if let Self::Selected { inbox, .. } = self {
                        let news = inbox.sync(state);
                        wire.send(news).await?;
                    }
                }
            }
        }
    }

    async fn selected(&mut self, wire: &mut Wire, state: &State, command: &Command) -> io::Result<Reply> {
        let Self::Selected { user, inbox } = self else { return Ok(None) };
        let (data, reply) = match command.verb.as_str() {
            "FETCH" => inbox.fetch(state, command),
            "SEARCH" => inbox.search(state, command),
            "STORE" => inbox.store(state, command),
            "COPY" | "MOVE" => (Vec::new(), "NO [TRYCREATE] The specified folder could not be found."),
            "EXPUNGE" => {
                let uids = command.text(0).filter(|_| command.uid);
                inbox.expunge(state, uids.as_deref());
                (Vec::new(), "OK EXPUNGE completed.")
            }
            "CLOSE" | "UNSELECT" => {
                if command.verb == "CLOSE" {
                    inbox.expunge(state, None);
                }
                *self = Self::LoggedIn { user: std::mem::take(user) };
                (Vec::new(), "OK CLOSE completed.")
            }
            _ => return Ok(None),
        };
        wire.send(data).await?;
        done(reply)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of every command's end")]
fn done(reply: &str) -> io::Result<Reply> {
    Ok(Some(reply.to_owned()))
}

fn is_inbox(command: &Command, at: usize) -> bool {
    command.text(at).is_some_and(|name| name.eq_ignore_ascii_case("INBOX"))
}

/// The provider's own lists, less what is not simulated (COMPRESS, CONDSTORE, ENABLE and their kin).
fn capabilities(wire: &Wire, state: &State, logged_in: bool) -> String {
    let usual = match (state.dialect, wire.is_encrypted(), logged_in) {
        (Dialect::Microsoft, false, _) => {
            "IMAP4 IMAP4rev1 STARTTLS LOGINDISABLED SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
        }
        (Dialect::Microsoft, true, false) => {
            "IMAP4 IMAP4rev1 AUTH=XOAUTH2 AUTH=OAUTHBEARER LOGINDISABLED SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
        }
        (Dialect::Microsoft, true, true) => {
            "IMAP4 IMAP4rev1 AUTH=XOAUTH2 AUTH=OAUTHBEARER SASL-IR UIDPLUS MOVE ID UNSELECT CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE NAMESPACE LITERAL+"
        }
        (Dialect::Google, false, _) => {
            "IMAP4rev1 UNSELECT IDLE NAMESPACE ID XLIST CHILDREN XYZZY STARTTLS LOGINDISABLED"
        }
        (Dialect::Google, true, false) => {
            "IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 XYZZY SASL-IR AUTH=XOAUTH2 AUTH=PLAIN AUTH=PLAIN-CLIENTTOKEN AUTH=OAUTHBEARER"
        }
        (Dialect::Google, true, true) => {
            "IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 UIDPLUS MOVE LITERAL+ APPENDLIMIT=35651584"
        }
    };
    // Exchange, where passwords are still taken; Gmail names them anyway.
    if state.dialect == Dialect::Microsoft && wire.is_encrypted() && sasl::takes(state, "PLAIN") {
        return usual.replace("AUTH=XOAUTH2", "AUTH=PLAIN AUTH=XOAUTH2").replace(" LOGINDISABLED", "");
    }
    usual.to_owned()
}

async fn list(wire: &mut Wire, command: &Command) -> io::Result<Reply> {
    let (reference, pattern) = (command.text(0).unwrap_or_default(), command.text(1).unwrap_or_default());
    let verb = &command.verb;
    let wanted = format!("{reference}{pattern}");
    if wanted.is_empty() {
        wire.send(format!("* {verb} (\\Noselect) \"/\" \"\"\r\n")).await?;
    } else if wanted == "*" || wanted == "%" || wanted.trim_end_matches(['*', '%']).eq_ignore_ascii_case("INBOX") {
        wire.send(format!("* {verb} (\\HasNoChildren) \"/\" INBOX\r\n")).await?;
    }
    Ok(Some(format!("OK {verb} completed.")))
}

async fn status(wire: &mut Wire, state: &State, user: &str, command: &Command) -> io::Result<Reply> {
    if !is_inbox(command, 0) {
        return done("NO [NONEXISTENT] The specified folder could not be found.");
    }
    let told = {
        let state = state.lock();
        let messages = state.mail.messages(user);
        let told: Vec<String> = command.arguments[1..]
            .iter()
            .filter_map(|item| {
                let word = item.word();
                let value = match word.as_str() {
                    "MESSAGES" => messages.len().to_string(),
                    "RECENT" => "0".into(),
                    "UIDNEXT" => state.mail.next_uid(user).to_string(),
                    "UIDVALIDITY" => "1".into(),
                    "UNSEEN" => messages.iter().filter(|message| !message.has("\\Seen")).count().to_string(),
                    _ => return None,
                };
                Some(format!("{word} {value}"))
            })
            .collect();
        told.join(" ")
    };
    wire.send(format!("* STATUS INBOX ({told})\r\n")).await?;
    done("OK STATUS completed.")
}

/// `APPEND INBOX [(flags)] ["date"] literal`
fn append(state: &State, user: &str, command: &Command) -> String {
    if !is_inbox(command, 0) {
        return "NO [TRYCREATE] The specified folder could not be found.".into();
    }
    let Some(Token::Text(content)) = command.arguments.get(1..).and_then(<[Token]>::last) else {
        return "BAD Command Argument Error. 11".into();
    };
    let flags = command.arguments.iter().filter_map(Token::text).filter(|flag| flag.starts_with('\\')).collect();
    let mail = Mail { to: vec![user.to_owned()], content: content.clone(), ..Mail::default() };
    let uid = state.lock().mail.put(user, Arc::new(mail), flags);
    state.changed();
    format!("OK [APPENDUID 1 {uid}] APPEND completed.")
}
