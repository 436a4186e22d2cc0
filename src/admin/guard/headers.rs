//! What every answer tells a browser not to do.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::super::Desk;
use super::origin::is_https_only;

/// Nothing but our own style sheet, script and pictures; no frames, no other bases.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
                           hid=(), microphone=(), midi=(), payment=(), serial=(), usb=()";
/// A year.
const HTTPS_ONLY: &str = "max-age=31536000";

/// For every answer. What a page has set itself stays. `same-origin` and not `no-referrer`: with that, browsers send `Origin:
/// null` with our own forms, and the check of where they come from would be blind.
const ALWAYS: [(HeaderName, &str); 8] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, POLICY),
    (REFERRER_POLICY, "same-origin"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS),
];

pub(super) fn add(desk: &Desk, host: Option<&str>, headers: &mut HeaderMap) {
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if is_https_only(desk, host) {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HTTPS_ONLY));
    }
}

/// The policy of a page whose form ends, by redirects, at these origins: Chromium applies `form-action` to them too.
#[allow(dead_code, reason = "for pages whose form ends at a provider")]
pub(in crate::admin) fn policy(targets: &[&str]) -> HeaderValue {
    let own = |target: &&&str| target.chars().all(|c| c.is_ascii_alphanumeric() || ":/.-[]_".contains(c));
    let targets: Vec<_> = targets.iter().filter(own).copied().collect();
    let policy = POLICY.replace("form-action 'self'", &format!("form-action 'self' {}", targets.join(" ")));
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static(POLICY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_name_where_its_form_ends() {
        let policy = policy(&["https://login.example:8443", "https://evil.example; script-src *"]);
        let policy = policy.to_str().unwrap();
        assert!(policy.contains("form-action 'self' https://login.example:8443; frame-ancestors"), "{policy}");
        assert!(!policy.contains("evil"), "{policy}");
    }
}
