//! What the code that reads files says of settings, in the words of the form.

use super::keys;
use super::state::for_pages;
use crate::admin::form::Wrong;
use crate::admin::words::sentence;
use crate::registry::Fault;

/// Words for files and the command line, and those for the form.
const WORDS: [(&str, &str); 7] = [
    ("switch it on with allow_password_grant = true", "tick the box that says so"),
    (" (`gatepost token authorize NAME --paste` works without a browser on this machine)", ""),
    (
        "name it in `client_json`, with grant = \"authorization_code\"",
        "choose that a person signs in, and this file as what the app proves itself by",
    ),
    (
        "name it in `service_account`, with grant = \"service_account\"",
        "choose a service account above, and give this file there",
    ),
    ("; name it in client_key", "; paste it below the certificate"),
    ("a PKCS#12 file that client_certificate_password opens", "a PKCS#12 file that this password opens"),
    ("leave it out: `gatepost token authorize NAME --paste` takes", "leave it empty: the token's page takes"),
];

/// What a missing value is called.
const MISSING: [(&str, &str); 8] = [
    ("mailbox", "Type the mail address of the mailbox."),
    ("tenant", "Type the Directory (tenant) ID of the app registration."),
    ("client_id", "Type the client ID of the app that is registered at the provider."),
    ("password", "Type the password."),
    ("service_account", "Choose the JSON key of the service account, or paste its content."),
    (
        "scopes",
        "Type the scopes that the provider wants for mail, such as openid email offline_access: it has none in the \
         configuration file.",
    ),
    ("grant", "Choose how the token is obtained."),
    ("provider", "Choose the type."),
];

pub(super) fn wrong(faults: &[Fault]) -> Vec<Wrong> {
    faults.iter().map(of).collect()
}

fn of(fault: &Fault) -> Wrong {
    let Fault { key, text } = fault;
    let missing = text.starts_with('`') && text.contains("is missing");
    let said = MISSING.iter().find(|(name, _)| missing && name == key).map(|(_, said)| (*said).to_owned());
    let text = said.unwrap_or_else(|| plain(text));
    match key.as_str() {
        "client_key" => Wrong::new("client_certificate", text),
        "client_assertion_file" => Wrong::new("proof", text),
        // The grant wants a proof, whichever.
        "client_secret" if text.contains("without a proof") => Wrong::new(
            "proof",
            "App-only access needs a proof of the app: a secret, a certificate or a managed identity.",
        ),
        key if keys::all().any(|known| known.name == key) => Wrong::new(key, text),
        key => Wrong::new("", format!("{key}: {text}")),
    }
}

/// One text for people: the mistake, and what would be right.
fn plain(text: &str) -> String {
    let instead = if text.starts_with("the scope ") { ". Write instead: " } else { ". Allowed: " };
    let text = text.replacen("; allowed: ", instead, 1);
    let text = WORDS.iter().fold(text, |text, (from, to)| text.replace(from, to));
    sentence(&for_pages(&text, "NAME"))
}
