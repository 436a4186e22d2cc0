use std::collections::BTreeMap;

use secrecy::SecretString;
use url::form_urlencoded;
use zeroize::Zeroizing;

/// A form as a browser sends it. A name that comes several times is a list. There may be passwords in it: it cannot be printed.
pub(super) struct Sent(BTreeMap<String, Zeroizing<Vec<String>>>);

impl Sent {
    pub(super) fn of(body: &[u8]) -> Self {
        let mut fields: BTreeMap<_, Zeroizing<Vec<String>>> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            fields.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        Self(fields)
    }

    /// What was typed, without blanks around it; empty where nothing was.
    pub(super) fn text(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values(name).iter().map(|value| value.trim())
    }

    /// To the letter.
    pub(super) fn secret(&self, name: &str) -> SecretString {
        self.values(name).first().map_or("", String::as_str).into()
    }

    fn values(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], |values| values.as_slice())
    }
}
