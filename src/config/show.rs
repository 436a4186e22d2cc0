use std::fmt::Write as _;

use super::{Config, ListenerTls, LogFormat};
use crate::model::{Account, ClientAuthentication, Endpoint, Grant, Protocol, SaslMechanism, Token, UpstreamTls};

/// The effective configuration as TOML, defaults included; secrets and hashes are left out.
#[must_use]
pub fn show(config: &Config) -> String {
    let mut text = String::new();
    if let Some(hostname) = &config.hostname {
        let _ = writeln!(text, "hostname = {hostname:?}\n");
    }
    let format = if config.log.format == LogFormat::Json { "json" } else { "text" };
    let _ =
        writeln!(text, "[store]\nurl = {:?}\nkey = \"(secret)\"\n", format!("sqlite:{}", config.store.path.display()));
    let _ = writeln!(text, "[log]\nformat = {format:?}\nlevel = {:?}\n", config.log.level);
    if let Some(admin) = &config.admin {
        let _ = writeln!(text, "[admin]\naddress = {:?}\n", admin.address.to_string());
    }
    if let Some(tls) = &config.tls {
        let _ = writeln!(
            text,
            "[tls]\ncertificate = {:?}\nkey = {:?}\n",
            tls.certificate.display().to_string(),
            tls.key.display().to_string()
        );
    }
    text += "[limits]\n";
    for (name, value) in config.limits.list() {
        let _ = writeln!(text, "{name} = {value}");
    }
    for listener in &config.listeners {
        let tls = match listener.tls {
            ListenerTls::None => "none",
            ListenerTls::Starttls => "starttls",
            ListenerTls::Implicit => "implicit",
        };
        let (protocol, address) = (listener.protocol.name(), listener.address.to_string());
        let networks = list(listener.plaintext_auth.iter().map(ToString::to_string));
        let _ = writeln!(
            text,
            "\n[[listeners]]\nprotocol = {protocol:?}\naddress = {address:?}\ntls = {tls:?}\nplaintext_auth = {networks}"
        );
    }
    config.tokens.iter().for_each(|declared| token(&mut text, declared));
    config.accounts.iter().for_each(|declared| account(&mut text, declared));
    text
}

fn token(text: &mut String, token: &Token) {
    let grant = match token.grant {
        Grant::RefreshToken => "refresh_token",
        Grant::ClientCredentials => "client_credentials",
    };
    let sasl = match token.provider.sasl {
        SaslMechanism::Xoauth2 => "xoauth2",
        SaslMechanism::Oauthbearer => "oauthbearer",
    };
    let _ = writeln!(text, "\n[tokens.{:?}]\nprovider = {:?}\ngrant = {grant:?}", token.name, token.provider.name);
    let _ = writeln!(text, "mailbox = {:?}\nclient_id = {:?}", token.mailbox, token.client_id);
    if !matches!(token.client_authentication, ClientAuthentication::Public) {
        text.push_str("client_secret = \"(secret)\"\n");
    }
    let _ = writeln!(text, "scopes = {}", list(token.scopes.iter().cloned()));
    let _ = writeln!(text, "# token_url = {:?}, sasl = {sasl:?}", token.provider.token_url.as_str());
    for protocol in Protocol::ALL {
        if let Some(Endpoint { host, port, tls }) = token.provider.endpoints.of(protocol) {
            let tls = if *tls == UpstreamTls::Implicit { "implicit" } else { "starttls" };
            let _ = writeln!(text, "# {protocol} = {host}:{port}, {tls}");
        }
    }
}

fn account(text: &mut String, account: &Account) {
    let hashes = account.passwords.len();
    let _ = writeln!(
        text,
        "\n[accounts.{:?}]\npassword_hash = [] # {hashes} not shown\ntoken = {:?}",
        account.name, account.token.name
    );
    let _ = writeln!(text, "protocols = {}", list(account.protocols.iter().map(ToString::to_string)));
    if !account.networks.is_empty() {
        let _ = writeln!(text, "networks = {}", list(account.networks.iter().map(ToString::to_string)));
    }
    if !account.aliases.is_empty() {
        let _ = writeln!(text, "aliases = {}", list(account.aliases.iter().cloned()));
    }
    for (key, user) in [("mailbox", &account.mailbox), ("smtp_user", &account.smtp_user)] {
        if let Some(user) = user {
            let _ = writeln!(text, "{key} = {user:?}");
        }
    }
    if account.disabled {
        text.push_str("disabled = true\n");
    }
}

fn list(texts: impl Iterator<Item = String>) -> String {
    let quoted: Vec<_> = texts.map(|text| format!("{text:?}")).collect();
    format!("[{}]", quoted.join(", "))
}
