use std::fmt::{Display, Write as _};
use std::num::NonZeroU32;
use std::path::Path;

use chrono::SecondsFormat;

use super::accounts::Unknown;
use super::document::Step;
use super::layers::Layers;
use super::words::{dotted, quoted};
use super::{Address, Anonymous, Config, ConfigErrors, ListenerTls, LogFormat, Newline, Notify};
use crate::model::{
    Account, ClientAuthentication, Endpoint, Grant, Password, Protocol, SaslMechanism, SenderPolicy, Token, UpstreamTls,
};

impl Config {
    /// The effective configuration as TOML, defaults included, each value with where it comes from. Secrets and hashes are
    /// left out. Takes what [`Config::load`] takes.
    pub fn show(file: &Path, environment: impl IntoIterator<Item = (String, String)>) -> Result<String, ConfigErrors> {
        let layers = Layers::read(file, environment)?;
        let config = Self::of(layers, Unknown::IsWrong)?;
        let Some(layers) = &config.reading.layers else { return Ok(String::new()) };
        let mut page = Page { layers, text: String::new(), path: Vec::new() };
        page.sections(&config);
        Ok(page.text)
    }
}

/// A TOML text that is being written.
struct Page<'l> {
    layers: &'l Layers,
    text: String,
    path: Vec<Step>,
}

const SECRET: &str = "(secret)";

/// Where the remarks start, if the values leave room.
const MARGIN: usize = 48;

impl Page<'_> {
    fn sections(&mut self, config: &Config) {
        if let Some(hostname) = &config.hostname {
            self.text("hostname", hostname);
        }
        self.optional("default_domain", config.default_domain.as_ref());
        self.table(&["store"]);
        match &config.store.database {
            Some(database) => {
                self.text("url", &database.shown);
                let password = database.servers.first().and_then(tokio_postgres::Config::get_password);
                self.optional("password", password.map(|_| SECRET));
            }
            None => self.text("url", &format!("sqlite:{}", config.store.path.display())),
        }
        self.text("key", SECRET);
        self.optional("old_key", config.store.old_key.as_ref().map(|_| SECRET));
        self.table(&["log"]);
        self.text("format", if config.log.format == LogFormat::Json { "json" } else { "text" });
        self.text("level", &config.log.levels);
        self.optional("file", config.log.file.as_ref().map(|file| file.display()));
        self.value("rotate_octets", &config.log.rotation.octets.to_string());
        self.value("rotate_daily", &config.log.rotation.daily.to_string());
        self.value("keep", &config.log.rotation.keep.to_string());
        if let Some(admin) = &config.admin {
            self.table(&["admin"]);
            self.text("address", &admin.address);
            self.optional("public_url", admin.public_url.as_ref());
            self.optional("password_hash", admin.password_hash.as_ref().map(|_| SECRET));
            self.value("tls", &admin.tls.to_string());
            if !admin.reverse_proxy.is_empty() {
                self.list("reverse_proxy", &admin.reverse_proxy);
            }
            self.value("session_idle_seconds", &admin.session_idle.as_secs().to_string());
            self.value("session_seconds", &admin.session.as_secs().to_string());
        }
        self.table(&["metrics"]);
        self.optional("address", config.metrics.address.as_ref());
        self.list("networks", &config.metrics.networks);
        if let Some(tls) = &config.tls {
            self.table(&["tls"]);
            self.text("certificate", &tls.certificate.display());
            self.text("key", &tls.key.display());
            self.text("minimum", tls.minimum.name());
        }
        self.table(&["control"]);
        self.text("socket", &config.control.socket.display());
        self.table(&["limits"]);
        for (name, value) in config.limits.list() {
            self.value(name, &value.to_string());
        }
        self.list("trusted_networks", &config.limits.trusted_networks);
        for (index, listener) in config.listeners.iter().enumerate() {
            self.start("[[listeners]]", vec![Step::Name("listeners".into()), Step::Index(index)]);
            self.text("protocol", &listener.protocol);
            match &listener.addresses[..] {
                [only] => self.text("address", only),
                several => self.list("address", several),
            }
            if listener.addresses.iter().any(Address::is_unix) {
                self.text("unix_mode", &format!("{:04o}", listener.unix_mode));
            }
            self.text("tls", listener_tls(listener.tls));
            if listener.tls != ListenerTls::None {
                self.text("minimum_tls", listener.minimum_tls.name());
            }
            self.list("plaintext_auth", &listener.plaintext_auth);
            self.text("newline", if listener.newline == Newline::Lenient { "lenient" } else { "strict" });
            if !listener.proxy_protocol.is_empty() {
                self.list("proxy_protocol", &listener.proxy_protocol);
            }
            if let Some(anonymous) = &listener.anonymous {
                self.anonymous(anonymous);
            }
        }
        if let Some(proxy) = &config.egress.proxy {
            self.table(&["egress"]);
            self.text("proxy", proxy.as_ref());
            self.optional("user", proxy.login.as_ref().map(|(user, _)| user));
            self.optional("password", proxy.login.as_ref().map(|_| SECRET));
            self.list("direct", &config.egress.direct);
        }
        if let Some(notify) = &config.notify {
            self.notify(notify);
        }
        config.tokens.iter().for_each(|token| self.token(token));
        config.accounts.iter().for_each(|account| self.account(account));
    }

    fn anonymous(&mut self, anonymous: &Anonymous) {
        let recipients = anonymous.recipients.as_ref().map(|recipients| ("recipients", listed(recipients)));
        let per_minute = anonymous.messages_per_minute.map_or(0, NonZeroU32::get).to_string();
        let fields = [("networks", listed(&anonymous.networks)), ("account", quoted(&anonymous.account))];
        let fields = fields.into_iter().chain(recipients).chain([("messages_per_minute", per_minute)]);
        self.value("anonymous", &inline(fields));
    }

    fn notify(&mut self, notify: &Notify) {
        self.table(&["notify"]);
        if let Some((program, arguments)) = &notify.command {
            let words: Vec<_> =
                std::iter::once(program.display().to_string()).chain(arguments.iter().cloned()).collect();
            self.list("command", &words);
        }
        self.optional("url", notify.url.as_ref().map(|_| SECRET));
        self.list("events", &notify.events);
        self.value("seconds", &notify.limit.as_secs().to_string());
    }

    fn token(&mut self, token: &Token) {
        self.table(&["tokens", &token.name]);
        self.text("provider", &token.provider.name);
        self.text("grant", token.grant.name());
        if !token.mailbox.is_empty() {
            self.text("mailbox", &token.mailbox);
        }
        if !token.client_id.is_empty() {
            self.text("client_id", &token.client_id);
        }
        self.proof(&token.client_authentication);
        match &token.grant {
            Grant::ServiceAccount(account) => {
                self.text("service_account", SECRET);
                self.remark("service account", &account.email);
            }
            Grant::Password(_) | Grant::AppPassword(_) => self.text("password", SECRET),
            _ => {}
        }
        self.list("scopes", &token.scopes);
        self.optional("redirect_uri", token.redirect_uri.as_ref());
        self.optional("client_secret_ends", token.secret_ends.map(|ends| ends.format("%Y-%m-%d")));
        for (key, set) in [("delegate", token.delegate), ("testing", token.testing), ("disabled", token.disabled)] {
            if set {
                self.value(key, "true");
            }
        }
        let urls = &token.provider.oauth;
        let urls = [
            ("issuer", &urls.issuer),
            ("authorization_url", &urls.authorization),
            ("token_url", &urls.token),
            ("device_url", &urls.device),
        ];
        for (key, url) in urls.into_iter().filter_map(|(key, url)| Some((key, url.as_ref()?))) {
            self.remark(key, url.as_str());
        }
        self.remark(
            "sasl",
            if matches!(token.grant, Grant::AppPassword(_)) { "plain" } else { sasl(token.provider.sasl) },
        );
        if let Some(ca) = &token.provider.ca {
            self.remark("ca", &ca.display().to_string());
        }
        if let Some(proxy) = &token.provider.egress.proxy {
            self.remark("proxy", &proxy.to_string());
        }
        for protocol in Protocol::ALL {
            if let Some(Endpoint { host, port, tls }) = token.provider.endpoints.of(protocol) {
                let tls = if *tls == UpstreamTls::Implicit { "implicit" } else { "starttls" };
                self.remark(protocol.name(), &format!("{host}:{port}, {tls}"));
            }
        }
    }

    fn proof(&mut self, proof: &ClientAuthentication) {
        match proof {
            ClientAuthentication::Public => {}
            ClientAuthentication::SecretPost(_) => self.secret("post"),
            ClientAuthentication::SecretBasic(_) => self.secret("basic"),
            ClientAuthentication::Certificate(certificate) => {
                self.text("client_certificate", SECRET);
                self.remark("certificate ends", &certificate.ends.format("%Y-%m-%d").to_string());
            }
            ClientAuthentication::AssertionFile(path) => self.text("client_assertion_file", &path.display()),
            ClientAuthentication::ManagedIdentity(machine) => {
                self.text("managed_identity", machine.identity.as_deref().unwrap_or("system"));
            }
        }
    }

    fn secret(&mut self, authentication: &str) {
        self.text("client_secret", SECRET);
        self.text("client_auth", authentication);
    }

    fn account(&mut self, account: &Account) {
        self.table(&["accounts", &account.name]);
        let (labelled, plain): (Vec<_>, Vec<_>) =
            account.passwords.iter().partition(|password| password.label.is_some());
        if !plain.is_empty() {
            self.list("password_hash", &vec![SECRET; plain.len()]);
        }
        if !labelled.is_empty() {
            let passwords: Vec<_> = labelled.into_iter().map(password).collect();
            self.value("passwords", &format!("[{}]", passwords.join(", ")));
        }
        self.text("token", &account.token.name);
        self.list("protocols", &account.protocols);
        if !account.networks.is_empty() {
            self.list("networks", &account.networks);
        }
        if !account.aliases.is_empty() {
            self.list("aliases", &account.aliases);
        }
        self.optional("mailbox", account.mailbox.as_ref());
        self.optional("smtp_user", account.smtp_user.as_ref());
        self.value("sender", &sender(&account.sender));
        self.value("disabled", &account.disabled.to_string());
    }

    fn table(&mut self, names: &[&str]) {
        let path: Vec<_> = names.iter().map(|name| Step::Name((*name).to_owned())).collect();
        self.start(&format!("[{}]", dotted(&path)), path);
    }

    fn start(&mut self, heading: &str, path: Vec<Step>) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.text, "{gap}{heading}");
        self.path = path;
    }

    fn optional(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(key, &value);
        }
    }

    fn text(&mut self, key: &str, value: &(impl Display + ?Sized)) {
        self.value(key, &quoted(&value.to_string()));
    }

    fn list(&mut self, key: &str, values: &[impl Display]) {
        self.value(key, &listed(values));
    }

    fn value(&mut self, key: &str, value: &str) {
        let path: Vec<_> = self.path.iter().cloned().chain([Step::Name(key.to_owned())]).collect();
        let origin = self.layers.origin(&path).unwrap_or_else(|| "default".into());
        let setting = format!("{key} = {value}");
        let _ = writeln!(self.text, "{setting:MARGIN$} # {origin}");
    }

    /// What follows from the provider.
    fn remark(&mut self, key: &str, value: &str) {
        let _ = writeln!(self.text, "# {key}: {value}");
    }
}

fn sender(sender: &SenderPolicy) -> String {
    let policy = quoted(sender.name());
    match sender {
        SenderPolicy::Keep => format!("{{ policy = {policy} }}"),
        SenderPolicy::Require { addresses } => {
            let addresses: Vec<_> = addresses.iter().map(|address| quoted(address)).collect();
            format!("{{ policy = {policy}, addresses = [{}] }}", addresses.join(", "))
        }
        SenderPolicy::Rewrite { address, reply_to } => {
            format!("{{ policy = {policy}, address = {}, reply_to = {reply_to} }}", quoted(address))
        }
    }
}

fn password(password: &Password) -> String {
    let label = password.label.as_ref().map(|label| ("label", quoted(label)));
    let protocols = (!password.protocols.is_empty()).then(|| ("protocols", listed(&password.protocols)));
    let networks = (!password.networks.is_empty()).then(|| ("networks", listed(&password.networks)));
    let expires = password.expires.map(|at| ("expires", quoted(&at.to_rfc3339_opts(SecondsFormat::AutoSi, true))));
    inline([("hash", quoted(SECRET))].into_iter().chain(label).chain(networks).chain(protocols).chain(expires))
}

fn listed(values: &[impl Display]) -> String {
    let values: Vec<_> = values.iter().map(|value| quoted(&value.to_string())).collect();
    format!("[{}]", values.join(", "))
}

fn inline(fields: impl Iterator<Item = (&'static str, String)>) -> String {
    let fields: Vec<_> = fields.map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", fields.join(", "))
}

const fn listener_tls(tls: ListenerTls) -> &'static str {
    match tls {
        ListenerTls::None => "none",
        ListenerTls::Starttls => "starttls",
        ListenerTls::Implicit => "implicit",
    }
}

const fn sasl(sasl: SaslMechanism) -> &'static str {
    match sasl {
        SaslMechanism::Xoauth2 => "xoauth2",
        SaslMechanism::Oauthbearer => "oauthbearer",
    }
}
