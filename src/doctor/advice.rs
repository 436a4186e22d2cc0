//! What is wrong between here and the server, and the next step.

use std::io::ErrorKind;

use chrono::{DateTime, TimeDelta, Utc};

use super::Advice;
use super::server::unreached;
use crate::model::{Endpoint, Protocol, UpstreamTls};
use crate::net::{TlsError, TlsFlaw};
use crate::proto::{UpstreamFailure, Violation};
use crate::upstream::UpstreamError;

/// The detail and the advice of everything that is not the server's own no.
pub(super) fn upstream(
    error: &UpstreamError,
    endpoint: &Endpoint,
    protocol: Protocol,
    now: DateTime<Utc>,
) -> (String, Advice) {
    let advice = match error {
        UpstreamError::Dial(fault) => unreached(fault, endpoint),
        UpstreamError::Tls(fault) => handshake(fault, endpoint, protocol, now),
        UpstreamError::Broke { fault, .. } if fault.kind() == ErrorKind::TimedOut => silent(endpoint, protocol),
        UpstreamError::Broke { .. } => Advice::new("the server, or something on the way, broke the connection", {
            mode(endpoint, protocol).unwrap_or_else(|| {
                "try again; if it stays, a firewall or proxy may cut in, or the server may be overloaded".into()
            })
        }),
        UpstreamError::Slow { .. } => silent(endpoint, protocol),
        UpstreamError::Closed(_) => Advice::new("Gatepost leaves the server in peace for now", "try again in a minute"),
        UpstreamError::Login { failure, .. } => conversation(failure, endpoint, protocol),
    };
    (detail(error), advice)
}

fn detail(error: &UpstreamError) -> String {
    match error {
        UpstreamError::Tls(TlsError::Handshake { fault, .. }) => fault.to_string(),
        UpstreamError::Login {
            failure:
                UpstreamFailure::Refused(said) | UpstreamFailure::Unavailable(said) | UpstreamFailure::Leaving(said),
            ..
        } => said.clone(),
        UpstreamError::Login { failure: UpstreamFailure::Violation(violation), host } => format!("{host} {violation}"),
        other => other.to_string(),
    }
}

fn handshake(fault: &TlsError, endpoint: &Endpoint, protocol: Protocol, now: DateTime<Utc>) -> Advice {
    let host = &endpoint.host;
    match fault.flaw() {
        TlsFlaw::NotYet { begins } => Advice::new(
            format!(
                "this machine's clock says {}, and the server's certificate begins only on {}: the clock is wrong, or the certificate",
                time(now),
                time(begins)
            ),
            "compare the clock with the true time and set it (NTP); if it is right, the server shows a wrong certificate",
        ),
        TlsFlaw::Expired { ended } => Advice::new(
            format!("the server's certificate ended on {}, and this machine's clock says {}", time(ended), time(now)),
            "compare the clock with the true time and set it (NTP) if it is wrong; if it is right, whoever keeps the server has to renew the certificate",
        ),
        TlsFlaw::WrongName { bears } => Advice::new(
            format!("the server's certificate is not for {host:?}{}", bearing(&bears)),
            "write the name that the certificate bears as `host`; if it should be the right one, find out who answers there instead",
        ),
        TlsFlaw::UnknownIssuer => Advice::new(
            "the server's certificate is signed by nobody who is trusted here",
            "if its authority is your own, name its PEM file in the provider's `ca`; if the provider is a public one, a proxy or virus scanner opens TLS on the way: exempt this host, or name its authority in `ca`",
        ),
        TlsFlaw::NotTls => Advice::new(
            "the server does not speak TLS at once on this port",
            mode(endpoint, protocol).unwrap_or_else(|| other_mode(endpoint, protocol)),
        ),
        TlsFlaw::Silent => silent(endpoint, protocol),
        TlsFlaw::Other => Advice::new(
            format!("TLS with {host} could not be set up"),
            "TLS 1.2 or 1.3 and a certificate for this host are needed; look at the server, and at proxies on the way",
        ),
    }
}

/// Both sides wait for the other's first word.
fn silent(endpoint: &Endpoint, protocol: Protocol) -> Advice {
    let remedy = mode(endpoint, protocol).unwrap_or_else(|| other_mode(endpoint, protocol));
    Advice::new("the server takes the connection and then says nothing", remedy)
}

fn bearing(names: &[String]) -> String {
    const MOST: usize = 4;
    if names.is_empty() {
        return String::new();
    }
    format!(", but for {}", names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", "))
}

fn conversation(failure: &UpstreamFailure, endpoint: &Endpoint, protocol: Protocol) -> Advice {
    let violation = match failure {
        UpstreamFailure::Violation(violation) => violation,
        UpstreamFailure::Unsayable(why) => {
            let cause = format!("the user name or the password {why}, and {protocol} cannot say that");
            return Advice::new(cause, "correct `mailbox` or the app password");
        }
        UpstreamFailure::Refused(_) => return Advice::new("the server refuses", "see its own words"),
        UpstreamFailure::Unavailable(_) | UpstreamFailure::Leaving(_) => {
            return Advice::new("the server is there and will not serve now", "wait, and try again");
        }
    };
    let untouched = "nothing was sent; find out who answers there, or use the port with implicit TLS";
    match violation {
        Violation::NoStartTls => Advice::new(
            "the server does not offer STARTTLS here, or something on the way takes the offer out",
            mode(endpoint, protocol).unwrap_or_else(|| format!("{untouched} ({})", ports(protocol))),
        ),
        Violation::BytesBeforeTls | Violation::Preauth => Advice::new(
            "the server, or somebody on the way, tries to go around TLS",
            format!("{untouched} ({})", ports(protocol)),
        ),
        Violation::NoMechanism("PLAIN or LOGIN") => {
            Advice::new("the server takes no passwords", "use an OAuth grant for this provider, not app_password")
        }
        Violation::NoMechanism(name) => Advice::new(
            format!("the server does not take tokens by {name}"),
            "set the provider's `sasl` to the other one (xoauth2, oauthbearer); a server that knows neither needs app_password",
        ),
        _ => Advice::new(
            format!("what answers there does not speak {}", speaks(protocol)),
            mode(endpoint, protocol).unwrap_or_else(|| format!("check host and port: {}", ports(protocol))),
        ),
    }
}

const fn speaks(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Imap => "IMAP",
        Protocol::Pop3 => "POP3",
        Protocol::Smtp => "SMTP",
    }
}

/// RFC 8314.
const PORTS: [(Protocol, u16, UpstreamTls); 7] = [
    (Protocol::Imap, 993, UpstreamTls::Implicit),
    (Protocol::Imap, 143, UpstreamTls::Starttls),
    (Protocol::Pop3, 995, UpstreamTls::Implicit),
    (Protocol::Pop3, 110, UpstreamTls::Starttls),
    (Protocol::Smtp, 465, UpstreamTls::Implicit),
    (Protocol::Smtp, 587, UpstreamTls::Starttls),
    (Protocol::Smtp, 25, UpstreamTls::Starttls),
];

fn ports(protocol: Protocol) -> String {
    let of = PORTS.iter().filter(|(of, ..)| *of == protocol).take(2);
    of.map(|(_, port, tls)| format!("{port} with tls = \"{}\"", word(*tls))).collect::<Vec<_>>().join(", ")
}

const fn word(tls: UpstreamTls) -> &'static str {
    match tls {
        UpstreamTls::Implicit => "implicit",
        UpstreamTls::Starttls => "starttls",
    }
}

/// The mistake in port or TLS mode, where the port is a known one.
fn mode(endpoint: &Endpoint, protocol: Protocol) -> Option<String> {
    let (of, port, tls) = PORTS.iter().find(|(_, port, _)| *port == endpoint.port)?;
    if *of != protocol {
        return Some(format!("port {port} is for {of}; {protocol} has {}", ports(protocol)));
    }
    (*tls != endpoint.tls).then(|| format!("port {port} wants tls = \"{}\" in the provider's table", word(*tls)))
}

fn other_mode(endpoint: &Endpoint, protocol: Protocol) -> String {
    let other = match endpoint.tls {
        UpstreamTls::Implicit => UpstreamTls::Starttls,
        UpstreamTls::Starttls => UpstreamTls::Implicit,
    };
    format!("try tls = \"{}\" for this port, or another port: {}", word(other), ports(protocol))
}

/// A time as people read it.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// A day.
pub(super) fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// What is left, in its largest unit.
pub(super) fn left(life: TimeDelta) -> String {
    match (life.num_days(), life.num_hours(), life.num_minutes()) {
        (2.., ..) => format!("{} days", life.num_days()),
        (_, 2.., _) => format!("{} hours", life.num_hours()),
        (.., 2..) => format!("{} minutes", life.num_minutes()),
        _ => format!("{} seconds", life.num_seconds()),
    }
}
