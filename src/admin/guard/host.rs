use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{StatusCode, Uri};

use super::super::Desk;
use super::super::problem::Problem;

/// The name and port by which we are asked, in lower case.
pub(super) fn named(request: &Request) -> Option<String> {
    let of_target = Uri::authority(request.uri()).map(Authority::to_string);
    let mut lines = request.headers().get_all(HOST).iter();
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

/// The name alone, without a port.
pub(super) fn name(host: &str) -> Option<String> {
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
pub(super) fn ip(name: &str) -> Option<IpAddr> {
    name.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
