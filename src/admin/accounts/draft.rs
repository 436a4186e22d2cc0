//! The settings of an account as a form has them: texts, which become settings, and are read by the code that reads the file.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::admin::typed::Typed;
use crate::config::Settings;

/// By key: what stands in each field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Draft(BTreeMap<&'static str, String>);

/// How a setting is written in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    /// One a line.
    Lines,
    /// Separated by blanks, commas or lines.
    Words,
    /// Boxes to tick.
    Ticks,
    /// Yes or no; yes where nothing is said.
    Yes,
}

const KEYS: [(&str, Kind); 10] = [
    (TOKEN, Kind::Text),
    ("aliases", Kind::Lines),
    ("protocols", Kind::Ticks),
    ("networks", Kind::Words),
    ("mailbox", Kind::Text),
    ("smtp_user", Kind::Text),
    (POLICY, Kind::Text),
    ("sender.addresses", Kind::Words),
    ("sender.address", Kind::Text),
    (REPLY_TO, Kind::Yes),
];

/// The field that tells what the form was loaded with.
const LOADED: &str = "loaded";
pub(super) const TOKEN: &str = "token";
pub(super) const POLICY: &str = "sender.policy";
pub(super) const KEEP: &str = "keep";
const REWRITE: &str = "rewrite";
const REPLY_TO: &str = "sender.reply_to";
const SENDER: &str = "sender";

impl Draft {
    /// Of an account that is not there yet.
    pub(super) fn new(token: &str) -> Self {
        let draft = Self::stored(&Settings::new());
        Self(draft.0.into_iter().chain([(TOKEN, token.to_owned())]).collect())
    }

    /// What is stored.
    pub(super) fn stored(settings: &Settings) -> Self {
        Self(KEYS.into_iter().map(|(key, kind)| (key, kind.shown(key, found(settings, key)))).collect())
    }

    /// What was typed.
    pub(super) fn typed(typed: &Typed) -> Self {
        let typed = |key, kind| match kind {
            Kind::Ticks => typed.all(key).join(" "),
            _ => typed.text(key).replace("\r\n", "\n"),
        };
        Self(KEYS.into_iter().map(|(key, kind)| (key, typed(key, kind))).collect())
    }

    /// What stands in a field.
    pub(super) fn value(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    /// What the form was loaded with, as it tells; nothing where it does not.
    pub(super) fn loaded(sent: &Typed) -> Option<Self> {
        let told: BTreeMap<String, String> = serde_json::from_str(sent.text(LOADED)).ok()?;
        Some(Self(KEYS.into_iter().filter_map(|(key, _)| Some((key, told.get(key)?.clone()))).collect()))
    }

    /// For the form to tell.
    pub(super) fn told(&self) -> String {
        json!(self.0).to_string()
    }

    /// What was typed, with what only somebody else has changed meanwhile taken over; and the keys that both have changed, to
    /// something else each.
    pub(super) fn merged(&self, loaded: Option<&Self>, now: &Self) -> (Self, Vec<&'static str>) {
        let (mut merged, mut clashes) = (self.clone(), Vec::new());
        for key in self.differences(now) {
            match loaded {
                Some(loaded) if !self.differences(loaded).contains(&key) => {
                    merged.0.insert(key, now.value(key).to_owned());
                }
                Some(loaded) if !now.differences(loaded).contains(&key) => {}
                _ => clashes.push(key),
            }
        }
        (merged, clashes)
    }

    /// The keys of both that differ, whose differences are more than blanks.
    pub(super) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let (one, two) = (self.settings(Settings::new()), other.settings(Settings::new()));
        KEYS.into_iter().map(|(key, _)| key).filter(|key| found(&one, key) != found(&two, key)).collect()
    }

    /// In the place of those that were there; what a form has no field for stays.
    pub(super) fn settings(&self, mut settings: Settings) -> Settings {
        for (key, kind) in KEYS.into_iter().filter(|(key, _)| !key.contains('.')) {
            match kind.read(self.value(key)) {
                Some(value) => settings.insert(key.to_owned(), value),
                None => settings.remove(key),
            };
        }
        match self.sender() {
            Some(sender) => settings.insert(SENDER.to_owned(), Value::Object(sender)),
            None => settings.remove(SENDER),
        };
        settings
    }

    /// As whom it may send; nothing where it is as ever. Addresses that a policy has no use for are kept, and found wrong then:
    /// somebody has forgotten to choose the policy.
    fn sender(&self) -> Option<Settings> {
        let own = KEYS.into_iter().filter(|(key, _)| key.starts_with(SENDER));
        let counts = |key| key != REPLY_TO || self.value(POLICY) == REWRITE;
        let mut sender: Settings = own
            .filter(|(key, _)| counts(*key))
            .filter_map(|(key, kind)| Some((key.split_once('.')?.1.to_owned(), kind.read(self.value(key))?)))
            .collect();
        if sender.get("reply_to") == Some(&json!(true)) {
            sender.remove("reply_to");
        }
        let is_as_ever = sender.len() == 1 && self.value(POLICY) == KEEP;
        (!sender.is_empty() && !is_as_ever).then_some(sender)
    }
}

impl Kind {
    fn shown(self, key: &str, value: Option<&Value>) -> String {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let separator = if self == Self::Ticks { " " } else { "\n" };
        match value {
            Some(Value::Array(values)) => values.iter().map(text).collect::<Vec<_>>().join(separator),
            Some(Value::Bool(false)) => String::new(),
            Some(value) => text(value),
            None if self == Self::Yes => "true".to_owned(),
            None if key == POLICY => KEEP.to_owned(),
            None => String::new(),
        }
    }

    fn read(self, text: &str) -> Option<Value> {
        let list = |parts: Vec<&str>| (!parts.is_empty()).then(|| json!(parts));
        match self {
            Self::Text => (!text.is_empty()).then(|| json!(text)),
            Self::Lines => list(text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()),
            Self::Words | Self::Ticks => list(words(text)),
            Self::Yes => Some(json!(text == "true")),
        }
    }
}

/// Separated by blanks, commas or lines.
pub(super) fn words(text: &str) -> Vec<&str> {
    text.split([' ', '\t', '\n', '\r', ',', ';']).filter(|word| !word.is_empty()).collect()
}

fn found<'a>(settings: &'a Settings, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        Some((table, key)) => settings.get(table)?.get(key),
        None => settings.get(key),
    }
}

#[cfg(test)]
mod tests {
    use url::form_urlencoded;

    use super::*;

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_stored_stays_the_same_when_nothing_is_changed() {
        for stored in [
            json!({ "token": "support" }),
            json!({ "token": "support", "aliases": ["a b", "c"], "protocols": ["imap", "smtp"], "networks": ["10.0.0.0/8", "::1"],
                "mailbox": "m@example.com", "smtp_user": "s@example.com", "disabled": true, "other": [1] }),
            json!({ "sender": { "policy": "rewrite", "address": "a@example.com", "reply_to": false } }),
            json!({ "sender": { "policy": "rewrite" } }),
            json!({ "sender": { "policy": "require", "addresses": ["a@example.com", "*@example.com"] } }),
        ] {
            let stored = settings(stored);
            assert_eq!(Draft::stored(&stored).settings(stored.clone()), stored);
        }
    }

    #[test]
    fn what_is_typed_becomes_settings() {
        let body = "token=support&aliases=+a+%0D%0A%0D%0Ab+c&protocols=imap&protocols=smtp&networks=10.0.0.0%2F8%2C+%3A%3A1\
                    &mailbox=&sender.policy=keep&sender.reply_to=true&password=geheim";
        let typed = Draft::typed(&Typed::of(body.as_bytes()));
        let expected = json!({ "token": "support", "aliases": ["a", "b c"], "protocols": ["imap", "smtp"],
            "networks": ["10.0.0.0/8", "::1"] });
        assert_eq!(typed.settings(Settings::new()), settings(expected));
        assert!(!format!("{typed:?}").contains("geheim"));
        let forgotten = Draft::typed(&Typed::of(b"sender.policy=keep&sender.address=a%40example.com"));
        let expected = json!({ "sender": { "policy": "keep", "address": "a@example.com" } });
        assert_eq!(forgotten.settings(Settings::new()), settings(expected), "the policy was forgotten");
    }

    #[test]
    fn only_what_differs_is_a_difference() {
        let one = Draft::stored(&settings(json!({ "token": "a", "networks": ["10.0.0.0/8", "::1"] })));
        let two = Draft::typed(&Typed::of(b"token=b&networks=10.0.0.0%2F8+++%3A%3A1&sender.policy=keep"));
        assert_eq!(one.differences(&two), ["token"]);
    }

    #[test]
    fn what_only_one_has_changed_is_taken_over_and_what_both_have_is_not() {
        let of = |value| Draft::stored(&settings(value));
        let loaded = of(json!({ "token": "a", "mailbox": "old", "networks": ["10.0.0.0/8"], "aliases": ["x"] }));
        let typed = of(json!({ "token": "b", "mailbox": "mine", "networks": ["10.0.0.0/8"], "aliases": ["y"] }));
        let now = of(json!({ "token": "a", "mailbox": "theirs", "networks": ["::1"], "aliases": ["y"] }));
        let (merged, clashes) = typed.merged(Some(&loaded), &now);
        assert_eq!(clashes, ["mailbox"]);
        assert_eq!(merged, of(json!({ "token": "b", "mailbox": "mine", "networks": ["::1"], "aliases": ["y"] })));
        assert_eq!(typed.merged(None, &now).1, ["token", "networks", "mailbox"], "nobody knows who changed what");
        let body = form_urlencoded::Serializer::new(String::new()).append_pair(LOADED, &loaded.told()).finish();
        assert_eq!(Draft::loaded(&Typed::of(body.as_bytes())), Some(loaded));
        assert_eq!(Draft::loaded(&Typed::of(b"loaded=x")), None);
    }
}
