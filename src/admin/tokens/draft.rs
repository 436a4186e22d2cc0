//! What is typed becomes the settings of a token, as a file would have them. They are judged by the code that reads the file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::keys::{self, FILE, Is, Key};
use crate::admin::form::Wrong;
use crate::admin::typed::Typed;
use crate::config::Settings;

/// Octets of a file; a key of Google's has three thousand, and the configuration takes no longer secret.
const LONGEST: usize = 64 * 1024;

/// The settings, and what is wrong with how they came. `before`: those that are edited; what is secret in them stays where nothing
/// was typed in its place.
pub(super) fn settings(typed: &Typed, before: &Settings) -> (Settings, Vec<Wrong>) {
    let mut settings = Settings::new();
    for key in keys::all().filter(|key| key.is_plain() && key.when.holds(typed)) {
        if let Some(value) = plain(key, typed) {
            settings.insert(key.name.to_owned(), value);
        }
    }
    let mut wrong = Vec::new();
    let mut secret = |key: &'static str| match secret(typed, before, key) {
        Ok(None) => false,
        Ok(Some((value, is_new))) => {
            settings.insert(key.to_owned(), value);
            is_new
        }
        Err(fault) => {
            wrong.push(fault);
            false
        }
    };
    for key in ["client_secret", "client_json", "service_account", "password"] {
        if holds(typed, key) {
            secret(key);
        }
    }
    if holds(typed, "client_certificate") && !secret("client_certificate") {
        kept(before, &mut settings, &["client_key", "client_certificate_password"]);
    } else if holds(typed, "client_certificate") && !typed.exact("client_certificate_password").is_empty() {
        settings.insert("client_certificate_password".into(), json!(typed.exact("client_certificate_password")));
    }
    if typed.text("proof") == ASSERTION && keys::all().any(|key| key.name == "proof" && key.when.holds(typed)) {
        kept(before, &mut settings, &[ASSERTION]);
    }
    wrong.extend(suspicious(typed, &settings));
    (settings, wrong)
}

/// A proof that the form does not offer: it names a file of this machine, which is sent to whatever token URL is set. Who may use
/// these pages need not be allowed to read this machine's files; the command line makes such tokens, and they stay as they are.
pub(super) const ASSERTION: &str = "client_assertion_file";

/// The proof that settings have.
pub(super) fn proof(settings: &Settings) -> &'static str {
    let all = ["client_secret", "client_json", "client_certificate", "managed_identity", ASSERTION];
    all.into_iter().find(|key| settings.contains_key(*key)).unwrap_or("public")
}

/// How a field shows a setting; secrets are shown by none.
pub(super) fn shown(key: &Key, settings: &Settings) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "true".to_owned(),
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    };
    match (key.name, settings.get(key.name)) {
        ("proof", _) => proof(settings).to_owned(),
        ("protocols", None) => PROTOCOLS.join(" "),
        ("cloud", Some(Value::String(cloud))) if cloud == "global" => String::new(),
        ("client_auth", Some(Value::String(how))) if how == "post" => String::new(),
        (_, Some(value)) if !key.is.is_secret() => text(value),
        _ => String::new(),
    }
}

/// How a field shows what was typed; secrets are shown by none.
pub(super) fn shown_again(key: &Key, typed: &Typed) -> String {
    match key.is {
        is if is.is_secret() => String::new(),
        Is::Protocols => typed.all(key.name).join(" "),
        _ => typed.text(key.name).to_owned(),
    }
}

const PROTOCOLS: [&str; 3] = ["smtp", "imap", "pop3"];

fn plain(key: &Key, typed: &Typed) -> Option<Value> {
    let text = typed.text(key.name);
    match key.is {
        Is::Flag => (text == "true").then_some(json!(true)),
        Is::Protocols => {
            let all = typed.all(key.name);
            (!all.is_empty() && all.len() < PROTOCOLS.len()).then(|| json!(all))
        }
        Is::Words => {
            let words: Vec<_> = text.split([' ', '\t', '\r', '\n', ',']).filter(|word| !word.is_empty()).collect();
            (!words.is_empty()).then(|| json!(words))
        }
        _ => (!text.is_empty()).then(|| json!(text)),
    }
}

fn holds(typed: &Typed, name: &str) -> bool {
    keys::all().any(|key| key.name == name && key.when.holds(typed))
}

/// What was uploaded or typed, else what was there before; and whether it is new.
fn secret(typed: &Typed, before: &Settings, key: &'static str) -> Result<Option<(Value, bool)>, Wrong> {
    let field = format!("{key}{FILE}");
    if let Some(octets) = typed.file(&field) {
        return uploaded(&field, octets).map(|text| Some((json!(text), true)));
    }
    let text = if key == "password" { typed.exact(key) } else { typed.text(key) };
    if !text.is_empty() {
        return Ok(Some((json!(text), true)));
    }
    Ok(before.get(key).map(|value| (value.clone(), false)))
}

fn uploaded(field: &str, octets: &[u8]) -> Result<String, Wrong> {
    if octets.len() > LONGEST {
        let text = format!(
            "This file has more than {LONGEST} octets: it is another one. Choose the file that the portal made."
        );
        return Err(Wrong::new(field, text));
    }
    match std::str::from_utf8(octets) {
        Ok(text) => Ok(text.trim_start_matches('\u{feff}').to_owned()),
        // PKCS#12 is no text.
        Err(_) if field.starts_with("client_certificate") => Ok(STANDARD.encode(octets)),
        Err(_) => Err(Wrong::new(field, "This is no text file. Choose the JSON file that the portal made.")),
    }
}

fn kept(before: &Settings, settings: &mut Settings, keys: &[&str]) {
    for key in keys {
        if let Some(value) = before.get(*key) {
            settings.insert((*key).to_owned(), value.clone());
        }
    }
}

/// What the code that reads files lets through, for it cannot know what people copy from portals.
fn suspicious(typed: &Typed, settings: &Settings) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let secret = typed.text("client_secret");
    if typed.text("provider").starts_with("microsoft") && is_guid(secret) {
        let text = "This looks like the Secret ID. Copy the Value beside it; where it is hidden, make a new secret.";
        wrong.push(Wrong::new("client_secret", text));
    }
    if holds(typed, "client_secret") && !settings.contains_key("client_secret") {
        let text = "The client secret is missing. Paste it, or choose above that the app proves itself otherwise.";
        wrong.push(Wrong::new("client_secret", text));
    }
    for (proof, field) in [("client_json", "client_json_file"), ("client_certificate", "client_certificate_file")] {
        if holds(typed, proof) && !settings.contains_key(proof) {
            wrong.push(Wrong::new(field, "This is missing. Choose the file, or paste its content below."));
        }
    }
    if holds(typed, "managed_identity") && !settings.contains_key("managed_identity") {
        wrong.push(Wrong::new("managed_identity", "This is missing. Write system, or the client ID of the identity."));
    }
    wrong
}

pub(super) fn is_guid(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 4, 4, 4, 12] && parts.iter().all(|part| part.chars().all(|c| c.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(fields: &[(&str, &str)]) -> Typed {
        Typed::new(fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())))
    }

    fn made(value: &Value) -> Settings {
        value.as_object().unwrap().clone()
    }

    const MICROSOFT: [(&str, &str); 5] = [
        ("provider", "microsoft"),
        ("grant", "authorization_code"),
        ("mailbox", " support@example.com "),
        ("tenant", "tenant-id"),
        ("client_id", "client"),
    ];

    #[test]
    fn what_belongs_to_the_choices_is_taken_and_nothing_else() {
        let mut fields = MICROSOFT.to_vec();
        fields.extend([
            ("proof", "client_secret"),
            ("client_secret", "s3cret "),
            ("password", "stray"),
            ("testing", "true"),
        ]);
        fields.extend([("protocols", "smtp"), ("protocols", "imap"), ("protocols", "pop3"), ("cloud", "")]);
        fields.extend([("scopes", " a\r\nb, c"), ("device_url", "https://x.example/"), ("csrf", "x")]);
        let (settings, wrong) = settings(&typed(&fields), &Settings::new());
        let expected = json!({
            "provider": "microsoft", "grant": "authorization_code", "mailbox": "support@example.com", "tenant": "tenant-id",
            "client_id": "client", "client_secret": "s3cret", "scopes": ["a", "b", "c"]
        });
        assert_eq!((Value::Object(settings), wrong), (expected, Vec::new()));
    }

    #[test]
    fn an_empty_secret_stays_and_another_proof_takes_its_place() {
        let before = made(
            &json!({ "client_secret": { "env": "SECRET" }, "client_key": "x", "client_secret_ends": "2030-01-01" }),
        );
        let with = |more: &[(&'static str, &'static str)]| {
            let mut fields = MICROSOFT.to_vec();
            fields.extend(more);
            settings(&typed(&fields), &before)
        };
        let (kept, _) = with(&[("proof", "client_secret"), ("client_secret", "")]);
        assert_eq!(kept.get("client_secret"), Some(&json!({ "env": "SECRET" })));
        assert_eq!(kept.get("client_secret_ends"), None, "it was emptied");
        let (public, _) = with(&[("proof", "public"), ("client_secret", "typed before")]);
        assert!(!public.contains_key("client_secret"));
        let (other, wrong) = with(&[("proof", "client_certificate"), ("client_certificate", "PEM")]);
        assert!(!other.contains_key("client_secret") && !other.contains_key("client_key") && wrong.is_empty());
        let (_, wrong) = with(&[("proof", "client_certificate")]);
        assert_eq!(wrong[0].field, "client_certificate_file");
    }

    #[test]
    fn a_secret_id_is_not_its_value() {
        let mut fields = MICROSOFT.to_vec();
        fields.extend([("proof", "client_secret"), ("client_secret", "1b4e28ba-2fa1-11d2-883f-0016d3cca427")]);
        let (_, wrong) = settings(&typed(&fields), &Settings::new());
        assert!(wrong[0].text.contains("Secret ID"), "{wrong:?}");
    }

    #[test]
    fn a_field_shows_what_is_set_and_no_secret() {
        let settings =
            made(&json!({ "scopes": ["a", "b"], "delegate": true, "client_secret": "s3cret", "cloud": "global" }));
        let all: Vec<_> = keys::all().map(|key| (key.name, shown(key, &settings))).collect();
        let of = |name: &str| all.iter().find(|(known, _)| *known == name).unwrap().1.clone();
        assert_eq!([of("scopes"), of("delegate"), of("proof"), of("cloud")], ["a b", "true", "client_secret", ""]);
        assert!(all.iter().all(|(_, text)| !text.contains("s3cret")));
    }
}
