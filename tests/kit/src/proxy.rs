use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyKind {
    /// SOCKS5 (RFC 1928, RFC 1929).
    #[default]
    Socks5,
    /// CONNECT (RFC 9110, 9.3.6).
    Http,
}

/// How a proxy behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProxySettings {
    /// What it speaks.
    pub kind: ProxyKind,
    /// The user and password without which it lets nobody in.
    pub login: Option<(&'static str, &'static str)>,
    /// It connects to nothing.
    pub refuses: bool,
    /// Its yes and the server's first words come in one packet. For servers that speak first.
    pub together: bool,
    /// It sends its answers one byte at a time.
    pub drips: bool,
}

/// A running proxy; dropping it ends it, with every connection.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    kind: ProxyKind,
    asked: Asked,
    task: AbortHandle,
}

/// Where it was asked to connect to, as `host:port`.
type Asked = Arc<Mutex<Vec<String>>>;

impl Proxy {
    /// Listens on a free port.
    pub async fn start(settings: ProxySettings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Asked::default();
        let task = tokio::spawn(accept(listener, settings, Arc::clone(&asked))).abort_handle();
        Self { address, kind: settings.kind, asked, task }
    }

    /// Its address as configurations write it.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.kind == ProxyKind::Socks5 { "socks5" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Where it was asked to connect to so far, as `host:port`, by those who were let in.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Closes its port and ends its connections.
    pub fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn accept(listener: TcpListener, settings: ProxySettings, asked: Asked) {
    let mut connections = JoinSet::new();
    while let Ok((tcp, _)) = listener.accept().await {
        let asked = Arc::clone(&asked);
        connections.spawn(async move { drop(serve(tcp, settings, &asked).await) });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut client: TcpStream, settings: ProxySettings, asked: &Asked) -> io::Result<()> {
    client.set_nodelay(true)?;
    let target = match settings.kind {
        ProxyKind::Socks5 => socks5(&mut client, settings).await?,
        ProxyKind::Http => http(&mut client, settings).await?,
    };
    let Some(target) = target else { return client.shutdown().await };
    asked.lock().unwrap().push(target.clone());
    let server = if settings.refuses { None } else { TcpStream::connect(&target).await.ok() };
    let mut yes = answer(settings, server.is_some());
    let Some(mut server) = server else { return say(&mut client, &yes, settings).await };
    server.set_nodelay(true)?;
    if settings.together {
        let mut first = [0; 1024];
        let count = server.read(&mut first).await?;
        yes.extend_from_slice(&first[..count]);
    }
    say(&mut client, &yes, settings).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

fn answer(settings: ProxySettings, yes: bool) -> Vec<u8> {
    match (settings.kind, yes) {
        // A bound address as a name: the longest form.
        (ProxyKind::Socks5, true) => b"\x05\x00\x00\x03\x05bound\x04\x38".to_vec(),
        (ProxyKind::Socks5, false) if settings.refuses => b"\x05\x02\x00\x01\0\0\0\0\0\0".to_vec(),
        (ProxyKind::Socks5, false) => b"\x05\x05\x00\x01\0\0\0\0\0\0".to_vec(),
        (ProxyKind::Http, true) => b"HTTP/1.1 200 Connection established\r\nVia: 1.1 kit\r\n\r\n".to_vec(),
        (ProxyKind::Http, false) if settings.refuses => {
            b"HTTP/1.1 403 Forbidden by rule\r\nContent-Length: 2\r\n\r\nno".to_vec()
        }
        (ProxyKind::Http, false) => b"HTTP/1.1 502 Bad Gateway\r\n\r\n".to_vec(),
    }
}

async fn say(client: &mut TcpStream, octets: &[u8], settings: ProxySettings) -> io::Result<()> {
    if !settings.drips {
        return client.write_all(octets).await;
    }
    for octet in octets {
        client.write_all(&[*octet]).await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn socks5(client: &mut TcpStream, settings: ProxySettings) -> io::Result<Option<String>> {
    let [_, count] = octets(client).await?;
    let mut methods = vec![0; count.into()];
    client.read_exact(&mut methods).await?;
    let wanted = if settings.login.is_some() { 2 } else { 0 };
    if !methods.contains(&wanted) {
        say(client, &[5, 0xFF], settings).await?;
        return Ok(None);
    }
    say(client, &[5, wanted], settings).await?;
    if let Some((user, password)) = settings.login {
        let [_] = octets(client).await?;
        let given = (text(client).await?, text(client).await?);
        let right = given == (user.to_owned(), password.to_owned());
        say(client, &[1, u8::from(!right)], settings).await?;
        if !right {
            return Ok(None);
        }
    }
    let [_, _, _, kind] = octets(client).await?;
    let host = match kind {
        1 => std::net::Ipv4Addr::from(octets::<4>(client).await?).to_string(),
        4 => format!("[{}]", std::net::Ipv6Addr::from(octets::<16>(client).await?)),
        _ => text(client).await?,
    };
    Ok(Some(format!("{host}:{}", u16::from_be_bytes(octets(client).await?))))
}

async fn http(client: &mut TcpStream, settings: ProxySettings) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend_from_slice(&octets::<1>(client).await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let right = settings.login.is_none_or(|(user, password)| {
        let proof = format!("Proxy-Authorization: Basic {}", STANDARD.encode(format!("{user}:{password}")));
        head.lines().any(|line| line.eq_ignore_ascii_case(&proof))
    });
    if !right {
        let no = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"kit\"\r\n\r\n";
        say(client, no, settings).await?;
        return Ok(None);
    }
    Ok(head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).map(str::to_owned))
}

async fn text(client: &mut TcpStream) -> io::Result<String> {
    let [length] = octets(client).await?;
    let mut text = vec![0; length.into()];
    client.read_exact(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

async fn octets<const LENGTH: usize>(client: &mut TcpStream) -> io::Result<[u8; LENGTH]> {
    let mut octets = [0; LENGTH];
    client.read_exact(&mut octets).await?;
    Ok(octets)
}
