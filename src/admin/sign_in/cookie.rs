//! The one cookie.
//!
//! It is `Secure` also where the pages are served without TLS, which is on this machine alone: Chromium and Firefox take such
//! cookies from localhost, and so does curl. Safari does not; there, who has signed in is told what to do instead. A second
//! cookie without `Secure` would be one that another program of the machine, or a page on another port, could foist on us,
//! which the prefix `__Host-` prevents. `Lax` and not `Strict`: the way back from a provider's consent page begins there.

use secrecy::{ExposeSecret as _, SecretString};

const NAME: &str = "__Host-gatepost";
const RULES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

/// What a browser is told to keep; it goes when the browser is closed.
pub(super) fn given(secret: &SecretString) -> String {
    format!("{NAME}={}; {RULES}", secret.expose_secret())
}

/// What a browser is told to forget.
pub(super) fn taken() -> String {
    format!("{NAME}=; {RULES}; Max-Age=0")
}

/// The secret among what a browser sends.
pub(in crate::admin) fn found<'a>(mut lines: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let own = |pair: &'a str| pair.trim().strip_prefix(NAME)?.strip_prefix('=');
    lines.find_map(|line| line.split(';').find_map(own)).filter(|secret| !secret.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_is_found_among_others() {
        for (lines, expected) in [
            (&["a=b; __Host-gatepost=secret; c=d"][..], Some("secret")),
            (&["a=b", "__Host-gatepost=secret"], Some("secret")),
            (&["__Host-gatepost2=x; gatepost=y; x__Host-gatepost=z"], None),
            (&["__Host-gatepost="], None),
            (&[], None),
        ] {
            assert_eq!(found(lines.iter().copied()), expected, "{lines:?}");
        }
    }

    #[test]
    fn it_is_for_our_pages_alone() {
        let given = given(&"secret".into());
        assert_eq!(given, "__Host-gatepost=secret; Path=/; Secure; HttpOnly; SameSite=Lax");
        assert!(taken().ends_with("Max-Age=0"));
    }
}
