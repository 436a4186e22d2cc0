//! Every block of TOML is a configuration that Gatepost's own reader takes. What a fragment leaves out is put around it: a
//! store, a listener, the token of an account, the files that it names.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use gatepost::config::Config;
use gatepost_kit::Authority;
use tempfile::TempDir;
use toml_edit::{DocumentMut, Item, Table, TableLike, value};

use crate::pages::{Block, blocks};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$5cKgW3p6wDYOGzQTS2Uzt7D1zXaBNrLXUD4pDeDlFc8";
const KEY: &str = "gpk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What a reader replaces by their own.
pub(crate) const PLACEHOLDERS: [(&str, &str); 4] = [
    ("$argon2id$…", HASH),
    ("6f1b…", "6f1b0000-0000-0000-0000-000000000000"),
    ("0c4e…", "0c4e0000-0000-0000-0000-000000000000"),
    ("9b1d…", "9b1d0000-0000-0000-0000-000000000000"),
];

/// Providers that Gatepost knows.
const PRESETS: [&str; 5] = ["microsoft", "outlook.com", "google", "yahoo", "fastmail"];

#[test]
fn every_block_of_toml_is_a_configuration() {
    let authority = Authority::new(&["localhost"]);
    let mut wrong = String::new();
    let mut checked = 0;
    for block in blocks().into_iter().filter(|block| block.language == "toml") {
        checked += 1;
        if let Err(fault) = check(&block, &authority) {
            let _ = writeln!(wrong, "{block}: {fault}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(checked >= 20, "{checked}");
}

fn check(block: &Block, authority: &Authority) -> Result<(), String> {
    let text = complete(block)?;
    let directory = tempfile::tempdir().unwrap();
    let document: DocumentMut = text.parse().unwrap();
    files(&directory, document.as_table(), authority);
    write(directory.path(), "gatepost.toml", &text);
    let variables = [("CREDENTIALS_DIRECTORY".to_owned(), directory.path().display().to_string())];
    match Config::load(&directory.path().join("gatepost.toml"), variables) {
        Ok(_) => Ok(()),
        Err(errors) => Err(format!("{errors}\n--- of\n{text}")),
    }
}

/// The block as a whole configuration.
fn complete(block: &Block) -> Result<String, String> {
    let mut text = block.text.clone();
    for (placeholder, real) in PLACEHOLDERS {
        text = text.replace(placeholder, real);
    }
    if let Some(table) = block.value("in") {
        text = format!("[{table}]\n{text}");
    }
    let mut document: DocumentMut = text.parse().map_err(|fault| format!("{fault}"))?;
    let root = document.as_table_mut();
    set(root, &["store", "key"], KEY);
    if !root.contains_key("listeners") {
        let mut listener = Table::new();
        listener["protocol"] = value("imap");
        listener["address"] = value("127.0.0.1:1143");
        let mut all = toml_edit::ArrayOfTables::new();
        all.push(listener);
        root["listeners"] = Item::ArrayOfTables(all);
    }
    accounts(root);
    tokens(root);
    providers(root);
    if text.contains("\"starttls\"") || text.contains("\"implicit\"") || text.contains("tls = true") {
        set(root, &["tls", "certificate"], "tls/cert.pem");
        set(root, &["tls", "key"], "tls/key.pem");
    }
    Ok(document.to_string())
}

/// Sets a key that is not there.
fn set(root: &mut Table, path: &[&str], text: &str) {
    let (last, tables) = path.split_last().unwrap();
    let mut table = root;
    for name in tables {
        table = table.entry(name).or_insert(Item::Table(Table::new())).as_table_mut().unwrap();
    }
    if !table.contains_key(last) {
        table[last] = value(text);
    }
}

/// The names in a table of tables.
fn names(root: &Table, table: &str) -> Vec<String> {
    let named = root.get(table).and_then(Item::as_table_like);
    named.into_iter().flat_map(TableLike::iter).map(|(name, _)| name.to_owned()).collect()
}

fn text_of(root: &Table, path: &[&str]) -> Option<String> {
    let mut item = root.get(path[0])?;
    for name in &path[1..] {
        item = item.get(name)?;
    }
    item.as_str().map(str::to_owned)
}

fn accounts(root: &mut Table) {
    let guests = root.get("listeners").and_then(Item::as_array_of_tables);
    let guests: Vec<_> = guests
        .into_iter()
        .flatten()
        .filter_map(|listener| listener.get("anonymous")?.get("account")?.as_str().map(str::to_owned))
        .collect();
    for name in guests {
        set(root, &["accounts", &name, "token"], "support");
    }
    for name in names(root, "accounts") {
        set(root, &["accounts", &name, "token"], "support");
        let account = root["accounts"][name.as_str()].as_table_like().unwrap();
        if !["password_hash", "passwords", "users"].iter().any(|key| account.contains_key(key)) {
            set(root, &["accounts", &name, "password_hash"], HASH);
        }
        let token = text_of(root, &["accounts", &name, "token"]).unwrap();
        set(root, &["tokens", &token, "provider"], "microsoft");
    }
}

fn tokens(root: &mut Table) {
    /// By which a client proves itself, or what stands for the client.
    const PROOFS: [&str; 7] = [
        "client_secret",
        "client_json",
        "client_certificate",
        "client_assertion_file",
        "managed_identity",
        "service_account",
        "password",
    ];
    for name in names(root, "tokens") {
        let at = |key: &'static str| ["tokens".to_owned(), name.clone(), key.to_owned()];
        let mut fill = |key: &'static str, text: &str| {
            let path = at(key);
            set(root, &path.each_ref().map(String::as_str), text);
        };
        fill("provider", "microsoft");
        fill("grant", "client_credentials");
        fill("mailbox", "support@example.com");
        let token = root["tokens"][name.as_str()].as_table_like().unwrap();
        let bare = !PROOFS.iter().any(|proof| token.contains_key(proof));
        let (provider, grant) =
            ["provider", "grant"].map(|key| token.get(key).unwrap().as_str().unwrap().to_owned()).into();
        let mut fill = |key: &'static str, text: &str| {
            let path = at(key);
            set(root, &path.each_ref().map(String::as_str), text);
        };
        if bare && grant == "client_credentials" {
            fill("client_secret", "s3cret");
        }
        if provider.starts_with("microsoft") {
            fill("tenant", "6f1b0000-0000-0000-0000-000000000000");
        }
        if bare || provider.starts_with("microsoft") {
            fill("client_id", "0c4e0000-0000-0000-0000-000000000000");
        }
    }
}

fn providers(root: &mut Table) {
    let used = names(root, "tokens").into_iter().filter_map(|name| text_of(root, &["tokens", &name, "provider"]));
    for name in used.collect::<Vec<_>>() {
        let known =
            PRESETS.contains(&name.as_str()) || root.get("providers").is_some_and(|all| all.get(&name).is_some());
        if !known {
            set(root, &["providers", &name, "token_url"], "https://id.example.com/token");
            set(root, &["providers", &name, "authorization_url"], "https://id.example.com/authorize");
        }
    }
}

/// Makes the files that a configuration names, each as its key wants it.
fn files(directory: &TempDir, table: &dyn TableLike, authority: &Authority) {
    for (key, item) in table.iter() {
        if let Some(file) = item.as_table_like().and_then(|inner| inner.get("file")).and_then(Item::as_str) {
            write(directory.path(), file, &content(key, authority));
        } else if let Some(name) = item.as_table_like().and_then(|inner| inner.get("credential")).and_then(Item::as_str)
        {
            write(directory.path(), name, &content(key, authority));
        } else if let Some(inner) = item.as_table_like() {
            files(directory, inner, authority);
        } else if matches!(key, "certificate" | "key" | "ca" | "client_assertion_file") {
            let name = item.as_str().filter(|name| !name.starts_with("gpk1_"));
            if let Some(name) = name {
                write(directory.path(), name, &content(key, authority));
            }
        }
    }
}

fn content(key: &str, authority: &Authority) -> String {
    match key {
        "client_certificate" => format!("{}{}", authority.certificate_pem(), authority.key_pem()),
        "ca" => authority.ca_pem().to_owned(),
        "certificate" => authority.certificate_pem().to_owned(),
        "client_key" => authority.key_pem().to_owned(),
        "key" => format!("{KEY}\n"),
        "client_json" => {
            r#"{"installed":{"client_id":"x.apps.googleusercontent.com","client_secret":"s3cret"}}"#.to_owned()
        }
        "service_account" => serde_json::json!({
            "type": "service_account", "client_email": "gatepost@project.iam.gserviceaccount.com",
            "private_key_id": "0000", "private_key": authority.key_pem(),
            "token_uri": "https://oauth2.googleapis.com/token",
        })
        .to_string(),
        _ => "s3cret\n".to_owned(),
    }
}

/// Absolute names are left as they are: nothing is written outside.
fn write(directory: &Path, name: &str, content: &str) {
    if name.starts_with('/') {
        return;
    }
    let path = directory.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
