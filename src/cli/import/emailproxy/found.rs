//! What a configuration of email-oauth2-proxy says: its servers and its accounts, catch-all accounts resolved.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::ini::{Entry, Ini, Section};
use crate::cli::import::report::Remarks;
use crate::model::Protocol;

/// All that was found.
pub(super) struct Found {
    pub(super) servers: Vec<Server>,
    pub(super) accounts: Vec<Account>,
    pub(super) options: Options,
}

/// `[emailproxy]`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    pub(super) catch_all: bool,
    pub(super) password_is_client_secret: bool,
}

/// `[IMAP-1993]`: a port of this machine that leads to one server.
pub(super) struct Server {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
    /// All addresses without.
    pub(super) local: Option<String>,
    pub(super) host: String,
    pub(super) host_port: u16,
    pub(super) starttls: bool,
    pub(super) certificate: Option<Certificate>,
}

/// Of a server that speaks TLS with its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    pub(super) chain: PathBuf,
    pub(super) key: PathBuf,
    pub(super) starttls: bool,
}

/// `[user@example.com]`.
pub(super) struct Account {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) permission_url: Option<String>,
    pub(super) token_url: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) resource: Option<String>,
    pub(super) flow: Option<String>,
    pub(super) redirect_uri: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<SecretString>,
    pub(super) client_secret_sealed: Option<String>,
    pub(super) certificate: Option<(PathBuf, PathBuf)>,
    pub(super) salt: Option<String>,
    pub(super) rounds: Option<String>,
    pub(super) access_token: Option<String>,
    pub(super) access_token_expiry: Option<String>,
    pub(super) refresh_token: Option<String>,
}

/// What Gatepost has a counterpart for, or needs none.
const SERVER: [&str; 9] = [
    "documentation",
    "server_address",
    "server_port",
    "local_address",
    "server_starttls",
    "starttls",
    "local_starttls",
    "local_certificate_path",
    "local_key_path",
];
const ACCOUNT: [&str; 20] = [
    "documentation",
    "permission_url",
    "token_url",
    "oauth2_scope",
    "oauth2_resource",
    "oauth2_flow",
    "redirect_uri",
    "client_id",
    "client_secret",
    "client_secret_encrypted",
    "use_pkce",
    "jwt_certificate_path",
    "jwt_key_path",
    "token_salt",
    "token_iterations",
    "access_token",
    "access_token_expiry",
    "refresh_token",
    "last_activity",
    "redirect_listen_address",
];
const GLOBAL: &str = "emailproxy";
/// Sections of nothing but words.
const WORDS: [&str; 3] = ["documentation", "format", "warning"];

/// Reads a file that has been parsed, its cache laid over it.
pub(super) fn read(ini: &Ini, file: &Path, remarks: &mut Remarks) -> Found {
    let options = options(ini);
    let mut found = Found { servers: Vec::new(), accounts: Vec::new(), options };
    for section in &ini.sections {
        if let Some((protocol, port)) = listens(&section.name) {
            found.servers.extend(server(ini, section, (protocol, port), file, remarks));
        } else if section.name.starts_with('@') {
            catch_all(section, options, file, remarks);
        } else if section.name.contains('@') {
            found.accounts.push(account(ini, section, options, file, remarks));
        } else if section.name != GLOBAL {
            words(section, file, remarks);
        }
    }
    found
}

pub(super) fn options(ini: &Ini) -> Options {
    let Some(section) = ini.section(GLOBAL) else { return Options::default() };
    let on = |key| ini.get(section, key).is_some_and(|entry| truth(entry) == Some(true));
    Options {
        catch_all: on("allow_catch_all_accounts"),
        password_is_client_secret: on("use_login_password_as_client_credentials_secret"),
    }
}

/// As `configparser` reads it.
fn truth(entry: &Entry) -> Option<bool> {
    match entry.value.to_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Some(true),
        "0" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// `IMAP-1993`, in capitals.
fn listens(name: &str) -> Option<(Protocol, u16)> {
    let (protocol, port) = name.split_once('-')?;
    let protocol = match protocol {
        "IMAP" => Protocol::Imap,
        "POP" => Protocol::Pop3,
        "SMTP" => Protocol::Smtp,
        _ => return None,
    };
    let digits = !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
    digits.then(|| (protocol, port.parse().unwrap_or(0)))
}

fn server(
    ini: &Ini,
    section: &Section,
    (protocol, port): (Protocol, u16),
    file: &Path,
    remarks: &mut Remarks,
) -> Option<Server> {
    let get = |key| ini.get(section, key);
    let text = |key| get(key).map(|entry| entry.value.to_string()).filter(|text| !text.is_empty());
    let number = |key| text(key).and_then(|text| text.parse().ok()).filter(|port: &u16| *port > 0);
    unknown(section, &SERVER, file, remarks);
    let mut refuse = |text: &str| {
        remarks.add(file, section.line, &section.name, format!("not carried over: {text}"));
        None
    };
    if port == 0 {
        return refuse("its port is none from 1 to 65535");
    }
    let Some(host) = text("server_address") else { return refuse("it has no server_address") };
    let Some(host_port) = number("server_port") else { return refuse("its server_port is no port") };
    // Only its SMTP servers know STARTTLS, on either side; `starttls` is the older name.
    let on = |key| protocol == Protocol::Smtp && get(key).is_some_and(|entry| truth(entry) == Some(true));
    let starttls = on("server_starttls") || (get("server_starttls").is_none() && on("starttls"));
    let paths = text("local_certificate_path").zip(text("local_key_path"));
    let certificate =
        paths.map(|(chain, key)| Certificate { chain: chain.into(), key: key.into(), starttls: on("local_starttls") });
    let (name, line) = (section.name.clone(), section.line);
    Some(Server { name, line, protocol, port, local: text("local_address"), host, host_port, starttls, certificate })
}

/// Of the account itself, then of `[@domain]` and `[@]`.
fn account(ini: &Ini, section: &Section, options: Options, file: &Path, remarks: &mut Remarks) -> Account {
    unknown(section, &ACCOUNT, file, remarks);
    let domain = format!("@{}", section.name.rsplit('@').next().unwrap_or_default());
    let above = [domain.as_str(), "@"].into_iter().filter(|_| options.catch_all).filter_map(|name| ini.section(name));
    let above: Vec<_> = above.collect();
    let own = |key: &str| ini.get(section, key).map(|entry| entry.value.clone()).filter(|value| !value.is_empty());
    let inherited = |key: &str| {
        let value = |section: &&Section| ini.get(section, key).map(|entry| entry.value.clone());
        own(key).or_else(|| above.iter().find_map(value).filter(|value| !value.is_empty()))
    };
    let text = |value: Option<Zeroizing<String>>| value.map(|value| value.to_string());
    let certificate = inherited("jwt_certificate_path").zip(inherited("jwt_key_path"));
    if let Some(entry) = section.own("redirect_listen_address") {
        let text =
            "redirect_listen_address: not carried over; signing in comes back to the pages' own address, or is pasted";
        remarks.add(file, entry.line, &section.name, text);
    }
    Account {
        name: section.name.clone(),
        line: section.line,
        permission_url: text(inherited("permission_url")),
        token_url: text(inherited("token_url")),
        scope: text(inherited("oauth2_scope")),
        resource: text(inherited("oauth2_resource")),
        flow: text(inherited("oauth2_flow")),
        redirect_uri: text(inherited("redirect_uri")),
        client_id: text(inherited("client_id")),
        client_secret: inherited("client_secret").map(|value| value.as_str().into()),
        client_secret_sealed: text(inherited("client_secret_encrypted")),
        certificate: certificate.map(|(chain, key)| (chain.as_str().into(), key.as_str().into())),
        salt: text(inherited("token_salt")),
        rounds: text(inherited("token_iterations")),
        access_token: text(own("access_token")),
        access_token_expiry: text(own("access_token_expiry")),
        refresh_token: text(own("refresh_token")),
    }
}

fn catch_all(section: &Section, options: Options, file: &Path, remarks: &mut Remarks) {
    unknown(section, &ACCOUNT, file, remarks);
    let text = if options.catch_all {
        "nobody is let in here who is not named: its settings went to the accounts that have used it; add others with `gatepost token add` and `gatepost account add`"
    } else {
        "not carried over: it was not in use, as allow_catch_all_accounts is off"
    };
    remarks.add(file, section.line, &section.name, text);
}

fn unknown(section: &Section, known: &[&str], file: &Path, remarks: &mut Remarks) {
    for entry in section.entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
        let why = match entry.key.as_str() {
            "plugins" => "there are no plugins here; what senders may be is `sender` of an account",
            _ => "it has no counterpart here",
        };
        remarks.add(file, entry.line, &section.name, format!("{}: not carried over: {why}", entry.key));
    }
}

fn words(section: &Section, file: &Path, remarks: &mut Remarks) {
    if section.entries.iter().any(|entry| !WORDS.contains(&entry.key.as_str())) {
        let text = "not carried over: neither a server such as [IMAP-1993] nor an account such as [user@example.com]";
        remarks.add(file, section.line, &section.name, text);
    }
}
