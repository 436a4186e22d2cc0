use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::authority::Authority;
use crate::state::{Client, Faults, Login, Mail, State};
use crate::wire::Wire;
use crate::{imap, pop3, smtp, token};

/// The running provider; dropping it ends it.
pub struct Provider {
    /// Who signed its certificates.
    pub authority: Authority,
    /// Where it listens, on 127.0.0.1.
    pub ports: Ports,
    state: Arc<State>,
    tasks: Vec<AbortHandle>,
}

/// The ports of a provider's servers.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Ports {
    pub token: u16,
    pub smtp: u16,
    pub smtps: u16,
    pub imap: u16,
    pub imaps: u16,
    pub pop3: u16,
    pub pop3s: u16,
}

#[derive(Clone, Copy)]
enum Server {
    Token,
    Smtp,
    Imap,
    Pop3,
}

impl Provider {
    /// Starts every server on a free port.
    pub async fn start() -> Self {
        let authority = Authority::new(&["localhost", "127.0.0.1"]);
        let tls = authority.server();
        let state = Arc::new(State::new());
        let mut tasks = Vec::new();
        let mut open = async |server, implicit| {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let accepting = accept(listener, server, implicit, Arc::clone(&tls), Arc::clone(&state));
            tasks.push(tokio::spawn(accepting).abort_handle());
            port
        };
        let ports = Ports {
            token: open(Server::Token, true).await,
            smtp: open(Server::Smtp, false).await,
            smtps: open(Server::Smtp, true).await,
            imap: open(Server::Imap, false).await,
            imaps: open(Server::Imap, true).await,
            pop3: open(Server::Pop3, false).await,
            pop3s: open(Server::Pop3, true).await,
        };
        Self { authority, ports, state, tasks }
    }

    /// The token endpoint.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("https://127.0.0.1:{}/token", self.ports.token)
    }

    /// Registers a client whose app-only tokens open a mailbox.
    pub fn add_client(&self, id: &str, secret: Option<&str>, mailbox: &str) {
        let client = Client { secret: secret.map(str::to_owned), mailbox: mailbox.to_owned() };
        self.state.lock().clients.insert(id.to_owned(), client);
    }

    /// A refresh token for a mailbox, as a consent would give it.
    #[must_use]
    pub fn issue_refresh_token(&self, mailbox: &str) -> String {
        let mut state = self.state.lock();
        let token = state.fresh("refresh");
        state.refresh.insert(token.clone(), mailbox.to_owned());
        token
    }

    /// How long the access tokens live that are issued from now on.
    pub fn set_life(&self, life: Duration) {
        self.state.lock().life = life;
    }

    /// Whether every refresh brings a new refresh token and spends the old one.
    pub fn set_rotation(&self, rotate: bool) {
        self.state.lock().rotate = rotate;
    }

    /// Ends every access token that was issued so far.
    pub fn revoke_access_tokens(&self) {
        self.state.lock().access.clear();
    }

    /// Changes how it misbehaves.
    pub fn faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.state.lock().faults);
    }

    /// The mail of a mailbox.
    #[must_use]
    pub fn mail(&self, mailbox: &str) -> Vec<Mail> {
        self.state.lock().mail.get(&mailbox.to_lowercase()).cloned().unwrap_or_default()
    }

    /// Puts a message into a mailbox.
    pub fn deliver(&self, mailbox: &str, content: &[u8]) {
        let mail = Mail { from: String::new(), to: vec![mailbox.to_owned()], content: content.to_vec() };
        self.state.lock().deliver(&mail);
    }

    /// Every login attempt so far.
    #[must_use]
    pub fn logins(&self) -> Vec<Login> {
        self.state.lock().logins.clone()
    }

    /// The bodies of all token requests so far.
    #[must_use]
    pub fn token_requests(&self) -> Vec<String> {
        self.state.lock().requests.clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn accept(listener: TcpListener, server: Server, implicit: bool, tls: Arc<ServerConfig>, state: Arc<State>) {
    while let Ok((tcp, _)) = listener.accept().await {
        let (tls, state) = (Arc::clone(&tls), Arc::clone(&state));
        // A peer that breaks off is the peer's affair.
        tokio::spawn(async move { drop(serve(tcp, server, implicit, tls, state).await) });
    }
}

async fn serve(
    tcp: TcpStream,
    server: Server,
    implicit: bool,
    tls: Arc<ServerConfig>,
    state: Arc<State>,
) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let (mut wire, starttls) = if implicit {
        (Wire::new(TlsAcceptor::from(tls).accept(tcp).await?), None)
    } else {
        (Wire::new(tcp), Some(tls))
    };
    let (silent, greeting) = {
        let faults = &state.lock().faults;
        (faults.silent, faults.greeting)
    };
    if silent && !matches!(server, Server::Token) {
        std::future::pending::<()>().await;
    }
    if let (Some(greeting), Server::Smtp | Server::Imap | Server::Pop3) = (greeting, server) {
        wire.send(greeting).await?;
        return wire.line().await.map(drop);
    }
    match server {
        Server::Token => token::serve(wire, state).await,
        Server::Smtp => smtp::serve(wire, state, starttls).await,
        Server::Imap => imap::serve(wire, state, starttls).await,
        Server::Pop3 => pop3::serve(wire, state, starttls).await,
    }
}
