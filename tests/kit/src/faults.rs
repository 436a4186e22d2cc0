use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// How the provider misbehaves. All but [`Faults::refuse_logins`] and [`Faults::token_answers`] last until changed.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// So many logins are refused although the token is good.
    pub refuse_logins: u32,
    /// Sent in clear behind the positive reply to STARTTLS.
    pub after_starttls: Option<&'static str>,
    /// Sent instead of the greeting (garbage, `* PREAUTH`); an empty one closes the connection.
    pub greeting: Option<&'static str>,
    /// The mail servers never say anything.
    pub silent: bool,
    /// Replies instead of what the command would do, by verb of any protocol or `END`
    /// for the end of data; whole, with CRLF, of as many lines as wanted. In IMAP the tag is put before the first. A 421
    /// also closes the connection.
    pub replies: HashMap<&'static str, &'static str>,
    /// How long an SMTP server thinks before it replies, by verb or `END`.
    pub delays: HashMap<&'static str, Duration>,
    /// So many sessions of a mailbox and a protocol at a time; beyond, SMTP refuses messages and IMAP logins.
    pub sessions: Option<u32>,
    /// Where SMTP breaks off.
    pub breaks: Option<Break>,
    /// Where, and how, SMTP sessions that are logged in go wrong.
    pub mishap: Option<(Point, How)>,
    /// What EHLO offers under TLS besides AUTH, instead of the usual.
    pub extensions: Option<&'static [&'static str]>,
    /// What the token endpoint does with the next requests, one each, before it answers by itself again.
    pub token_answers: VecDeque<Answer>,
}

/// Where the SMTP server closes the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// Instead of the reply to MAIL.
    AtMail,
    /// Instead of the reply to RCPT.
    AtRcpt,
    /// Instead of the reply to DATA.
    AtData,
    /// After so many octets of a body.
    InBody(usize),
    /// After the end of data, without a reply.
    AfterBody,
}

impl Break {
    /// The verb whose reply never comes.
    pub(crate) const fn verb(self) -> Option<&'static str> {
        match self {
            Self::AtMail => Some("MAIL"),
            Self::AtRcpt => Some("RCPT"),
            Self::AtData => Some("DATA"),
            Self::InBody(_) | Self::AfterBody => None,
        }
    }
}

/// A point of an SMTP session after its login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Before any command.
    Idle,
    /// Instead of the reply to MAIL.
    Mail,
    /// Instead of the reply to the so manieth RCPT of the session.
    Rcpt(u32),
    /// Instead of the reply to DATA.
    Data,
    /// Right behind 354, before any of the message is read.
    GoAhead,
    /// After so many octets of a message.
    Body(usize),
    /// After the end of data, instead of taking the message.
    End,
    /// After the end of data and after taking the message, instead of saying so.
    Taken,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The connection is closed without a word.
    Close,
    /// 421, then the connection is closed.
    Bye,
    /// Nothing is said any more.
    Silence,
    /// Something that is not SMTP is said, and nothing more.
    Garbage,
    /// 250 is said although it is not asked for or not the answer; and nothing more.
    EarlyYes,
}

/// What the token endpoint does with a request instead of its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Answers with this status, these header fields and this body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// Sends these octets and closes.
    Raw(Vec<u8>),
    /// Never answers.
    Hang,
    /// Closes without an answer.
    CloseEarly,
    /// Announces more than it sends, then closes.
    Truncated,
    /// Does its work, after so long.
    Slow(Duration),
    /// Status 200 and a page for people, as captive portals and proxies send.
    Html,
    /// Status 200 and nothing.
    EmptyBody,
    /// Sends the client elsewhere, where it must not go with its secrets.
    Redirect(String),
}

impl Answer {
    /// An OAuth error (RFC 6749, 5.2).
    #[must_use]
    pub fn error(status: u16, error: &str) -> Self {
        let body = serde_json::json!({ "error": error }).to_string();
        Self::Status(status, vec![("Content-Type", "application/json".into())], body)
    }

    /// Too many requests; come back in so many seconds.
    #[must_use]
    pub fn throttled(seconds: u64) -> Self {
        Self::Status(429, vec![("Retry-After", seconds.to_string())], String::new())
    }
}

/// [`Answer::Raw`]; empty text is [`Answer::Hang`].
impl From<&str> for Answer {
    fn from(raw: &str) -> Self {
        if raw.is_empty() { Self::Hang } else { Self::Raw(raw.into()) }
    }
}
