//! JSON Web Tokens, without their signatures: who signs rightly is judged by the real peers.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// What a token claims.
#[derive(Clone, Debug)]
pub(crate) struct Claims(Value);

impl Claims {
    /// Of a token with a header, claims and any signature; `None` if it is not well-formed.
    pub(crate) fn read(token: &str) -> Option<Self> {
        let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { return None };
        let part = |part| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        part(header)?["alg"].as_str().filter(|algorithm| *algorithm != "none")?;
        URL_SAFE_NO_PAD.decode(signature).ok().filter(|signature| !signature.is_empty())?;
        part(claims).map(Self)
    }

    /// A claim that is text, or empty.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    /// Whether it is good now, give or take a minute for clocks that differ.
    pub(crate) fn is_current(&self) -> bool {
        let begun = |name| self.seconds(name).is_none_or(|begins| begins <= now() + 60);
        begun("iat") && begun("nbf") && self.seconds("exp").is_some_and(|ends| now() < ends)
    }

    /// Whether it is good for an hour at most.
    pub(crate) fn is_short_lived(&self) -> bool {
        let (made, ends) = (self.seconds("iat"), self.seconds("exp"));
        made.zip(ends).is_some_and(|(made, ends)| ends <= made + 3600)
    }

    fn seconds(&self, name: &str) -> Option<u64> {
        self.0[name].as_u64()
    }
}

/// A token whose signature is none.
pub(crate) fn unsigned(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({ "typ": "JWT", "alg": "RS256", "kid": "simulated" });
    format!("{}.{}.{}", part(&header), part(claims), URL_SAFE_NO_PAD.encode("no signature"))
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a provider has a clock of its own")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap().as_secs()
}
