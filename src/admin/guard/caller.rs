use std::net::{IpAddr, SocketAddr};

use axum::http::StatusCode;
use axum::http::request::Parts;
use ipnet::IpNet;

use super::super::Desk;
use super::super::problem::Problem;
use crate::model::within;
use crate::net::Peer;

/// Where a request comes from: the browser's address, as far as declared proxies tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) struct Caller {
    pub(in crate::admin) ip: IpAddr,
}

/// Who called; refuses those who go around the proxy.
pub(in crate::admin) fn find(desk: &Desk, head: &Parts) -> Result<Caller, Problem> {
    let peer = head.extensions.get::<Peer>().map_or(IpAddr::from([127, 0, 0, 1]), Peer::ip).to_canonical();
    let proxies = desk.config.admin.as_ref().map_or(&[][..], |admin| &admin.reverse_proxy);
    if proxies.is_empty() {
        return Ok(Caller { ip: peer });
    }
    if !within(proxies, peer) {
        let text = format!("{peer} is none of the proxies that this address is open to (admin.reverse_proxy).");
        let next = "Come by the reverse proxy; or, if this is one, add its address to `reverse_proxy` in [admin].";
        return Err(Problem::new(StatusCode::FORBIDDEN, "Not from here", text, next));
    }
    let lines = head.headers.get_all("x-forwarded-for").iter();
    // Read as it is: a strange octet that a browser sent along must not hide what a proxy has put behind it.
    let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    let told: Vec<_> = lines.iter().flat_map(|line| line.split(',')).collect();
    Ok(Caller { ip: forwarded(peer, &told, proxies) })
}

/// From the right, each was added by whoever stands to its right: they are believed as far as those are proxies of ours. What
/// stands further left is anybody's word.
fn forwarded(peer: IpAddr, told: &[&str], proxies: &[IpNet]) -> IpAddr {
    let mut from = peer;
    for text in told.iter().rev() {
        if !within(proxies, from) {
            break;
        }
        let Some(ip) = address(text.trim()) else { break };
        from = ip;
    }
    from
}

/// With a port too, as some proxies write it.
fn address(text: &str) -> Option<IpAddr> {
    let ip = text.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()));
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    ip.or_else(bare).map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn strange_octets_hide_nobody() {
        let more = "reverse_proxy = [\"10.0.0.5/32\"]\n";
        let (desk, _directory) = super::super::super::tests::desk_with("https://mail.example.com/", more).await;
        let from = axum::http::HeaderValue::from_bytes(b"\xff\xfe, 192.0.2.7").unwrap();
        let request = axum::http::Request::get("/").header("x-forwarded-for", from).body(()).unwrap();
        let (mut head, ()) = request.into_parts();
        head.extensions.insert(Peer::Tcp("10.0.0.5:4711".parse().unwrap()));
        assert_eq!(find(&desk, &head).unwrap().ip.to_string(), "192.0.2.7");
        head.extensions.insert(Peer::Tcp("10.0.0.6:4711".parse().unwrap()));
        assert_eq!(find(&desk, &head).unwrap_err().status, StatusCode::FORBIDDEN);
    }

    #[test]
    fn what_proxies_add_is_believed_and_nothing_else() {
        let proxies = ["10.0.0.5/32".parse().unwrap(), "10.0.1.0/24".parse().unwrap()];
        for (told, from) in [
            (&[][..], "10.0.0.5"),
            (&["192.0.2.7"], "192.0.2.7"),
            (&["6.6.6.6", " 192.0.2.7 "], "192.0.2.7"),
            (&["6.6.6.6", "192.0.2.7", "10.0.1.9"], "192.0.2.7"),
            (&["10.0.0.5", "192.0.2.7"], "192.0.2.7"),
            (&["192.0.2.7:4711"], "192.0.2.7"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["::ffff:192.0.2.7"], "192.0.2.7"),
            (&["6.6.6.6", "unknown"], "10.0.0.5"),
            (&["6.6.6.6", ""], "10.0.0.5"),
        ] {
            let found = forwarded("10.0.0.5".parse().unwrap(), told, &proxies);
            assert_eq!(found, from.parse::<IpAddr>().unwrap(), "{told:?}");
        }
    }
}
