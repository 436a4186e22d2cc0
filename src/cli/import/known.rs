//! The providers that Gatepost knows, recognised by what other programs say of them.

use serde_json::json;
use url::Url;

use super::Lines;

/// A provider that Gatepost knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) preset: &'static str,
    /// Ends of its mail servers' names.
    pub(super) hosts: &'static [&'static str],
}

const MICROSOFT: &[&str] = &["outlook.com", "office365.com", "live.com", "hotmail.com"];
const US_GOVERNMENT: &[&str] = &["office365.us"];
const CHINA: &[&str] = &["outlook.cn"];
const GOOGLE: &[&str] = &["gmail.com", "googlemail.com", "google.com"];
const YAHOO: &[&str] = &["yahoo.com"];
const FASTMAIL: &[&str] = &["fastmail.com", "messagingengine.com"];
pub(super) const ALL: [&[&str]; 6] = [MICROSOFT, US_GOVERNMENT, CHINA, GOOGLE, YAHOO, FASTMAIL];

impl Known {
    /// By where its tokens are asked for, and whose mailbox it is; `dod` tells the two clouds of the US government apart.
    pub(super) fn of(mailbox: &str, token_url: &Url, dod: bool) -> Option<Self> {
        let (preset, hosts) = match token_url.host_str()? {
            "login.microsoftonline.com" | "login.live.com" if is_personal(mailbox) => ("outlook.com", MICROSOFT),
            "login.microsoftonline.com" | "login.windows.net" => ("microsoft", MICROSOFT),
            "login.microsoftonline.us" if dod => ("microsoft-dod", US_GOVERNMENT),
            "login.microsoftonline.us" => ("microsoft-usgov", US_GOVERNMENT),
            "login.partner.microsoftonline.cn" | "login.chinacloudapi.cn" => ("microsoft-china", CHINA),
            "oauth2.googleapis.com" | "accounts.google.com" | "www.googleapis.com" => ("google", GOOGLE),
            "api.login.yahoo.com" => ("yahoo", YAHOO),
            "api.fastmail.com" => ("fastmail", FASTMAIL),
            _ => return None,
        };
        Some(Self { preset, hosts })
    }

    pub(super) fn is_microsoft(self) -> bool {
        [MICROSOFT, US_GOVERNMENT, CHINA].contains(&self.hosts)
    }
}

/// Accounts that people have for themselves, whatever tenant they signed in at.
fn is_personal(mailbox: &str) -> bool {
    let domain = mailbox.rsplit('@').next().unwrap_or_default().to_lowercase();
    let name = domain.split('.').next().unwrap_or_default();
    ["outlook", "hotmail", "live", "msn", "passport", "windowslive"].contains(&name)
}

/// The tenant of a token of Microsoft, and its address where that is none of the usual. Returns the tenant of a usual one.
pub(super) fn tenant(known: Known, token_url: &Url, lines: &mut Lines) -> Option<String> {
    let tenant = usual(token_url, "token");
    if tenant.is_none() {
        // Before version 2 of the endpoint.
        let first = token_url.path().trim_start_matches('/').split('/').next().unwrap_or_default();
        lines.push(("tenant", json!(first)));
        lines.push(("token_url", json!(token_url.as_str())));
    }
    // It is the only one of personal accounts, and goes without saying.
    if let Some(tenant) = tenant.as_deref().filter(|tenant| known.preset != "outlook.com" || *tenant != "consumers") {
        lines.push(("tenant", json!(tenant)));
    }
    tenant
}

/// The tenant in an address of the usual form that ends so.
pub(super) fn usual(url: &Url, end: &str) -> Option<String> {
    let (tenant, rest) = url.path().trim_start_matches('/').split_once('/')?;
    (rest == format!("oauth2/v2.0/{end}") && !tenant.is_empty()).then(|| tenant.to_owned())
}
