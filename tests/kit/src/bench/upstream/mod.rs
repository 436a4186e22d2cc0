mod imap;
mod pop3;
mod smtp;
mod token;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::rustls::ServerConfig;

use super::talk::Talk;

/// The access token that it issues, and takes.
pub const TOKEN: &str = "eyJ0eXAiOiJKV1QiLCJub25jZSI6ImJlbmNoIiwiYWxnIjoiUlMyNTYifQ.bench-access-token";

/// A provider that answers from constants: XOAUTH2 with [`TOKEN`] lets every user in, every mailbox holds one message, every
/// message is taken and forgotten. Its token endpoint asks nobody who he is. Dropping it ends it.
pub struct Upstream {
    /// Where it listens, on 127.0.0.1.
    pub ports: Ports,
    tasks: Vec<AbortHandle>,
}

/// `smtp`, `imap` and `pop3` begin in clear and offer STARTTLS.
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

/// What all connections share.
struct House {
    tls: Arc<ServerConfig>,
    /// The one message, with CRLF at its end.
    message: Vec<u8>,
}

/// More than any burst of logins that a bench makes.
const BACKLOG: u32 = 4096;

impl Upstream {
    /// Starts every server on a free port. Its message has so many octets.
    pub fn start(tls: Arc<ServerConfig>, octets: usize) -> io::Result<Self> {
        let house = Arc::new(House { tls, message: message(octets) });
        let mut tasks = Vec::new();
        let mut open = |server, implicit| -> io::Result<u16> {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            let listener = socket.listen(BACKLOG)?;
            let port = listener.local_addr()?.port();
            tasks.push(tokio::spawn(accept(listener, server, implicit, Arc::clone(&house))).abort_handle());
            Ok(port)
        };
        let ports = Ports {
            token: open(Server::Token, true)?,
            smtp: open(Server::Smtp, false)?,
            smtps: open(Server::Smtp, true)?,
            imap: open(Server::Imap, false)?,
            imaps: open(Server::Imap, true)?,
            pop3: open(Server::Pop3, false)?,
            pop3s: open(Server::Pop3, true)?,
        };
        Ok(Self { ports, tasks })
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Ports {
    pub(super) fn to_json(self) -> Value {
        let Self { token, smtp, smtps, imap, imaps, pop3, pop3s } = self;
        json!({ "token": token, "smtp": smtp, "smtps": smtps, "imap": imap, "imaps": imaps, "pop3": pop3, "pop3s": pop3s })
    }

    pub(super) fn from_json(value: &Value) -> Option<Self> {
        let port = |name: &str| u16::try_from(value.get(name)?.as_u64()?).ok();
        Some(Self {
            token: port("token")?,
            smtp: port("smtp")?,
            smtps: port("smtps")?,
            imap: port("imap")?,
            imaps: port("imaps")?,
            pop3: port("pop3")?,
            pop3s: port("pop3s")?,
        })
    }
}

async fn accept(listener: TcpListener, server: Server, implicit: bool, house: Arc<House>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((tcp, _)) = listener.accept().await else { continue };
        let house = Arc::clone(&house);
        // A relay that breaks off is the relay's affair.
        connections.spawn(async move { drop(serve(tcp, server, implicit, &house).await) });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(tcp: TcpStream, server: Server, implicit: bool, house: &House) -> io::Result<()> {
    let mut talk = Talk::new(tcp)?;
    if implicit {
        talk = talk.accept_tls(&house.tls).await?;
    }
    match server {
        Server::Token => token::serve(talk).await,
        Server::Smtp => smtp::serve(talk, house).await,
        Server::Imap => imap::serve(talk, house).await,
        Server::Pop3 => pop3::serve(talk, house).await,
    }
}

/// Lines as mail has them, none of them a dot.
fn message(octets: usize) -> Vec<u8> {
    const LINE: &[u8] = b"They that go down to the sea in ships, and occupy their business in waters.\r\n";
    let mut message = b"From: <bench@example.com>\r\nSubject: bench\r\n\r\n".to_vec();
    while message.len() + LINE.len() <= octets {
        message.extend_from_slice(LINE);
    }
    message.resize(octets.max(message.len() + 2) - 2, b'.');
    message.extend_from_slice(b"\r\n");
    message
}

/// Whether these credentials let anybody in.
fn lets_in(response: &str) -> bool {
    let decoded = STANDARD.decode(response.trim()).unwrap_or_default();
    let decoded = String::from_utf8_lossy(&decoded);
    decoded.starts_with("user=") && decoded.split('\x01').any(|part| part.strip_prefix("auth=Bearer ") == Some(TOKEN))
}

/// What XOAUTH2 says when it does not: {"status":"400","schemes":"Bearer","scope":"mail"}
const CHALLENGE: &str = "eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJtYWlsIn0=";

/// XOAUTH2 with what a client sent at once or is asked for: `+` or `334`, and what is said to the right and to the wrong.
async fn authenticate(talk: &mut Talk, initial: Option<&str>, plus: &str, yes: &str, no: &str) -> io::Result<()> {
    let response = if let Some(response) = initial {
        response.to_owned()
    } else {
        talk.say(format!("{plus} \r\n")).await?;
        talk.line().await?
    };
    if lets_in(&response) {
        return talk.say(yes).await;
    }
    talk.say(format!("{plus} {CHALLENGE}\r\n")).await?;
    talk.line().await?;
    talk.say(no).await
}
