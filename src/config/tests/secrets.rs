//! Law 8: whatever is wrong, and wherever a secret stands, no error shows it.

use proptest::prelude::*;

use super::*;

/// Wrong files with a secret, `pl4nted`, where an error's own line could show it.
const PLANTED: [(&str, &str); 16] = [
    ("beside a wrong value", "[tokens]\nx = { client_secret = \"pl4nted\", provider = \"mircosoft\" }"),
    ("beside an unknown key", "[accounts]\nx = { tokn = \"x\", password_hash = \"pl4nted\" }"),
    ("in an inline table of another kind", "[tokens.x]\nclient_id = { client_secret = \"pl4nted\" }"),
    ("instead of a table", "[accounts]\nevmail = \"pl4nted\""),
    ("instead of the store's table", "store = \"pl4nted\""),
    ("in a list instead of a table", "[tokens]\nx = [\"pl4nted\"]"),
    ("without an equals sign", "[tokens.x]\nclient_secret \"pl4nted\""),
    ("without quotes and equals sign", "[tokens.x]\nclient_secret pl4nted"),
    ("without quotes", "[tokens.x]\nclient_secret = pl4nted"),
    ("in a list with a missing comma", "[accounts.x]\npassword_hash = [\n  \"a\" \"pl4nted\"\n]"),
    ("in a text of several lines", "[tokens.x]\nclient_secret = \"\"\"\n  pl4nted \\q\n\"\"\""),
    ("in a list of several lines", "[accounts.x]\npassword_hash = [\n  \"pl4nted\",\n]"),
    ("in a remark", "[log]\nlevel = \"inof\" # was pl4nted"),
    ("in a URL", "[providers.x]\ntoken_url = \"http://user:pl4nted@id.example.com/\""),
    ("in the database's URL", "[store]\nurl = \"postgres://user:pl4nted@db/x\""),
    ("in a place of a secret", "[tokens.x]\nclient_secret = { credential = \"a/pl4nted\" }"),
];

#[test]
fn no_line_of_an_error_shows_a_secret() {
    let shown: Vec<_> = PLANTED
        .iter()
        .filter_map(|(what, text)| Some((what, errors(text))).filter(|(_, errors)| errors.contains("pl4nted")))
        .map(|(what, errors)| format!("--- {what}\n{errors}"))
        .collect();
    assert!(shown.is_empty(), "{}", shown.join("\n"));
}

#[test]
fn no_variable_shows_a_secret() {
    let directory = written(GOOD);
    for variable in
        ["ACCOUNTS__EVMAIL", "TOKENS__SUPPORT", "TOKENS", "STORE", "STORE__URL", "ACCOUNTS__EVMAIL__PASSWORD"]
    {
        let errors = shown(&directory, &[(&format!("GATEPOST__{variable}"), "pl4nted")]);
        assert!(!errors.contains("pl4nted"), "{variable}: {errors}");
        assert!(errors.contains(&format!("environment variable GATEPOST__{variable}: ")), "{errors}");
    }
}

/// Every way to write a secret that TOML has.
const MANY: &str = r#"
[store]
key = "pl4nted"
[tokens."a"]
provider = "google" # pl4nted
grant = "refresh_token"
mailbox = "a@b"
client_id = "id"
client_secret = { file = "x", text = "pl4nted" }
[tokens]
b = { client_id = "id", client_secret = 'pl4nted', provider = "google" }
[accounts.'a']
password_hash = [
  "pl4nted", "pl4nted",
]
token = "a"
aliases = ["b"]
[accounts.b]
token = "b"
password = """
  pl4nted
"""
"#;

/// A slip of the finger anywhere: a character lost, put in, or mistaken for another.
#[test]
fn no_slip_shows_a_secret() {
    let directory = written("");
    proptest!(|(at in 0..MANY.len(), lost in any::<bool>(), typed in "[\\n\"'=\\[\\]{},.#\\\\ x1]?")| {
        let after = &MANY[at + usize::from(lost)..];
        write(directory.path(), "gatepost.toml", &format!("{}{typed}{after}", &MANY[..at]));
        let errors = shown(&directory, &[]);
        // A slip within the word leaves a part of it.
        prop_assert!(!errors.contains("pl4n") && !errors.contains("nted"), "{}", errors);
    });
}

/// Law 8, for a secret under any key that might hold one, whatever else is wrong there.
#[test]
fn no_value_of_a_secret_key_is_ever_shown() {
    let directory = written("");
    let keys = "(client_secret|client_secre|password_hash|passwrd|key|refresh_token|token)";
    proptest!(|(key in keys, form in 0..5)| {
        let value = match form {
            0 => "\"pl4nted\"",
            1 => "[\"pl4nted\"]",
            2 => "{ text = \"pl4nted\" }",
            3 => "{ env = \"pl4nted\" }",
            _ => "{ file = \"x\", text = \"pl4nted\" }",
        };
        for table in ["store", "tokens.x", "accounts.x", "tls", "admin"] {
            if (key == "token" && table == "accounts.x") || (key == "key" && table == "tls") {
                continue; // a name and a path
            }
            write(directory.path(), "gatepost.toml", &format!("wrong = 1\n[{table}]\n{key} = {value}\n"));
            let errors = shown(&directory, &[]);
            prop_assert!(!errors.contains("pl4nted"), "{}", errors);
        }
    });
}
