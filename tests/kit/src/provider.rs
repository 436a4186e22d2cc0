use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::authority::{Authority, Certificate};
use crate::client::Client;
use crate::dialect::Dialect;
use crate::faults::{Faults, How};
use crate::mailstore::Mail;
use crate::state::{Command, Login, State, TokenRequest};
use crate::tokens::Rotation;
use crate::wire::Wire;
use crate::{imap, pop3, smtp, token_endpoint};

/// The running provider; dropping it ends it, with every connection.
///
/// # Panics
/// When it is dropped and violations were left that [`Provider::take_violations`] did not take.
pub struct Provider {
    /// Who signed its certificates.
    pub authority: Authority,
    /// Where it listens, on 127.0.0.1.
    pub ports: Ports,
    pub(crate) state: Arc<State>,
    token_tasks: [AbortHandle; 2],
    mail_tasks: Vec<AbortHandle>,
}

/// What is chosen before it starts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// The manners of its mail servers and the error texts of its token endpoint.
    pub dialect: Dialect,
    /// What its mail servers show; the token endpoint's certificate is always good.
    pub certificate: Certificate,
    /// They give no tickets of TLS 1.3, which come at their own time: for those who count what is said.
    pub without_tickets: bool,
}

/// The ports of a provider's servers: `identity` is the metadata service, in clear; `smtp`, `imap` and `pop3` begin in clear and offer STARTTLS.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Ports {
    pub token: u16,
    pub identity: u16,
    pub smtp: u16,
    pub smtps: u16,
    pub imap: u16,
    pub imaps: u16,
    pub pop3: u16,
    pub pop3s: u16,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    Token,
    Identity,
    Smtp,
    Imap,
    Pop3,
}

/// A server and how it is reached.
#[derive(Clone)]
struct Entrance {
    server: Server,
    implicit: bool,
    tls: Arc<ServerConfig>,
    state: Arc<State>,
}

impl Entrance {
    /// Listens on a free port.
    async fn open(self) -> (u16, AbortHandle) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (port, tokio::spawn(self.accept(listener)).abort_handle())
    }

    async fn accept(self, listener: TcpListener) {
        let mut connections = JoinSet::new();
        while let Ok((tcp, _)) = listener.accept().await {
            let entrance = self.clone();
            // A peer that breaks off is the peer's affair.
            connections.spawn(async move { drop(entrance.serve(tcp).await) });
            while connections.try_join_next().is_some() {}
        }
    }

    async fn serve(self, tcp: TcpStream) -> io::Result<()> {
        let Self { server, implicit, tls, state } = self;
        tcp.set_nodelay(true)?;
        let wire =
            if implicit { Wire::encrypted(TlsAcceptor::from(tls).accept(tcp).await?) } else { Wire::clear(tcp, tls) };
        if !matches!(server, Server::Token | Server::Identity) {
            let (silent, greeting) = {
                let faults = &state.lock().faults;
                (faults.silent, faults.greeting)
            };
            if silent {
                std::future::pending::<()>().await;
            }
            if greeting == Some("") {
                return Ok(());
            }
        }
        match server {
            Server::Token | Server::Identity => token_endpoint::serve(wire, state).await,
            Server::Smtp => smtp::serve(wire, state).await,
            Server::Imap => imap::serve(wire, state).await,
            Server::Pop3 => pop3::serve(wire, state).await,
        }
    }
}

impl Provider {
    /// Starts every server on a free port, as Microsoft would.
    pub async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    /// Starts every server on a free port.
    pub async fn with(settings: Settings) -> Self {
        let authority = Authority::new(&["localhost", "127.0.0.1"]);
        let state = Arc::new(State::new(settings.dialect));
        let entrance = |server, implicit, certificate| {
            let mut tls = authority.server(certificate);
            if settings.without_tickets {
                Arc::make_mut(&mut tls).send_tls13_tickets = 0;
            }
            Entrance { server, implicit, tls, state: Arc::clone(&state) }
        };
        let (token, token_task) = entrance(Server::Token, true, Certificate::Good).open().await;
        let (identity, identity_task) = entrance(Server::Identity, false, Certificate::Good).open().await;
        let mut mail_tasks = Vec::new();
        let mut open = async |server, implicit| {
            let (port, task) = entrance(server, implicit, settings.certificate).open().await;
            mail_tasks.push(task);
            port
        };
        let ports = Ports {
            token,
            identity,
            smtp: open(Server::Smtp, false).await,
            smtps: open(Server::Smtp, true).await,
            imap: open(Server::Imap, false).await,
            imaps: open(Server::Imap, true).await,
            pop3: open(Server::Pop3, false).await,
            pop3s: open(Server::Pop3, true).await,
        };
        let provider = Self { authority, ports, state, token_tasks: [token_task, identity_task], mail_tasks };
        provider.state.lock().token_url = provider.token_url();
        provider
    }

    /// The token endpoint.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("https://127.0.0.1:{}/token", self.ports.token)
    }

    /// Registers a client whose app-only tokens open a mailbox.
    pub fn add_client(&self, id: &str, secret: Option<&str>, mailbox: &str) {
        let client = Client::new(id, mailbox);
        self.register(secret.into_iter().fold(client, Client::secret));
    }

    /// Registers a client, or changes one.
    pub fn register(&self, client: Client) {
        self.state.lock().tokens.add_client(client);
    }

    /// A refresh token for a mailbox, as a consent would give it; any client may use it.
    #[must_use]
    pub fn issue_refresh_token(&self, mailbox: &str) -> String {
        self.state.lock().tokens.issue_refresh(mailbox, None)
    }

    /// A refresh token for a mailbox that no other client may use.
    #[must_use]
    pub fn issue_refresh_token_to(&self, client: &str, mailbox: &str) -> String {
        self.state.lock().tokens.issue_refresh(mailbox, Some(client))
    }

    /// An access token for a mailbox, without a request; a life of zero is an expired one.
    #[must_use]
    pub fn issue_access_token(&self, mailbox: &str, life: Duration) -> String {
        self.state.lock().tokens.issue_access(vec![mailbox.to_owned()], life)
    }

    /// How long the access tokens live that are issued from now on.
    pub fn set_life(&self, life: Duration) {
        self.state.lock().tokens.life = life;
    }

    /// Whether every refresh brings a new refresh token and spends the old one ([`Rotation::Strict`]).
    pub fn set_rotation(&self, rotate: bool) {
        self.state.lock().tokens.rotation = if rotate { Rotation::Strict } else { Rotation::Off };
    }

    /// Ends every access token that was issued so far.
    pub fn revoke_access_tokens(&self) {
        self.state.lock().tokens.revoke_access(None);
    }

    /// Ends every access token that opens this mailbox.
    pub fn revoke_access_tokens_of(&self, mailbox: &str) {
        self.state.lock().tokens.revoke_access(Some(mailbox));
    }

    /// Ends the consent for a mailbox: none of its refresh tokens works from now on.
    pub fn revoke_refresh_tokens_of(&self, mailbox: &str) {
        self.state.lock().tokens.revoke_refresh(mailbox);
    }

    /// Changes how it misbehaves.
    pub fn faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.state.lock().faults);
    }

    /// Closes the mail servers' ports and ends their connections; the token endpoint stays.
    pub fn stop_mail_servers(&self) {
        self.mail_tasks.iter().for_each(AbortHandle::abort);
    }

    /// Closes the token endpoint and the metadata service; the mail servers stay.
    pub fn stop_token_endpoint(&self) {
        self.token_tasks.iter().for_each(AbortHandle::abort);
    }

    /// The mail of a mailbox, the oldest first.
    #[must_use]
    pub fn mail(&self, mailbox: &str) -> Vec<Arc<Mail>> {
        self.state.lock().mail.messages(mailbox).iter().map(|message| Arc::clone(&message.mail)).collect()
    }

    /// Puts a message into a mailbox.
    pub fn deliver(&self, mailbox: &str, content: &[u8]) {
        let mail = Mail { to: vec![mailbox.to_owned()], content: content.to_vec(), ..Mail::default() };
        self.state.deliver(&Arc::new(mail));
    }

    /// Every login attempt so far.
    #[must_use]
    pub fn logins(&self) -> Vec<Login> {
        self.state.lock().logins.clone()
    }

    /// What SMTP sessions were told after their login but QUIT, so far.
    #[must_use]
    pub fn commands(&self) -> Vec<Command> {
        self.state.lock().commands.clone()
    }

    /// How many sessions of a mailbox were logged in at the same time, at most: `smtp` or `imap`.
    #[must_use]
    pub fn most_sessions(&self, protocol: &'static str, mailbox: &str) -> u32 {
        self.state.sessions.most(protocol, mailbox)
    }

    /// How many sessions of a mailbox are logged in: `smtp` or `imap`.
    #[must_use]
    pub fn sessions(&self, protocol: &'static str, mailbox: &str) -> u32 {
        self.state.sessions.now(protocol, mailbox)
    }

    /// All SMTP sessions that are logged in and idle go wrong now; those that come later do not.
    pub fn cut_smtp(&self, how: How) {
        self.state.cuts.send_replace(how);
    }

    /// All token requests so far.
    #[must_use]
    pub fn token_requests(&self) -> Vec<TokenRequest> {
        self.state.lock().requests.clone()
    }

    /// What its clients did so far that no client may do; a test that provokes it takes it.
    #[must_use]
    pub fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().violations)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.stop_token_endpoint();
        self.stop_mail_servers();
        let violations = self.take_violations();
        assert!(
            violations.is_empty() || std::thread::panicking(),
            "the provider's clients broke the rules: {violations:?}"
        );
    }
}
