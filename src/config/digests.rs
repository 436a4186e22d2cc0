//! Whether two replicas are configured alike, without anybody being told how.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use figment::value::Value;
use secrecy::ExposeSecret as _;

use super::Config;

/// What may differ between machines: where they listen, log and answer, and what they are called.
const OWN: [&str; 8] = ["service", "control", "log", "hostname", "listeners", "tls", "metrics", "store"];
/// The same of the pages.
const OWN_OF_PAGES: [&str; 1] = ["address"];

/// So much of a digest is told, in octets: enough to see a difference.
const LENGTH: usize = 6;

impl Config {
    /// A short digest of each part that all replicas should have in common, such as `limits`; that of nothing tells whether two
    /// have the same key of the store, by which digests are made: what they are made of may be secret. What stands in other
    /// files is not looked at.
    #[must_use]
    pub fn digests(&self) -> BTreeMap<String, String> {
        let key =
            self.store.key.expose_secret().lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        let number = |text: &[u8]| {
            let digest = hmac::sign(&key, text);
            digest.as_ref()[..LENGTH].iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
        };
        let digest = |text: &[u8]| format!("{:012x}", number(text));
        let merged = self.reading.layers.as_ref().and_then(|layers| layers.merged.as_dict());
        let common = merged.into_iter().flatten().filter(|(name, _)| !OWN.contains(&name.as_str()));
        let mut digests: BTreeMap<_, _> =
            common.map(|(name, value)| (name.clone(), digest(&text(name, value)))).collect();
        digests.insert(String::new(), digest(&[]));
        digests
    }
}

/// Written the same way everywhere: tables are in the order of their keys.
fn text(name: &str, value: &Value) -> zeroize::Zeroizing<Vec<u8>> {
    let mut value = value.clone();
    if let (Value::Dict(_, table), "admin") = (&mut value, name) {
        table.retain(|key, _| !OWN_OF_PAGES.contains(&key.as_str()));
    }
    zeroize::Zeroizing::new(serde_json::to_vec(&value).unwrap_or_default())
}
