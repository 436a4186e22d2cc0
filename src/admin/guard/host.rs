use std::net::IpAddr;

use axum::http::header::HOST;
use axum::http::uri::{Authority, PathAndQuery};
use axum::http::{HeaderMap, StatusCode, Uri};
use url::Url;

use super::super::Desk;
use super::super::problem::Problem;

/// The name and port by which we are asked, in lower case.
pub(in crate::admin) fn named(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let of_target = uri.authority().map(Authority::to_string);
    let mut lines = headers.get_all(HOST).iter();
    let line = lines.next().and_then(|host| host.to_str().ok()).filter(|_| lines.next().is_none());
    of_target.or_else(|| line.map(str::to_owned)).map(|host| host.to_ascii_lowercase())
}

/// A page of elsewhere may have its name lead to this machine (DNS rebinding), and would then be one of ours to the browser. So
/// only our own names are answered. Addresses are no names: none but us can have pages there.
pub(super) fn check(desk: &Desk, host: Option<&str>) -> Result<(), Problem> {
    let name = host.and_then(name);
    let Some(name) = name else {
        let text = "The request does not say by which name it came (its Host header).";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "Not understood", text, "Ask for it by its address."));
    };
    let local = name == "localhost" || name.ends_with(".localhost") || ip(&name).is_some();
    if local || public(desk).as_deref() == Some(&name) || desk.hostname.eq_ignore_ascii_case(&name) {
        return Ok(());
    }
    let text = format!("This address is not known by the name {name:?}.");
    let known = public(desk).unwrap_or_else(|| "localhost".into());
    let next = format!(
        "Use {known:?}. If that is its name, write it as `public_url` in [admin]; a reverse proxy has to pass the browser's \
         Host header on."
    );
    Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "Not here", text, next))
}

/// Where a page is to be asked for instead: `localhost`, 127.0.0.1 and `::1` are one machine and three sites to a browser, and an
/// answer of a provider comes to the one in `public_url`, where another one's session is not known.
pub(super) fn elsewhere(desk: &Desk, asked: Option<&str>, uri: &Uri) -> Option<String> {
    let public = desk.public_url()?;
    let asked: Url = format!("{}://{}/", public.scheme(), asked?).parse().ok()?;
    let (ours, theirs) = (public.host_str()?, asked.host_str()?);
    let port = public.port_or_known_default() == asked.port_or_known_default();
    let other = port && ours != theirs && is_loopback(ours) && is_loopback(theirs);
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    other.then(|| format!("{}{path}", public.origin().ascii_serialization()))
}

fn is_loopback(name: &str) -> bool {
    name == "localhost" || ip(name).is_some_and(|ip| ip.is_loopback())
}

/// The name alone, without a port.
pub(in crate::admin) fn name(host: &str) -> Option<String> {
    let authority: Authority = host.parse().ok()?;
    let plain = authority.as_str() == host && !host.contains('@') && !authority.host().is_empty();
    plain.then(|| authority.host().trim_end_matches('.').to_ascii_lowercase())
}

/// The name of `public_url`.
pub(super) fn public(desk: &Desk) -> Option<String> {
    let url = desk.config.admin.as_ref()?.public_url.as_ref()?;
    url.host_str().map(str::to_ascii_lowercase)
}

/// An address instead of a name.
pub(in crate::admin) fn ip(name: &str) -> Option<IpAddr> {
    name.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::browser::Browser;
    use super::super::super::tests::desk;
    use super::*;

    #[tokio::test]
    async fn pages_are_asked_for_where_a_provider_sends_browsers_back_to() {
        for (public, asked, place) in [
            ("http://localhost:8590/", "127.0.0.1:8590", "http://localhost:8590/tokens?q=a%20b"),
            ("http://127.0.0.1:8590/gate/", "localhost:8590", "http://127.0.0.1:8590/tokens?q=a%20b"),
            ("http://localhost:8590/", "[::1]:8590", "http://localhost:8590/tokens?q=a%20b"),
            ("http://localhost:8590/", "localhost:8590", ""),
            ("http://localhost:8590/", "127.0.0.1:9000", ""),
            ("http://localhost:8590/", "192.0.2.1:8590", ""),
            ("https://mail.example.com/", "127.0.0.1:443", ""),
        ] {
            let (desk, _directory) = desk(public).await;
            let mut browser = Browser::new(&desk);
            let request = |method, path: &str, mode| {
                let request = axum::http::Request::builder().method(method).uri(path.to_owned());
                let request = request.header("host", asked).header("sec-fetch-site", "same-origin");
                request.header("sec-fetch-mode", mode).body(axum::body::Body::empty()).unwrap()
            };
            let answer = browser.send(request("GET", "/tokens?q=a%20b", "navigate")).await;
            let told = answer.header("location");
            assert!(if place.is_empty() { told.contains("/sign-in") } else { told == place }, "{asked}: {answer:?}");
            for (method, path, mode) in
                [("POST", "/tokens/add", "navigate"), ("GET", "/api/v1/tokens", "navigate"), ("GET", "/tokens", "cors")]
            {
                let answer = browser.send(request(method, path, mode)).await;
                assert!(!answer.header("location").starts_with("http"), "{method} {path}: {answer:?}");
            }
        }
    }

    #[test]
    fn a_name_is_found_without_its_port() {
        for (host, expected) in [
            ("localhost:8590", Some("localhost")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("[::1]:8590", Some("[::1]")),
            ("mail.example.com.", Some("mail.example.com")),
            ("localhost@evil.example", None),
            ("", None),
            (":8590", None),
            ("a b", None),
        ] {
            assert_eq!(name(host).as_deref(), expected, "{host}");
        }
        assert!(ip("[::1]").is_some() && ip("127.0.0.1.evil.example").is_none());
    }
}
