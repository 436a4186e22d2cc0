use std::error::Error;
use std::fmt;

use serde_json::{Number, Value};
use tracing::field::{Field, Visit};

/// What an event says.
#[derive(Debug, Default)]
pub struct Fields {
    /// Its message, which is its name.
    pub event: String,
    /// The module that it comes from, where a library said so through the `log` crate.
    pub target: Option<String>,
    /// Everything else, in order.
    pub values: Vec<(&'static str, Value)>,
}

/// More than an upstream's longest reply, in characters. Law 7: a log line is bounded too.
const LONGEST: usize = 4096;

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.event = text,
            ("log.target", Value::String(text)) => self.target = Some(text),
            // Where in a library's source, on the machine that built it.
            (name, _) if name.starts_with("log.") => {}
            (name, value) => self.values.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let text = match value.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &value[..end]),
            None => value.to_owned(),
        };
        self.put(field, Value::String(text));
    }

    /// With its causes.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let chain: Vec<_> =
            std::iter::successors(Some(value), |&error| error.source()).map(ToString::to_string).collect();
        self.record_str(field, &chain.join(": "));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    /// JSON has no word for what is not finite.
    fn record_f64(&mut self, field: &Field, value: f64) {
        let number = Number::from_f64(value).map_or_else(|| Value::String(value.to_string()), Value::Number);
        self.put(field, number);
    }
}

/// A value for people: as it is where it is one word, else as in JSON.
#[must_use]
pub fn plain(value: &Value) -> String {
    let word = |c: char| !c.is_whitespace() && !hidden(c) && c != '"' && c != '=' && c != '\\';
    match value {
        Value::String(text) if !text.is_empty() && text.chars().all(word) => text.clone(),
        other => json(other),
    }
}

/// A value as JSON in which nothing is hidden, so that no one can forge a line or steer a terminal.
#[must_use]
pub fn json(value: &Value) -> String {
    let mut shown = String::new();
    for c in value.to_string().chars() {
        if hidden(c) {
            shown.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A text for people who see where it begins and ends: as it is, but that nothing in it is hidden.
#[must_use]
pub fn readable(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text,
        other => &other.to_string(),
    };
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

/// Controls (C1 too, which steer terminals and JSON lets pass), line separators, and what changes how its neighbours read:
/// directions, zero widths, tags.
const fn hidden(c: char) -> bool {
    matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_stay_and_all_else_is_quoted() {
        for (text, shown) in [
            ("a-1", "a-1"),
            ("café/日本", "café/日本"),
            ("", r#""""#),
            ("a b", r#""a b""#),
            ("a\u{a0}b", "\"a\u{a0}b\""),
            (r#"say "x""#, r#""say \"x\"""#),
            ("a=b", r#""a=b""#),
            (r"CORP\tim", r#""CORP\\tim""#),
            ("a\r\nb", r#""a\r\nb""#),
            ("\u{9b}31m\u{7f}", r#""\u009b31m\u007f""#),
            ("\u{202e}liam\u{2028}", r#""\u202eliam\u2028""#),
            ("\u{e0041}", r#""\udb40\udc41""#),
        ] {
            assert_eq!(plain(&text.into()), shown);
        }
        assert_eq!(plain(&Value::from(3)), "3");
    }

    proptest! {
        /// Any text comes back from its JSON, and shows nothing hidden on the way.
        #[test]
        fn what_is_shown_is_whole_and_harmless(text in any::<String>()) {
            let shown = json(&text.as_str().into());
            prop_assert!(!shown.chars().any(hidden));
            prop_assert!(!readable(&text.as_str().into()).chars().any(hidden));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }
}
