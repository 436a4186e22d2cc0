use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::ProxyFault;

/// Longest head of an answer, in octets.
const LONGEST: usize = 8192;

/// The client's side of CONNECT.
pub(super) async fn connect(
    tcp: &mut TcpStream,
    login: Option<(&str, &str)>,
    host: &str,
    port: u16,
) -> Result<(), ProxyFault> {
    tcp.write_all(request(login, host, port).as_bytes()).await?;
    let head = head(tcp).await?;
    match status(&head) {
        Some((200..300, _)) => Ok(()),
        Some((407, _)) if login.is_none() => Err(ProxyFault::LoginWanted),
        Some((407, _)) => Err(ProxyFault::LoginRefused),
        Some((403, said)) => {
            Err(ProxyFault::Says(format!("{said}; let it connect to this port, many allow none but 443")))
        }
        Some((_, said)) => Err(ProxyFault::Says(said)),
        None => Err(ProxyFault::Foreign("HTTP")),
    }
}

fn request(login: Option<(&str, &str)>, host: &str, port: u16) -> Zeroizing<String> {
    let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let proof = login.map_or_else(Zeroizing::default, |(user, password)| {
        let plain = Zeroizing::new(format!("{user}:{password}"));
        let encoded = Zeroizing::new(STANDARD.encode(plain.as_bytes()));
        Zeroizing::new(format!("Proxy-Authorization: Basic {}\r\n", encoded.as_str()))
    });
    Zeroizing::new(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{}\r\n", proof.as_str()))
}

/// The head of the answer with its empty line, and not a byte more: what follows is the server's.
async fn head(tcp: &mut TcpStream) -> Result<Vec<u8>, ProxyFault> {
    const END: &[u8] = b"\r\n\r\n";
    let mut head: Vec<u8> = Vec::new();
    let mut waiting = [0; 1024];
    loop {
        let there = tcp.peek(&mut waiting).await?;
        if there == 0 && head.is_empty() {
            return Err(ProxyFault::Foreign("HTTP"));
        }
        if there == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        // The end may have begun in what was read before.
        let from = head.len().saturating_sub(END.len() - 1);
        let known = head.len();
        head.extend_from_slice(&waiting[..there]);
        let end = memchr::memmem::find(&head[from..], END).map(|at| from + at + END.len());
        head.truncate(end.unwrap_or(head.len()));
        tcp.read_exact(&mut waiting[..head.len() - known]).await?;
        if end.is_some() {
            return Ok(head);
        }
        if head.len() > LONGEST || !head.starts_with(&b"HTTP/"[..head.len().min(5)]) {
            return Err(ProxyFault::Foreign("HTTP"));
        }
    }
}

/// The status and its line, fit to be shown.
fn status(head: &[u8]) -> Option<(u16, String)> {
    const LONGEST_SHOWN: usize = 120;
    let line = head.split(|&octet| octet == b'\r').next()?;
    let line = String::from_utf8_lossy(line.strip_prefix(b"HTTP/")?);
    let (_, said) = line.split_once(' ')?;
    let status = said.split(' ').next()?.parse().ok()?;
    let shown = said.trim().chars().map(|c| if c.is_control() { '?' } else { c }).take(LONGEST_SHOWN).collect();
    Some((status, shown))
}
