//! Settings by the labels of their fields: pages do not speak of what stands in files.

use super::keys::{self, FILE};

/// Settings together with what is to be done with them.
const DEEDS: [(&str, &str); 6] = [
    ("`issuer`", "the issuer of the provider in the configuration file"),
    ("change client_secret and client_secret_ends", "give this token its Value and its end"),
    ("put it in client_certificate", "give it to this token with its key"),
    ("set delegate = true", "tick `delegate`"),
    ("take grant = \"authorization_code\"", "let a person sign in with a browser (`grant`)"),
    ("set `scopes`:", "type `scopes`:"),
];

/// The same text with labels for the names of settings. What is no word of its own stays, unless it is marked as a name.
pub(super) fn labelled(text: &str) -> String {
    let text = DEEDS.iter().fold(text.to_owned(), |text, (setting, deed)| text.replace(setting, deed));
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn word(word: &str) -> String {
    let bare = word.trim_matches(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '`'));
    let name = bare.trim_matches('`');
    let is_name = name.contains('_') || bare.len() == name.len() + 2;
    let label = label(name).filter(|_| is_name);
    label.map_or_else(|| word.to_owned(), |label| word.replacen(bare, &format!("\"{label}\""), 1))
}

/// Of what comes as a file or as text, the file's field stands first.
fn label(name: &str) -> Option<&'static str> {
    let named = |name: &str| keys::all().find(|key| key.name == name).map(|key| key.label);
    named(&format!("{name}{FILE}")).or_else(|| named(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_called_as_their_fields() {
        for (text, said) in [
            ("check client_id and client_secret (its Value)", "check \"Client ID\" and \"Client secret\" (its Value)"),
            ("check `scopes`: spelling", "check \"Scopes\": spelling"),
            ("if not, set delegate = true", "if not, tick \"Somebody else than the mailbox signs in: a delegate\""),
            ("set `client_certificate`.", "set \"Certificate with its private key\"."),
            (
                "the scopes of this tenant, mail_x, https://a/?client_id=1",
                "the scopes of this tenant, mail_x, https://a/?client_id=1",
            ),
        ] {
            assert_eq!(labelled(text), said);
        }
    }
}
