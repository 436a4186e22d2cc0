use std::net::IpAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::ProxyFault;

const VERSION: u8 = 5;
/// The version of the negotiation of RFC 1929.
const LOGIN_VERSION: u8 = 1;
const NO_LOGIN: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NOTHING_ACCEPTABLE: u8 = 0xFF;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// The client's side of SOCKS5. Every answer says its own length, so that nothing is read beyond it.
pub(super) async fn connect(
    tcp: &mut TcpStream,
    login: Option<(&str, &str)>,
    host: &str,
    port: u16,
) -> Result<(), ProxyFault> {
    let wanted = if login.is_some() { USER_AND_PASSWORD } else { NO_LOGIN };
    tcp.write_all(&[VERSION, 1, wanted]).await?;
    let [version, method] = read(tcp).await?;
    match (version, method, login) {
        (VERSION, NO_LOGIN, None) => {}
        (VERSION, USER_AND_PASSWORD, Some((user, password))) => log_in(tcp, user, password).await?,
        (VERSION, NOTHING_ACCEPTABLE, None) => return Err(ProxyFault::LoginWanted),
        (VERSION, NOTHING_ACCEPTABLE, Some(_)) => {
            return Err(ProxyFault::Says("that it takes no login; leave user and password out".into()));
        }
        _ => return Err(ProxyFault::Foreign("SOCKS5")),
    }
    tcp.write_all(&request(host, port)).await?;
    answer(tcp).await
}

async fn log_in(tcp: &mut TcpStream, user: &str, password: &str) -> Result<(), ProxyFault> {
    let mut request = zeroize::Zeroizing::new(Vec::with_capacity(3 + user.len() + password.len()));
    request.push(LOGIN_VERSION);
    for text in [user, password] {
        request.push(length(text));
        request.extend_from_slice(&text.as_bytes()[..length(text).into()]);
    }
    tcp.write_all(&request).await?;
    let [_, status] = read(tcp).await?;
    if status == 0 { Ok(()) } else { Err(ProxyFault::LoginRefused) }
}

/// The configuration takes nothing longer.
fn length(text: &str) -> u8 {
    u8::try_from(text.len()).unwrap_or(u8::MAX)
}

fn request(host: &str, port: u16) -> Vec<u8> {
    let mut request = vec![VERSION, CONNECT, 0];
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend_from_slice(&address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend_from_slice(&address.octets());
        }
        Err(_) => {
            request.extend_from_slice(&[NAME, length(host)]);
            request.extend_from_slice(&host.as_bytes()[..length(host).into()]);
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    request
}

async fn answer(tcp: &mut TcpStream) -> Result<(), ProxyFault> {
    let [version, reply, _, kind] = read(tcp).await?;
    if version != VERSION {
        return Err(ProxyFault::Foreign("SOCKS5"));
    }
    if reply != 0 {
        return Err(ProxyFault::Says(meaning(reply)));
    }
    // Where it connected from; only its length matters.
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => {
            let [length] = read(tcp).await?;
            usize::from(length)
        }
        _ => return Err(ProxyFault::Foreign("SOCKS5")),
    };
    let mut bound = [0; 255 + 2];
    tcp.read_exact(&mut bound[..length + 2]).await?;
    Ok(())
}

/// RFC 1928, 6.
fn meaning(reply: u8) -> String {
    let words = match reply {
        1 => "that something failed",
        2 => "that its rules do not allow it; let it connect to this host and port",
        3 => "that it has no way to that network",
        4 => "that it cannot reach the host, or does not find its name",
        5 => "that the host refuses the connection; check the port",
        6 => "that the host does not answer",
        7 => "that it knows no CONNECT",
        8 => "that it does not take this kind of address",
        other => return format!("{other}, which is no answer of SOCKS5"),
    };
    words.to_owned()
}

async fn read<const LENGTH: usize>(tcp: &mut TcpStream) -> Result<[u8; LENGTH], ProxyFault> {
    let mut octets = [0; LENGTH];
    tcp.read_exact(&mut octets).await?;
    Ok(octets)
}
