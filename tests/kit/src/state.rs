use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// A message as it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Reverse path.
    pub from: String,
    /// Forward paths.
    pub to: Vec<String>,
    /// The content, dots unstuffed.
    pub content: Vec<u8>,
}

/// A login attempt at a mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// `smtp`, `imap` or `pop3`.
    pub protocol: &'static str,
    /// SASL user.
    pub user: String,
    /// Whether it was let in.
    pub granted: bool,
}

/// How the provider misbehaves.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// So many logins are refused although the token is good.
    pub refuse_logins: u32,
    /// Sent in clear behind the positive reply to STARTTLS.
    pub after_starttls: Option<&'static str>,
    /// Sent instead of the greeting.
    pub greeting: Option<&'static str>,
    /// The mail servers never say anything.
    pub silent: bool,
    /// SMTP replies instead of the usual ones, by verb (`MAIL`, `RCPT`, `DATA`, `END`).
    pub replies: HashMap<&'static str, &'static str>,
    /// Where SMTP breaks off.
    pub breaks: Option<Break>,
    /// Raw HTTP answers of the token endpoint, before it answers by itself again. An empty one hangs.
    pub token_answers: VecDeque<Vec<u8>>,
}

/// Where the SMTP server closes the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// Instead of the reply to MAIL.
    AtMail,
    /// After so many octets of a body.
    InBody(usize),
    /// After the end of data, without a reply.
    AfterBody,
}

/// What all servers of a provider share.
#[derive(Debug)]
pub(crate) struct State {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) mail: HashMap<String, Vec<Mail>>,
    pub(crate) access: HashMap<String, Access>,
    pub(crate) refresh: HashMap<String, String>,
    pub(crate) spent: HashMap<String, String>,
    pub(crate) clients: HashMap<String, Client>,
    pub(crate) logins: Vec<Login>,
    pub(crate) requests: Vec<String>,
    pub(crate) faults: Faults,
    pub(crate) serial: u64,
    pub(crate) life: Duration,
    pub(crate) rotate: bool,
}

/// An access token.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) mailbox: String,
    pub(crate) ends: Instant,
}

/// An OAuth client.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) secret: Option<String>,
    /// Whose mailbox its app-only tokens open.
    pub(crate) mailbox: String,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                mail: HashMap::new(),
                access: HashMap::new(),
                refresh: HashMap::new(),
                spent: HashMap::new(),
                clients: HashMap::new(),
                logins: Vec::new(),
                requests: Vec::new(),
                faults: Faults::default(),
                serial: 0,
                life: Duration::from_hours(1),
                rotate: false,
            }),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Whether this user may come in with this token, now; the attempt is remembered.
    pub(crate) fn admit(&self, protocol: &'static str, user: &str, token: &str) -> bool {
        let mut state = self.lock();
        let good = state
            .access
            .get(token)
            .is_some_and(|access| access.mailbox.eq_ignore_ascii_case(user) && access.ends > Instant::now());
        let refused = good && state.faults.refuse_logins > 0;
        if refused {
            state.faults.refuse_logins -= 1;
        }
        let granted = good && !refused;
        state.logins.push(Login { protocol, user: user.to_owned(), granted });
        granted
    }
}

impl Inner {
    /// A name that was never used before.
    pub(crate) fn fresh(&mut self, kind: &str) -> String {
        self.serial += 1;
        format!("simulated-{kind}-{}-{}", self.serial, "x".repeat(400))
    }

    pub(crate) fn issue_access(&mut self, mailbox: &str) -> String {
        let token = self.fresh("access");
        let ends = Instant::now() + self.life;
        self.access.insert(token.clone(), Access { mailbox: mailbox.to_owned(), ends });
        token
    }

    pub(crate) fn deliver(&mut self, mail: &Mail) {
        for to in &mail.to {
            self.mail.entry(to.to_lowercase()).or_default().push(mail.clone());
        }
    }
}
