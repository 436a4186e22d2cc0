//! How errors and pages word keys and values: what is shown, what never is, and what was probably meant.

use std::fmt::Write as _;

use figment::value::{Num, Value};

use super::document::Step;

/// A value that cannot be a secret, as an error tells it.
pub(super) fn found(value: &Value) -> String {
    match value {
        Value::String(_, text) => format!("the text {:?}", short(text)),
        Value::Num(_, number) => {
            whole(*number).map_or_else(|| "a fraction".to_owned(), |number| format!("the number {number}"))
        }
        Value::Bool(_, found) => format!("{found}"),
        other => kind(other).to_owned(),
    }
}

pub(super) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(..) => "a text",
        Value::Char(..) => "a character",
        Value::Num(..) => "a number",
        Value::Bool(..) => "true or false",
        Value::Dict(..) => "a table",
        Value::Array(..) => "a list",
        Value::Empty(..) => "nothing",
    }
}

pub(super) fn whole(number: Num) -> Option<i128> {
    number.to_i128().or_else(|| number.to_u128().and_then(|number| i128::try_from(number).ok()))
}

/// Keys whose value must not be shown. `url` is the store's: a database's may hold a password anywhere.
pub(super) fn is_secret(key: &str) -> bool {
    const NAMED: [&str; 11] = [
        "key",
        "hash",
        "users",
        "url",
        "refresh_token",
        "access_token",
        "credential",
        "client_certificate",
        "client_json",
        "client_key",
        "service_account",
    ];
    let harmless = matches!(key, "client_secret_ends" | "allow_password_grant" | "password_rule");
    !harmless && (NAMED.contains(&key) || key.contains("secret") || key.contains("password"))
}

/// `accounts."ev mail".token`, as a TOML heading would write it.
pub(super) fn dotted(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        let _ = match step {
            Step::Name(name) => {
                let dot = if text.is_empty() { "" } else { "." };
                let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                if !name.is_empty() && name.chars().all(bare) {
                    write!(text, "{dot}{name}")
                } else {
                    write!(text, "{dot}{}", quoted(name))
                }
            }
            Step::Index(index) => write!(text, "[{index}]"),
        };
    }
    text
}

/// The known word that a typing mistake is most likely to have meant.
pub(super) fn nearest<'w>(typed: &str, words: &[&'w str]) -> Option<&'w str> {
    let typed = typed.to_lowercase();
    let scored = words.iter().map(|word| (strsim::damerau_levenshtein(&typed, &word.to_lowercase()), *word));
    let (distance, word) = scored.min()?;
    (distance <= 1 + typed.len() / 4).then_some(word)
}

pub(super) fn short(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).take(60).collect();
    if text.chars().count() > 60 { format!("{line}…") } else { line }
}

/// A TOML basic string; its escapes are JSON's.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
