//! The server as such: its name, its port, its TLS. No token comes near it here.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Advice;
use super::advice::{day, left, upstream};
use super::step::Finding;
use crate::clock;
use crate::model::{Endpoint, Protocol, UpstreamTls};
use crate::net::{DialError, Link, ProxyFault, Stream};
use crate::proto::imap::ImapUpstream;
use crate::proto::pop3::Pop3Upstream;
use crate::proto::smtp::SmtpUpstream;
use crate::upstream::{Target, UpstreamError};

pub(super) async fn dns(target: &Target<'_>) -> Finding {
    if let Some(proxy) = target.proxy() {
        return Finding::ok(format!("{}: resolved by the proxy {proxy}", target.endpoint.host));
    }
    let host = &target.endpoint.host;
    let (fault, cause) = match timeout(target.limits.connect, target.roads.names().ask(host)).await {
        Ok(Ok(found)) if !found.is_empty() => return Finding::ok(format!("{host}: {}", addresses(&found))),
        Ok(Ok(_)) => (format!("{host} has no address"), "the name exists, and not for a server"),
        // EAI_AGAIN, in the words of glibc and of musl
        Ok(Err(fault)) if ["Temporary failure", "Try again"].iter().any(|words| fault.to_string().contains(words)) => {
            (format!("{host}: {fault}"), "the name server does not answer")
        }
        Ok(Err(fault)) => (format!("{host}: {fault}"), "the host name is not known"),
        Err(_) => {
            (format!("{host}: no answer in {}", seconds(target.limits.connect)), "the name server does not answer")
        }
    };
    let remedy = "check the host name in the provider's table, and this machine's name servers (/etc/resolv.conf)";
    Finding::failed(fault, Advice::new(cause, remedy))
}

fn addresses(found: &[SocketAddr]) -> String {
    const MOST: usize = 4;
    let mut all: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
    all.dedup();
    let shown = all.iter().take(MOST).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if all.len() > MOST { format!("{shown} and {} more", all.len() - MOST) } else { shown }
}

pub(super) async fn tcp(target: &Target<'_>) -> Result<(TcpStream, Finding), Finding> {
    let port = target.endpoint.port;
    match target.dial().await {
        Ok(tcp) => {
            let peer = tcp.peer_addr().map_or_else(|_| format!("port {port}"), |peer| peer.to_string());
            let way = target.proxy().map(|proxy| format!("port {port} through the proxy {proxy}"));
            Ok((tcp, Finding::ok(way.unwrap_or(peer))))
        }
        Err(fault) => Err(Finding::failed(unreachable(&fault), unreached(&fault, target.endpoint))),
    }
}

fn unreachable(fault: &DialError) -> String {
    match fault {
        DialError::Connect { attempts, .. } => attempts.clone(),
        DialError::Timeout { host, port, seconds } => format!("{host} port {port}: no answer in {seconds} s"),
        DialError::Resolve { host, fault } => format!("{host}: {fault}"),
        DialError::Exhausted { .. } | DialError::NoProxy { .. } | DialError::Proxy { .. } => fault.to_string(),
    }
}

/// Why there is no connection.
pub(super) fn unreached(fault: &DialError, endpoint: &Endpoint) -> Advice {
    let port = endpoint.port;
    match fault {
        DialError::Connect { attempts, .. } if attempts.contains("refused") => Advice::new(
            format!("nothing listens on port {port} there, or a firewall says so"),
            "check host and port in the provider's table, and whether the firewall lets this machine out to that port",
        ),
        DialError::Connect { attempts, .. } if attempts.contains("unreachable") => Advice::new(
            "this machine has no way to that address",
            "check its network and routes, and that the host name leads where it should",
        ),
        DialError::Connect { .. } | DialError::Timeout { .. } => Advice::new(
            format!("a firewall on the way drops port {port}, or the host is down"),
            "let this machine out to that port, and check host and port in the provider's table",
        ),
        DialError::Exhausted { .. } => Advice::new(
            "this machine has no descriptors, ports or memory left",
            "look at what uses them up; LimitNOFILE of the service bounds its descriptors",
        ),
        DialError::Resolve { .. } => Advice::new("the host name is not known", "check it in the provider's table"),
        DialError::NoProxy { .. } => Advice::new(
            "the proxy on the way out cannot be reached",
            "check `proxy` in [egress] or in the provider's table; a host that needs no proxy belongs into `direct`",
        ),
        DialError::Proxy { fault, .. } => refused(fault, port),
    }
}

/// Why a proxy that was reached does not connect.
fn refused(fault: &ProxyFault, port: u16) -> Advice {
    match fault {
        ProxyFault::LoginWanted | ProxyFault::LoginRefused => Advice::new(
            "the proxy on the way out lets in nobody without the right login",
            "set `user` and `password` in [egress], or `proxy_user` and `proxy_password` in the provider's table",
        ),
        ProxyFault::Says(_) => Advice::new(
            "the proxy on the way out does not connect to that host and port",
            format!("have its keeper allow port {port}, and check host and port in the provider's table"),
        ),
        ProxyFault::Foreign(_) => Advice::new(
            "what answers at the proxy's address is no such proxy",
            "check the scheme (socks5, http) and the port of `proxy`",
        ),
        ProxyFault::Broke(_) | ProxyFault::Silent(_) => Advice::new(
            "the proxy on the way out does not get through to that host and port",
            format!("have its keeper look whether port {port} is let through, and how fast"),
        ),
    }
}

pub(super) async fn tls(target: &Target<'_>, protocol: Protocol, tcp: Option<TcpStream>) -> Finding {
    match reach_tls(target, protocol, tcp).await {
        Ok(stream) => {
            let finding = shown(&stream, target.endpoint);
            Link { stream, patience: GOODBYE }.close().await;
            finding
        }
        Err(fault) => {
            let (detail, advice) = upstream(&fault, target.endpoint, protocol, clock::now());
            Finding::failed(detail, advice)
        }
    }
}

/// How long the goodbye of a connection may take that is not needed any more.
const GOODBYE: Duration = Duration::from_secs(1);

async fn reach_tls(target: &Target<'_>, protocol: Protocol, tcp: Option<TcpStream>) -> Result<Stream, UpstreamError> {
    let tcp = match tcp {
        Some(tcp) => tcp,
        None => target.dial().await?,
    };
    match protocol {
        Protocol::Imap => target.reach_tls(tcp, ImapUpstream::new).await,
        Protocol::Pop3 => target.reach_tls(tcp, Pop3Upstream::new).await,
        Protocol::Smtp => target.reach_tls(tcp, SmtpUpstream::new).await,
    }
}

fn shown(stream: &Stream, endpoint: &Endpoint) -> Finding {
    let way = match endpoint.tls {
        UpstreamTls::Implicit => "",
        UpstreamTls::Starttls => " by STARTTLS",
    };
    let Some(shown) = stream.shown() else { return Finding::ok(way.trim_start()) };
    let issuer = shown.issuer.map(|issuer| format!(", certificate by {issuer}")).unwrap_or_default();
    let Some(ends) = shown.ends else { return Finding::ok(format!("{}{way}{issuer}", shown.version)) };
    let life = ends - clock::now();
    let detail = format!("{}{way}{issuer}, ends in {}", shown.version, left(life));
    if life.num_days() >= SOON {
        return Finding::ok(detail);
    }
    let cause = format!("the certificate of {} ends on {}", endpoint.host, day(ends));
    Finding::warning(detail, Advice::new(cause, "whoever keeps that server has to renew it"))
}

/// Days ahead of its end that a certificate is worth a word; those that are renewed by themselves are, well before.
const SOON: i64 = 7;

fn seconds(limit: Duration) -> String {
    format!("{} s", limit.as_secs())
}
