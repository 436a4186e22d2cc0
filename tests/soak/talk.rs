//! A program's conversation, in which everything may go wrong.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Longer than everything that Gatepost may take on the stage.
const PATIENCE: Duration = Duration::from_mins(2);

/// Why it did not go on.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Nobody took the connection.
    NotTaken(std::io::Error),
    /// The other side left.
    Left,
    /// It neither spoke nor left.
    Stuck(&'static str),
    /// It said no.
    No(String),
}

/// No answer of Gatepost means these to a program with the right password.
const CALLED_WRONG: [&str; 6] = ["535", "525", "530", "[AUTHENTICATIONFAILED]", "[AUTHORIZATIONFAILED]", "-ERR [AUTH]"];

impl Trouble {
    /// What is counted of it where a program with the right password meets it; the error is what may not happen.
    pub(crate) fn counted(&self) -> Result<&'static str, String> {
        match self {
            Self::Left => Ok("cut off"),
            Self::No(line) if CALLED_WRONG.iter().any(|word| line.contains(word)) => {
                Err(format!("a right password was called wrong: {}", line.trim_end()))
            }
            Self::No(line) if line.starts_with('5') => Err(format!("refused for good: {}", line.trim_end())),
            Self::No(_) => Ok("told to come later"),
            Self::Stuck(what) => Err(format!("stuck at {what}")),
            Self::NotTaken(fault) => Err(format!("the connection was not taken: {fault}")),
        }
    }
}

pub(crate) struct Talk(BufStream<TcpStream>);

impl Talk {
    /// Connects from this machine.
    pub(crate) async fn to(address: SocketAddr) -> Result<Self, Trouble> {
        Self::from(IpAddr::V4(Ipv4Addr::LOCALHOST), address).await
    }

    /// Connects from another address of loopback.
    pub(crate) async fn from(own: IpAddr, address: SocketAddr) -> Result<Self, Trouble> {
        let connecting = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::new(own, 0))?;
            socket.connect(address).await
        };
        let connected = timeout(PATIENCE, connecting).await.map_err(|_| Trouble::Stuck("connect"))?;
        Ok(Self(BufStream::new(connected.map_err(Trouble::NotTaken)?)))
    }

    pub(crate) async fn say(&mut self, text: impl AsRef<[u8]>) -> Result<(), Trouble> {
        let saying = async {
            self.0.write_all(text.as_ref()).await?;
            self.0.flush().await
        };
        timeout(PATIENCE, saying).await.map_err(|_| Trouble::Stuck("write"))?.map_err(|_| Trouble::Left)
    }

    pub(crate) async fn line(&mut self, what: &'static str) -> Result<String, Trouble> {
        self.line_within(PATIENCE, what).await?.ok_or(Trouble::Stuck(what))
    }

    /// `None`: nothing was said in that time.
    pub(crate) async fn line_within(&mut self, limit: Duration, _: &'static str) -> Result<Option<String>, Trouble> {
        let mut line = String::new();
        match timeout(limit, self.0.read_line(&mut line)).await {
            Err(_) => Ok(None),
            Ok(Ok(1..)) if line.ends_with('\n') => Ok(Some(line)),
            Ok(_) => Err(Trouble::Left),
        }
    }

    /// The first line that begins so; another one that `no` recognises is a refusal.
    pub(crate) async fn hear(
        &mut self,
        what: &'static str,
        yes: &str,
        no: impl Fn(&str) -> bool,
    ) -> Result<String, Trouble> {
        loop {
            let line = self.line(what).await?;
            if line.starts_with(yes) {
                return Ok(line);
            }
            if no(&line) {
                return Err(Trouble::No(line));
            }
        }
    }

    /// The whole SMTP reply with this code.
    pub(crate) async fn reply(&mut self, what: &'static str, code: &str) -> Result<(), Trouble> {
        loop {
            let line = self.line(what).await?;
            match line.as_bytes().get(3) {
                Some(b'-') => {}
                _ if line.starts_with(code) => return Ok(()),
                _ => return Err(Trouble::No(line)),
            }
        }
    }

    /// Waits for the other side to leave.
    pub(crate) async fn end(&mut self) -> Result<(), Trouble> {
        let mut rest = Vec::new();
        let ended = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await;
        drop(ended.map_err(|_| Trouble::Stuck("the end"))?);
        Ok(())
    }
}
