use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::client::Resumption;

use super::talk::Talk;
use super::upstream::TOKEN;
use crate::authority::Authority;

/// What a program speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Protocol {
    Smtp,
    Imap,
    Pop3,
}

/// How its connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Tls {
    None,
    Implicit,
    Starttls,
}

/// What it logs in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// LOGIN, AUTH PLAIN, USER and PASS.
    Password(String),
    /// XOAUTH2 with the upstream's token: no relay between, or one that does not log in.
    Token,
}

/// What it does between its login and its leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Nothing.
    Login,
    /// Sends a message (SMTP).
    Message,
}

/// A mail program of one kind, for any number of users. It connects anew each time and resumes nothing, as programs do that
/// are started for one message.
#[derive(Clone)]
pub struct Program {
    protocol: Protocol,
    address: SocketAddr,
    tls: Tls,
    credential: Credential,
    trust: Arc<ClientConfig>,
    users: Arc<[String]>,
    message: Arc<[u8]>,
}

/// Logged in.
pub struct Session {
    talk: Talk,
    protocol: Protocol,
    user: String,
    message: Arc<[u8]>,
    /// Whether it waits for news.
    idles: bool,
}

/// Why a program had to give up.
#[derive(Debug)]
pub enum Trouble {
    /// The connection ended, or was never made.
    Broken(io::Error),
    /// The server said this, which is no yes.
    No(String),
    /// It took longer than this.
    Stuck(Duration),
}

/// How long a login, a message or a leave may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a message may take that is fetched: it may be large.
const FETCH: Duration = Duration::from_mins(5);

type Told = Result<(), Trouble>;

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Broken(error) => write!(f, "broken: {error}"),
            Self::No(said) => write!(f, "no: {said}"),
            Self::Stuck(limit) => write!(f, "no answer within {limit:?}"),
        }
    }
}

impl Program {
    /// Speaks in clear and trusts what this authority signed where it is told to speak TLS.
    #[must_use]
    pub fn new(protocol: Protocol, address: SocketAddr, authority: &Authority, users: Vec<String>) -> Self {
        let mut trust = ClientConfig::clone(&authority.client());
        trust.resumption = Resumption::disabled();
        let (tls, credential) = (Tls::None, Credential::Token);
        Self {
            protocol,
            address,
            tls,
            credential,
            trust: Arc::new(trust),
            users: users.into(),
            message: message(2048).into(),
        }
    }

    /// Where it connects to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connects elsewhere: to a line.
    #[must_use]
    pub fn at(self, address: SocketAddr) -> Self {
        Self { address, ..self }
    }

    /// Speaks another protocol.
    #[must_use]
    pub fn speaking(self, protocol: Protocol) -> Self {
        Self { protocol, ..self }
    }

    /// Protects its connection like this.
    #[must_use]
    pub fn tls(self, tls: Tls) -> Self {
        Self { tls, ..self }
    }

    /// Logs in with a password.
    #[must_use]
    pub fn password(self, password: &str) -> Self {
        Self { credential: Credential::Password(password.to_owned()), ..self }
    }

    /// Only the first so many of its users.
    #[must_use]
    pub fn visitors(self, count: usize) -> Self {
        Self { users: self.users[..count.min(self.users.len())].into(), ..self }
    }

    /// Sends messages of so many octets, instead of 2 KiB.
    #[must_use]
    pub fn message(self, octets: usize) -> Self {
        Self { message: message(octets).into(), ..self }
    }

    /// The size of what it sends.
    pub(super) fn octets(&self) -> usize {
        self.message.len()
    }

    /// One of its users, in turn.
    pub(super) fn user(&self, number: usize) -> &str {
        &self.users[number % self.users.len()]
    }

    /// Connects and logs in as the user of this number.
    pub async fn log_in(&self, number: usize) -> Result<Session, Trouble> {
        let user = self.user(number);
        patiently(async {
            let talk = Talk::new(TcpStream::connect(self.address).await?)?;
            let mut session = Session {
                talk,
                protocol: self.protocol,
                user: user.to_owned(),
                message: Arc::clone(&self.message),
                idles: false,
            };
            session = session.greeted(self).await?;
            session.authenticate(&self.credential).await?;
            Ok(session)
        })
        .await
    }

    /// Connects, does its errand and leaves; how long it took from the connection to the yes that ends the errand.
    pub async fn visit(&self, number: usize, errand: Errand) -> Result<Duration, Trouble> {
        let start = Instant::now();
        let mut session = self.log_in(number).await?;
        if errand == Errand::Message {
            session.send().await?;
        }
        let took = start.elapsed();
        session.leave().await?;
        Ok(took)
    }
}

impl Session {
    async fn greeted(mut self, program: &Program) -> Result<Self, Trouble> {
        if program.tls == Tls::Implicit {
            self.talk = self.talk.connect_tls(&program.trust).await?;
        }
        self.yes().await?;
        self.hello().await?;
        if program.tls == Tls::Starttls {
            self.ask(match self.protocol {
                Protocol::Smtp => "STARTTLS\r\n",
                Protocol::Imap => "t STARTTLS\r\n",
                Protocol::Pop3 => "STLS\r\n",
            })
            .await?;
            self.talk = self.talk.connect_tls(&program.trust).await?;
            self.hello().await?;
        }
        Ok(self)
    }

    async fn hello(&mut self) -> Told {
        if self.protocol == Protocol::Smtp { self.ask("EHLO program.example\r\n").await } else { Ok(()) }
    }

    async fn authenticate(&mut self, credential: &Credential) -> Told {
        let user = &self.user;
        let command = match (self.protocol, credential) {
            (protocol, Credential::Token) => {
                let response = STANDARD.encode(format!("user={user}\x01auth=Bearer {TOKEN}\x01\x01"));
                let command = if protocol == Protocol::Imap { "a AUTHENTICATE" } else { "AUTH" };
                format!("{command} XOAUTH2 {response}\r\n")
            }
            (Protocol::Smtp, Credential::Password(password)) => {
                format!("AUTH PLAIN {}\r\n", STANDARD.encode(format!("\0{user}\0{password}")))
            }
            (Protocol::Imap, Credential::Password(password)) => format!("a LOGIN \"{user}\" \"{password}\"\r\n"),
            (Protocol::Pop3, Credential::Password(password)) => {
                self.ask(format!("USER {user}\r\n")).await?;
                format!("PASS {password}\r\n")
            }
        };
        self.ask(command).await
    }

    async fn ask(&mut self, command: impl AsRef<[u8]>) -> Told {
        self.talk.say(command).await?;
        self.yes().await
    }

    /// Reads up to the line that is an answer.
    async fn yes(&mut self) -> Told {
        loop {
            let line = self.talk.line().await?;
            let octets = line.as_bytes();
            match self.protocol {
                Protocol::Smtp if octets.get(3) == Some(&b'-') => {}
                Protocol::Smtp => {
                    return if matches!(octets.first(), Some(b'2' | b'3')) { Ok(()) } else { Err(Trouble::No(line)) };
                }
                Protocol::Pop3 => return if line.starts_with("+OK") { Ok(()) } else { Err(Trouble::No(line)) },
                Protocol::Imap if line.starts_with("* OK [CAPABILITY") || line.starts_with("+ idling") => return Ok(()),
                Protocol::Imap if line.starts_with("* OK [") => {}
                Protocol::Imap if line.starts_with("* OK") => return Ok(()),
                Protocol::Imap if line.starts_with("* ") => {}
                Protocol::Imap => match line.split_once(' ') {
                    Some((_, rest)) if rest.starts_with("OK") => return Ok(()),
                    _ => return Err(Trouble::No(line)),
                },
            }
        }
    }

    /// Sends its message (SMTP).
    pub async fn send(&mut self) -> Told {
        patiently(async {
            self.ask(format!("MAIL FROM:<{}>\r\n", self.user)).await?;
            self.ask("RCPT TO:<somebody@example.com>\r\n").await?;
            self.ask("DATA\r\n").await?;
            let message = Arc::clone(&self.message);
            self.ask(&message).await
        })
        .await
    }

    /// Opens the mailbox (IMAP), for [`Session::fetch`] and [`Session::idle`].
    pub async fn select(&mut self) -> Told {
        if self.protocol == Protocol::Imap { patiently(self.ask("s SELECT INBOX\r\n")).await } else { Ok(()) }
    }

    /// Fetches the message and throws it away; its octets.
    pub async fn fetch(&mut self) -> Result<usize, Trouble> {
        within(FETCH, self.fetched()).await
    }

    async fn fetched(&mut self) -> Result<usize, Trouble> {
        self.ask_for_message().await?;
        let line = self.talk.line().await?;
        let said = match self.protocol {
            Protocol::Imap => line.rsplit('{').next().and_then(|octets| octets.strip_suffix('}')),
            Protocol::Pop3 => line.split(' ').nth(1),
            Protocol::Smtp => None,
        };
        let octets = said.and_then(|octets| octets.parse().ok()).ok_or(Trouble::No(line))?;
        self.talk.skip(octets).await?;
        self.talk.line().await?;
        if self.protocol == Protocol::Imap {
            self.yes().await?;
        }
        Ok(octets)
    }

    /// Asks for the message and does not read it.
    pub async fn ask_for_message(&mut self) -> Told {
        let command = if self.protocol == Protocol::Imap { "f FETCH 1 BODY.PEEK[]\r\n" } else { "RETR 1\r\n" };
        Ok(self.talk.say(command).await?)
    }

    /// Waits for news from now on (IMAP).
    pub async fn idle(&mut self) -> Told {
        self.idles = true;
        patiently(self.ask("i IDLE\r\n")).await
    }

    /// Takes its leave and hears the answer.
    pub async fn leave(mut self) -> Told {
        patiently(async {
            if self.idles {
                self.ask("DONE\r\n").await?;
            }
            self.ask(if self.protocol == Protocol::Imap { "z LOGOUT\r\n" } else { "QUIT\r\n" }).await?;
            // How it ends is no longer its affair.
            drop(self.talk.end().await);
            Ok(())
        })
        .await
    }
}

async fn patiently<T>(deed: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    within(PATIENCE, deed).await
}

async fn within<T>(limit: Duration, deed: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    timeout(limit, deed).await.map_err(|_| Trouble::Stuck(limit))?
}

/// With its end of data.
fn message(octets: usize) -> Vec<u8> {
    const LINE: &[u8] = b"And so it goes, line after line, for as long as the message has to be sent.\r\n";
    let mut message = b"From: <bench@example.com>\r\nTo: <somebody@example.com>\r\nSubject: bench\r\n\r\n".to_vec();
    while message.len() + LINE.len() <= octets {
        message.extend_from_slice(LINE);
    }
    message.resize(octets.max(message.len() + 2) - 2, b'x');
    message.extend_from_slice(b"\r\n.\r\n");
    message
}
