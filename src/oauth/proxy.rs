use std::fmt::Write as _;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::model::{Egress, Proxy, ProxyKind};

/// What sends requests through the proxy, but for those that go direct. Nothing in clear goes through it: what is asked by
/// `http` is this machine, or the metadata service of its cloud, which no proxy reaches.
pub(super) fn proxy(egress: &Egress) -> Option<reqwest::Proxy> {
    let address = address(egress.proxy.as_deref()?);
    let egress = egress.clone();
    Some(reqwest::Proxy::custom(move |url: &Url| toward(&egress, url).map(|_| address.expose_secret().to_owned())))
}

/// The proxy on the way to a URL.
pub(super) fn toward<'e>(egress: &'e Egress, url: &Url) -> Option<&'e Proxy> {
    if url.scheme() == "https" { egress.toward(url.host_str()?) } else { None }
}

/// The address as reqwest takes it. What it cannot parse it goes around, so nothing in it is left to interpretation.
fn address(proxy: &Proxy) -> SecretString {
    let scheme = match proxy.kind {
        // The proxy resolves names.
        ProxyKind::Socks5 => "socks5h",
        ProxyKind::Http => "http",
    };
    let login = proxy.login.as_ref().map(|(user, password)| {
        let [user, password] = [user, password.expose_secret()].map(escaped);
        format!("{user}:{password}@")
    });
    let host = if proxy.host.contains(':') { format!("[{}]", proxy.host) } else { proxy.host.clone() };
    format!("{scheme}://{}{host}:{}", login.unwrap_or_default(), proxy.port).into()
}

/// RFC 3986, 2.1, of everything that could mean something.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() {
            escaped.push(octet.into());
        } else {
            let _ = write!(escaped, "%{octet:02X}");
        }
    }
    escaped
}

/// The next step, by what hyper-util says of the proxy's answer.
pub(super) fn hint(proxy: &Proxy, said: &str) -> &'static str {
    const NO_LOGIN: &str = "does not support user/pass authentication";
    const LOGIN: [&str; 3] = ["proxy authorization required", "credentials not accepted", NO_LOGIN];
    const RULES: [&str; 2] = ["tunnel error: unsuccessful", "connection not allowed"];
    let says = |words: &&str| said.contains(words);
    match (LOGIN.iter().any(says), proxy.login.is_some()) {
        (true, true) if said.contains(NO_LOGIN) => "; it takes no login, leave user and password out",
        (true, true) => "; check the user and the password beside the proxy's address",
        (true, false) => "; it wants a user and a password, set them beside the proxy's address",
        _ if RULES.iter().any(says) => "; let it connect to this host and port",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::net;
    use crate::oauth::{Http, HttpSettings};

    fn egress() -> Egress {
        let login = Some(("gate post".to_owned(), "p:%41@s3cret".into()));
        let proxy = Proxy { kind: ProxyKind::Socks5, host: "::1".into(), port: 1080, login };
        Egress { proxy: Some(Arc::new(proxy)), ..Egress::default() }
    }

    #[test]
    fn an_address_leaves_nothing_to_interpret_and_is_shown_nowhere() {
        let egress = egress();
        let address = address(egress.proxy.as_deref().unwrap());
        assert_eq!(address.expose_secret(), "socks5h://gate%20post:p%3A%2541%40s3cret@[::1]:1080");
        let settings = HttpSettings { connect: Duration::MAX, total: Duration::MAX, longest: 1 };
        let http = Http::by_way_of(&egress, &net::client_config(None).unwrap(), settings).unwrap();
        assert!(!format!("{http:?}").contains("s3cret"), "{http:?}");
    }

    #[test]
    fn what_is_asked_in_clear_goes_direct() {
        let (egress, url) = (egress(), |text: &str| text.parse().unwrap());
        assert!(toward(&egress, &url("https://login.microsoftonline.com/common")).is_some());
        assert!(toward(&egress, &url("http://169.254.169.254/metadata/identity/oauth2/token")).is_none());
    }
}
