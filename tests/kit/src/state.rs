use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::consent::Consents;
use crate::dialect::Dialect;
use crate::faults::{Break, Faults, How, Point};
use crate::mailstore::{Mail, MailStore};
use crate::passwords::Passwords;
use crate::sessions::{Seat, Sessions};
use crate::token_endpoint::Devices;
use crate::tokens::{Tokens, Worth};

/// A login attempt at a mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// `smtp`, `imap` or `pop3`.
    pub protocol: &'static str,
    /// SASL mechanism in upper case; for IMAP's own command `LOGIN`, for POP3's `USER`; `PASSWORD` for anything that carries
    /// one while none is taken.
    pub mechanism: String,
    /// SASL user; empty when none could be read.
    pub user: String,
    /// Whether it was let in.
    pub granted: bool,
}

/// A command of a mail transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Without its line break.
    pub line: String,
    /// Whether more had arrived behind it already.
    pub pipelined: bool,
}

/// Commands that are remembered.
const COMMANDS: usize = 1000;

/// What a user comes with.
pub(crate) enum Proof {
    Token(String),
    Password(String),
}

/// A request to the token endpoint or one of its neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// `/token`, `/devicecode` or the metadata service's.
    pub path: String,
    /// The `grant_type`; empty elsewhere than at `/token`.
    pub grant: String,
    /// The client's id, however it authenticated.
    pub client: String,
    /// The refresh token that was used.
    pub refresh_token: Option<String>,
    /// The body as received, with any assertion; of a GET, the query.
    pub body: String,
}

/// What all servers of a provider share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) dialect: Dialect,
    pub(crate) sessions: Sessions,
    inner: Mutex<Inner>,
    changes: watch::Sender<()>,
    /// How SMTP sessions that are logged in and idle go wrong at once.
    pub(crate) cuts: watch::Sender<How>,
}

#[derive(Debug, Default)]
pub(crate) struct Inner {
    pub(crate) mail: MailStore,
    pub(crate) tokens: Tokens,
    pub(crate) token_url: String,
    pub(crate) consents: Consents,
    pub(crate) devices: Devices,
    /// The client whose identity the machine has.
    pub(crate) machine: Option<String>,
    pub(crate) passwords: Passwords,
    pub(crate) logins: Vec<Login>,
    pub(crate) commands: Vec<Command>,
    pub(crate) requests: Vec<TokenRequest>,
    pub(crate) faults: Faults,
    pub(crate) violations: Vec<String>,
}

impl State {
    pub(crate) fn new(dialect: Dialect) -> Self {
        let (changes, cuts) = (watch::Sender::new(()), watch::Sender::new(How::Close));
        Self { dialect, sessions: Sessions::default(), inner: Mutex::default(), changes, cuts }
    }

    /// No one holds it across an await, nor leaves it half changed.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this user may come in with this, now; the attempt is remembered.
    pub(crate) fn admit(&self, mut login: Login, proof: &Proof) -> Worth {
        let mut state = self.lock();
        let mut worth = match proof {
            Proof::Token(token) => state.tokens.worth(&login.user, token),
            Proof::Password(password) if state.passwords.opens_mail(&login.user, password) => Worth::Good,
            Proof::Password(_) => Worth::Invalid,
        };
        if worth == Worth::Good && state.faults.refuse_logins > 0 {
            state.faults.refuse_logins -= 1;
            worth = Worth::Invalid;
        }
        login.granted = worth == Worth::Good;
        state.logins.push(login);
        worth
    }

    /// Whether a session is one more than its mailbox may have.
    pub(crate) fn is_beyond(&self, seat: &Seat) -> bool {
        let limit = self.lock().faults.sessions;
        seat.is_beyond(limit)
    }

    /// A login that cannot be granted whatever it says.
    pub(crate) fn refused(&self, protocol: &'static str, mechanism: &str, user: &str) {
        let login = Login { protocol, mechanism: mechanism.to_owned(), user: user.to_owned(), granted: false };
        self.lock().logins.push(login);
    }

    /// The first of all commands are remembered.
    pub(crate) fn commanded(&self, line: &str, pipelined: bool) {
        let commands = &mut self.lock().commands;
        if commands.len() < COMMANDS {
            commands.push(Command { line: line.to_owned(), pipelined });
        }
    }

    pub(crate) fn mishap(&self, at: Point) -> Option<How> {
        self.lock().faults.mishap.filter(|(point, _)| *point == at).map(|(_, how)| how)
    }

    /// Remembers what a client did that none may do.
    pub(crate) fn violation(&self, what: impl Into<String>) {
        self.lock().violations.push(what.into());
    }

    pub(crate) fn deliver(&self, mail: &Arc<Mail>) {
        self.lock().mail.deliver(mail);
        self.changed();
    }

    /// Wakes who waits for news of a mailbox.
    pub(crate) fn changed(&self) {
        self.changes.send_replace(());
    }

    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    pub(crate) fn after_starttls(&self) -> &'static str {
        self.lock().faults.after_starttls.unwrap_or_default()
    }

    pub(crate) fn greeting(&self, usual: &'static str) -> &'static str {
        self.lock().faults.greeting.unwrap_or(usual)
    }

    /// The reply to a command, where it is not to be obeyed.
    pub(crate) fn scripted(&self, verb: &str) -> Option<&'static str> {
        self.lock().faults.replies.get(verb).copied()
    }

    pub(crate) fn breaks(&self) -> Option<Break> {
        self.lock().faults.breaks
    }
}
