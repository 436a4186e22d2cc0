use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};
use tracing::warn;
use url::{Origin, Url};

use super::super::Desk;
use super::super::problem::Problem;
use super::host;

/// Longest origin, in octets: a name has 253 at most. What is longer is not repeated in logs either.
const LONGEST: usize = 300;

/// Refuses what a page of elsewhere sends. Browsers of today say so in Sec-Fetch-Site; older ones, and all of them where
/// neither TLS nor this very machine is asked, in Origin. What says neither is no browser's form.
pub(super) fn check(desk: &Desk, headers: &HeaderMap, asked: Option<&str>) -> Result<(), Problem> {
    let text = |name: &str| {
        headers.get(name).map(|value| value.to_str().ok().filter(|text| text.len() <= LONGEST).unwrap_or("?"))
    };
    let (site, origin) = (text("sec-fetch-site"), text(ORIGIN.as_str()));
    let admin = desk.config.admin.as_ref();
    let public = admin.and_then(|admin| admin.public_url.as_ref());
    let tls = admin.is_some_and(|admin| admin.tls);
    if is_own(site, origin, &origins(public, asked, tls)) {
        return Ok(());
    }
    warn!(site, origin, "admin.foreign_request");
    let text = "This did not come from one of Gatepost's own pages, and nothing was done.";
    let next = "Open the page here, and send its form. If you did, a proxy on the way may take out the headers Origin and \
                Sec-Fetch-Site, or `public_url` in [admin] is not the address that the browser shows.";
    Err(Problem::new(StatusCode::FORBIDDEN, "Not from here", text, next))
}

fn is_own(site: Option<&str>, origin: Option<&str>, own: &[Origin]) -> bool {
    match (site, origin) {
        // `none`: a person's own doing, such as loading a page again.
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin.parse().is_ok_and(|url: Url| own.contains(&url.origin())),
        (None, None) => false,
    }
}

/// Where our pages are: at `public_url`, and where we were asked. Not without TLS at a name that has it: what is there may be
/// anybody's on the network between.
fn origins(public: Option<&Url>, asked: Option<&str>, tls: bool) -> Vec<Origin> {
    let scheme = if tls { "https" } else { "http" };
    let asked: Option<Url> = asked.and_then(|asked| format!("{scheme}://{asked}/").parse().ok());
    let stripped = |url: &Url| {
        let name = public.and_then(Url::host_str);
        !tls && name == url.host_str() && public.is_some_and(|public| public.scheme() == "https")
    };
    let asked = asked.filter(|url| !stripped(url));
    public.into_iter().chain(asked.as_ref()).map(Url::origin).collect()
}

/// Whether a browser was told to ask for this name by https alone.
pub(super) fn is_https_only(desk: &Desk, asked: Option<&str>) -> bool {
    let Some(admin) = &desk.config.admin else { return false };
    let public = admin.public_url.as_ref().is_some_and(|url| url.scheme() == "https");
    let name = asked.and_then(host::name).unwrap_or_default();
    // localhost belongs to every program of a machine.
    let own = name != "localhost" && !name.ends_with(".localhost") && host::ip(&name).is_none() && !name.is_empty();
    own && (admin.tls || (public && host::public(desk) == Some(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_say_of_a_request_decides() {
        let public: Url = "https://mail.example.com/gatepost/".parse().unwrap();
        let proxied = origins(Some(&public), Some("mail.example.com"), false);
        let local = origins(None, Some("localhost:8590"), false);
        let tls = origins(None, Some("mail.example.com:8590"), true);
        for (site, origin, own, expected) in [
            (Some("same-origin"), None, &proxied, true),
            (Some("none"), None, &proxied, true),
            (Some("same-site"), Some("https://mail.example.com"), &proxied, false),
            (Some("cross-site"), Some("https://mail.example.com"), &proxied, false),
            (Some("?"), None, &proxied, false),
            (None, Some("https://mail.example.com"), &proxied, true),
            (None, Some("https://mail.example.com:8443"), &proxied, false),
            (None, Some("http://mail.example.com"), &proxied, false),
            (None, Some("https://evil.example"), &proxied, false),
            (None, Some("https://mail.example.com.evil.example"), &proxied, false),
            (None, Some("null"), &proxied, false),
            (None, None, &proxied, false),
            (None, Some("http://localhost:8590"), &local, true),
            (None, Some("http://localhost:9999"), &local, false),
            (None, Some("https://mail.example.com:8590"), &tls, true),
            (None, Some("http://mail.example.com:8590"), &tls, false),
        ] {
            assert_eq!(is_own(site, origin, own), expected, "{site:?} {origin:?} {own:?}");
        }
    }
}
