//! What stands in the configuration file of a play.

use std::fmt::Write as _;

/// Tokens of these names, each for the mailbox of its name.
pub(crate) fn tokens<const N: usize>(provider: &str, names: [&str; N]) -> String {
    names.iter().map(|name| token(provider, name)).collect()
}

fn token(provider: &str, name: &str) -> String {
    let client = match name {
        "device" => "grant = \"device_code\"\nclient_id = \"public\"",
        "expired" => "grant = \"authorization_code\"\nclient_id = \"expired\"\nclient_secret = \"web-s3cret\"",
        _ => "grant = \"authorization_code\"\nclient_id = \"web\"\nclient_secret = \"web-s3cret\"",
    };
    format!("[tokens.{name:?}]\nprovider = \"{provider}\"\nmailbox = \"{name}@example.test\"\n{client}\n")
}

/// Names that are markup somewhere; the play has the same (`hostile.mjs`).
const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'-alert(1)-'",
    "{{7+7}}${7+7}",
    "\u{202e}gpj.exe\u{2066}",
    "a/b%2F..%2Fc?d#e&amp;f+g h",
    "javascript:alert(1)",
    "</title></textarea><svg onload=alert(1)>",
];

/// A provider that says nothing but markup, and tokens, accounts, aliases and labels that are such.
pub(crate) fn hostile() -> String {
    let mut text = r#"[providers."<b>hostile</b>"]
authorization_url = "https://localhost:OUTSIDE/auth"
token_url = "https://localhost:OUTSIDE/token"
scopes = ["mail"]
ca = "CA"
imap = { host = "localhost", port = OUTSIDE, tls = "implicit" }
[providers.post]
ca = "CA"
imap = { host = "localhost", port = IMAP, tls = "implicit" }
smtp = { host = "localhost", port = SMTP, tls = "implicit" }
[tokens.post]
provider = "post"
grant = "app_password"
mailbox = "post@example.test"
password = "mailb0x-s3cret"
[accounts.post]
token = "post"
password_hash = "HASH"
"#
    .to_owned();
    for name in HOSTILE {
        let [quoted, alias] = [name.to_owned(), format!("{name} too")].map(|text| toml(&text));
        let _ = write!(
            text,
            r#"[tokens.{quoted}]
provider = "<b>hostile</b>"
grant = "authorization_code"
mailbox = {quoted}
client_id = {quoted}
client_secret = "web-s3cret"
[accounts.{quoted}]
token = {quoted}
aliases = [{alias}]
passwords = [{{ hash = "HASH", label = {quoted} }}]
"#
        );
    }
    text
}

fn toml(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}
