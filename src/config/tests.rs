mod admin;
mod anonymous;
mod checks;
mod database;
mod digests;
mod egress;
mod layers;
mod limits;
mod listeners;
mod passwords;
mod patterns;
mod reference;
mod secrets;
mod sender;
mod stored;
mod tokens;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::model::Protocol;

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$5cKgW3p6wDYOGzQTS2Uzt7D1zXaBNrLXUD4pDeDlFc8";

/// A directory with the files that configurations name, and a configuration.
fn written(text: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("gatepost.key", "gpk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"),
        ("secrets/support", "s3cret\n"),
        ("tls/cert.pem", ""),
        ("tls/key.pem", ""),
    ] {
        write(directory.path(), name, content);
    }
    write(directory.path(), "gatepost.toml", &text.replace("HASH", HASH));
    directory
}

fn write(directory: &Path, name: &str, content: &str) {
    let path = directory.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn load(directory: &TempDir, environment: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let variables = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(&directory.path().join("gatepost.toml"), variables)
}

/// The errors of a configuration, with the directory's name left out.
fn errors(text: &str) -> String {
    shown(&written(text), &[])
}

fn shown(directory: &TempDir, environment: &[(&str, &str)]) -> String {
    let errors = load(directory, environment).unwrap_err().to_string();
    errors.replace(&format!("{}/", directory.path().display()), "")
}

const GOOD: &str = r#"
[store]
key = { file = "gatepost.key" }

[[listeners]]
protocol = "imap"
address = "127.0.0.1:1143"

[tokens."support"]
provider = "microsoft"
grant = "client_credentials"
mailbox = "support@example.com"
tenant = "contoso.example"
client_id = "id"
client_secret = { file = "secrets/support" }

[accounts."evmail"]
password_hash = "HASH"
token = "support"
"#;

#[test]
fn a_good_file_becomes_what_it_says() {
    let directory = written(GOOD);
    let config = load(&directory, &[]).unwrap();
    assert_eq!(config.store.path, directory.path().join("gatepost.db"));
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.listeners[0].plaintext_auth.len(), 2);
    let account = &config.accounts[0];
    assert_eq!(
        account.token.provider.oauth.token.as_ref().unwrap().as_str(),
        "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
    );
    assert_eq!(account.token.scopes, ["https://outlook.office365.com/.default"]);
    assert_eq!(account.protocols, Protocol::ALL);
    assert_eq!(account.upstream_user(Protocol::Imap), "support@example.com");
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn every_file_in_config_can_be_loaded() {
    for entry in std::fs::read_dir("config").unwrap() {
        let path = entry.unwrap().path();
        let directory = written(&std::fs::read_to_string(&path).unwrap());
        load(&directory, &[]).unwrap_or_else(|errors| panic!("{}: {errors}", path.display()));
    }
}

#[test]
fn all_errors_at_once_each_with_its_place() {
    insta::assert_snapshot!(errors(
        r#"
[stor]
url = "sqlite:x"
[log]
level = "inof"
[limits]
sessions = "many"
login_secnds = 5
imap_idle_seconds = 0
[[listeners]]
protocol = "imap"
address = "localhost"
plaintext_auth = ["10.0.0.0/33"]
[[listeners]]
protocol = "impa"
address = "127.0.0.1:1"
tls = "implicit"
[tokens."support"]
provider = "mircosoft"
grant = "authorization_code"
mailbox = "a\u0001b"
[tokens."app"]
provider = "microsoft"
grant = "client_credentials"
mailbox = "x@example.com"
tenant = "common"
client_id = 12345
[accounts."evmail"]
password_hash = "hunter2"
token = "suport"
protocols = ["imap", "jmap"]
aliases = ["EvMail2"]
[accounts.evmail2]
token = "app"
sender = { policy = "kep" }
[providers.corp]
token_url = "http://id.example.com/token"
imap = { host = "imap.example.com", port = 99999, tls = "none" }
"#
    ));
}

#[test]
fn a_secret_is_never_shown() {
    let text = r#"
[store]
key = 12345678
[tokens."support"]
provider = "google"
grant = "refresh_token"
mailbox = "a@b"
client_id = "id"
client_secrt = "hunter2"
client_secret = { fiel = "hunter3" }
[accounts."a"]
password = "hunter4"
password_hash = "hunter5"
token = "support"
"#;
    let errors = errors(text);
    assert!(!errors.contains("hunter") && !errors.contains("12345678"), "{errors}");
    insta::assert_snapshot!(errors);
}

#[test]
fn files_variables_and_syntax() {
    let directory = written(GOOD);
    let key = directory.path().join("gatepost.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    write(directory.path(), "gatepost.toml.d/10.toml", "[limits]\nsessions = 0\n");
    insta::assert_snapshot!(
        "modes_and_variables",
        shown(&directory, &[("GATEPOST__LOG__LEVEL", "loud"), ("GATEPOST__TLSS__KEY", "x")])
    );
    insta::assert_snapshot!("syntax", errors("[store]\nkey = \"hunter2\nx = 1\n"));
    let missing = tempfile::tempdir().unwrap();
    insta::assert_snapshot!("missing", shown(&missing, &[]));
    std::fs::remove_file(&key).unwrap();
    assert!(shown(&directory, &[]).contains("gatepost key generate"));
}
