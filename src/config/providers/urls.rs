//! The addresses of a provider. Some manuals give full endpoints, others the base that a product appends its paths to.

use url::{Host, Url};

use super::{Kind, Provider};
use crate::config::reader::Table;

/// A URL of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Which {
    Authorization,
    Token,
    Device,
}

impl Which {
    pub(in crate::config) const fn key(self) -> &'static str {
        match self {
            Self::Authorization => "authorization_url",
            Self::Token => "token_url",
            Self::Device => "device_url",
        }
    }

    const fn path(self, kind: &Kind) -> &'static str {
        match self {
            Self::Authorization => kind.authorization,
            Self::Token => kind.token,
            Self::Device => kind.device,
        }
    }
}

pub(super) struct Urls {
    pub(super) issuer: Option<String>,
    pub(super) authorization: Option<String>,
    pub(super) token: Option<String>,
    pub(super) device: Option<String>,
}

pub(super) fn read(table: &Table<'_>, base: &Provider) -> Urls {
    let issuer = table.string("issuer").and_then(|text| issuer(table, &text));
    // Another issuer has other endpoints than the preset.
    let inherit = |url: &Option<String>| if issuer.is_some() { None } else { url.clone() };
    let authorization = overridden(table, Which::Authorization, base.kind.as_ref());
    let token = overridden(table, Which::Token, base.kind.as_ref());
    let token = token.or_else(|| beside(authorization.as_ref(), base.kind.as_ref()));
    Urls {
        authorization: authorization.or_else(|| inherit(&base.authorization_url)),
        token: token.or_else(|| inherit(&base.token_url)),
        device: overridden(table, Which::Device, base.kind.as_ref()).or_else(|| inherit(&base.device_url)),
        issuer: issuer.or_else(|| base.issuer.clone()),
    }
}

fn issuer(table: &Table<'_>, text: &str) -> Option<String> {
    let plain = text.trim_end_matches("/.well-known/openid-configuration").to_owned();
    let url = plain.replace("{tenant}", "tenant").parse::<Url>().ok();
    if url.is_some_and(|url| is_safe(&url) && url.query().is_none()) {
        Some(plain)
    } else {
        table.wrong("issuer", text, "an https:// URL")
    }
}

/// A URL that stands in a table, with the preset's path where it is only a base.
pub(in crate::config) fn overridden(table: &Table<'_>, which: Which, kind: Option<&Kind>) -> Option<String> {
    let key = which.key();
    let text = table.string(key)?;
    let Some(url) = text.replace("{tenant}", TENANT).parse::<Url>().ok().filter(is_safe) else {
        return table.wrong(key, &text, "an https:// URL");
    };
    if url.host_str() == Some("login.microsoftonline.de") {
        let hint = "use the global cloud: leave the URL out".to_owned();
        table.error(key, "Microsoft Cloud Germany was closed in October 2021".into(), None, Some(hint));
        return None;
    }
    match (is_base(&url), kind) {
        (false, _) => Some(text),
        (true, Some(kind)) => Some(below(&url, which.path(kind))),
        (true, None) => {
            let allowed = Some(format!("the full address of the endpoint, or `issuer = {text:?}` to ask for it"));
            table.error(key, "found an address without a path".into(), allowed, None);
            None
        }
    }
}

/// Products that know one base URL of Microsoft use it for both.
fn beside(authorization: Option<&String>, kind: Option<&Kind>) -> Option<String> {
    let kind = kind.filter(|kind| kind.token.contains("{tenant}"))?;
    let before = authorization?.strip_suffix(kind.authorization.trim_start_matches("/{tenant}"))?;
    Some(format!("{before}{}", kind.token.trim_start_matches("/{tenant}")))
}

const TENANT: &str = "gatepost-tenant";

/// Nothing below the host but perhaps a tenant.
fn is_base(url: &Url) -> bool {
    let path = url.path().trim_matches('/');
    path.is_empty() || path == TENANT || matches!(path, "common" | "organizations" | "consumers")
}

fn below(base: &Url, path: &str) -> String {
    let tenant = base.path().trim_matches('/');
    let fixed = !tenant.is_empty() && tenant != TENANT;
    let path = if fixed { path.replace("{tenant}", tenant) } else { path.to_owned() };
    let mut root = base.clone();
    root.set_path("");
    format!("{}{path}", root.as_str().trim_end_matches('/'))
}

/// A URL to which secrets may be sent: HTTPS, or this machine.
pub(in crate::config) fn is_safe(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let encrypted = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    // A password in it would be logged with it.
    encrypted && url.has_host() && url.username().is_empty() && url.password().is_none()
}
