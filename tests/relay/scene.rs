//! Gatepost before a simulated provider.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;

use gatepost::account::hash_password;
use gatepost::cli::serve::Running;
use gatepost::config::Config;
use gatepost::model::Protocol;
use gatepost_kit::{Authority, Certificate, Dialect, Peer, Provider, Settings};

pub(crate) const MAILBOX: &str = "support@example.com";
pub(crate) const PASSWORD: &str = "pass word";
/// `\0evmail\0pass word`
pub(crate) const PLAIN: &str = "AGV2bWFpbABwYXNzIHdvcmQ=";
/// `\0evmail\0wrong`
pub(crate) const WRONG: &str = "AGV2bWFpbAB3cm9uZw==";

pub(crate) struct Scene {
    pub(crate) provider: Provider,
    pub(crate) gatepost: Running,
    pub(crate) authority: Authority,
    pub(crate) directory: tempfile::TempDir,
}

/// What differs from the usual.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    /// Of the provider's servers.
    pub(crate) dialect: Dialect,
    pub(crate) certificate: Certificate,
    pub(crate) sasl: &'static str,
    /// STARTTLS upstream instead of implicit TLS.
    pub(crate) starttls: bool,
    pub(crate) grant: &'static str,
    /// Of the listeners.
    pub(crate) tls: &'static str,
    pub(crate) plaintext_auth: &'static str,
    /// `PROTOCOL` in it is the listener's.
    pub(crate) address: &'static str,
    /// More lines of every listener, and at the top of the file.
    pub(crate) listener: &'static str,
    pub(crate) top: &'static str,
    pub(crate) limits: &'static str,
    /// More lines for the SMTP listener.
    pub(crate) smtp: &'static str,
    pub(crate) account: &'static str,
    /// Trust in the provider's certificate.
    pub(crate) trusted: bool,
}

impl Setting {
    pub(crate) const USUAL: Self = Self {
        dialect: Dialect::Microsoft,
        certificate: Certificate::Good,
        sasl: "xoauth2",
        starttls: false,
        grant: "client_credentials",
        tls: "none",
        plaintext_auth: r#"["127.0.0.0/8"]"#,
        address: r#""127.0.0.1:0""#,
        listener: "",
        top: "",
        limits: "",
        smtp: "",
        account: "",
        trusted: true,
    };
}

impl Default for Setting {
    fn default() -> Self {
        Self::USUAL
    }
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(Setting::default()).await
    }

    pub(crate) async fn with(setting: Setting) -> Self {
        let (provider, authority, directory) = stage(setting).await;
        let gatepost = start(directory.path()).await;
        Self { provider, gatepost, authority, directory }
    }

    pub(crate) fn address(&self, protocol: Protocol) -> SocketAddr {
        self.gatepost.listeners().iter().find(|(served, _)| *served == protocol).unwrap().1.tcp().unwrap()
    }

    /// A client that has read the greeting.
    pub(crate) async fn client(&self, protocol: Protocol) -> Peer {
        let mut peer = Peer::connect(self.address(protocol)).await;
        peer.expect(greeting(protocol)).await;
        peer
    }

    /// A client that is logged in.
    pub(crate) async fn logged_in(&self, protocol: Protocol) -> Peer {
        let mut peer = self.client(protocol).await;
        log_in(&mut peer, protocol, PLAIN).await;
        peer.expect(yes(protocol)).await;
        peer
    }
}

/// All but Gatepost: its configuration stands in the directory.
pub(crate) async fn stage(setting: Setting) -> (Provider, Authority, tempfile::TempDir) {
    log_all();
    let provider =
        Provider::with(Settings { dialect: setting.dialect, certificate: setting.certificate, ..Settings::default() })
            .await;
    provider.add_client("client", Some("client s3cret"), MAILBOX);
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(&["localhost"]);
    write(directory.path(), &provider, &authority, setting);
    (provider, authority, directory)
}

/// Everything that Gatepost logs in this process, and of libraries as much as it ever lets them say, where somebody wants to
/// search it.
fn log_all() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let Some(file) = gatepost_kit::kept_log("relay") else { return };
        let lines = tracing_subscriber::fmt().with_ansi(false).with_env_filter("debug,gatepost=trace");
        drop(lines.with_writer(std::sync::Mutex::new(file)).try_init());
    });
}

pub(crate) async fn start(directory: &Path) -> Running {
    let config = Config::load(&directory.join("gatepost.toml"), std::iter::empty()).unwrap_or_else(|e| panic!("{e}"));
    Running::start(config).await.unwrap()
}

pub(crate) async fn log_in(peer: &mut Peer, protocol: Protocol, plain: &str) {
    let command = match protocol {
        Protocol::Imap => format!("a AUTHENTICATE PLAIN {plain}\r\n"),
        Protocol::Smtp | Protocol::Pop3 => format!("AUTH PLAIN {plain}\r\n"),
    };
    peer.send(command).await;
}

/// A session that is logged in is still answered.
pub(crate) async fn goes_on(peer: &mut Peer, protocol: Protocol) {
    let (command, answer) = match protocol {
        Protocol::Smtp => ("NOOP\r\n", "250 "),
        Protocol::Imap => ("n NOOP\r\n", "n OK"),
        Protocol::Pop3 => ("NOOP\r\n", "+OK"),
    };
    peer.send(command).await;
    peer.expect(answer).await;
}

pub(crate) const fn greeting(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Smtp => "220 ",
        Protocol::Imap => "* OK [CAPABILITY ",
        Protocol::Pop3 => "+OK ",
    }
}

pub(crate) const fn yes(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Smtp => "235 2.7.0 ",
        Protocol::Imap => "a OK [CAPABILITY IMAP4 IMAP4rev1 ",
        Protocol::Pop3 => "+OK ",
    }
}

pub(crate) const fn wrong_password(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Smtp => "535 5.7.8 ",
        Protocol::Imap => "a NO [AUTHENTICATIONFAILED] ",
        Protocol::Pop3 => "-ERR [AUTH] ",
    }
}

pub(crate) const fn try_later(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Smtp => "454 4.7.0 ",
        Protocol::Imap => "a NO [UNAVAILABLE] ",
        Protocol::Pop3 => "-ERR [SYS/TEMP] ",
    }
}

fn write(directory: &Path, provider: &Provider, authority: &Authority, setting: Setting) {
    static HASH: OnceLock<String> = OnceLock::new();
    let hash = HASH.get_or_init(|| hash_password(&PASSWORD.into()).unwrap().as_str().to_owned());
    let Setting {
        sasl,
        starttls,
        grant,
        tls,
        plaintext_auth,
        address,
        listener,
        top,
        limits,
        smtp: lines,
        account,
        trusted,
        ..
    } = setting;
    let upstream = if starttls { "starttls" } else { "implicit" };
    let ports = provider.ports;
    let (smtp, imap, pop3) =
        if starttls { (ports.smtp, ports.imap, ports.pop3) } else { (ports.smtps, ports.imaps, ports.pop3s) };
    let ca = if trusted { provider.authority.ca_pem() } else { authority.ca_pem() };
    for (name, content) in [("ca.pem", ca), ("cert.pem", authority.certificate_pem()), ("key.pem", authority.key_pem())]
    {
        std::fs::write(directory.join(name), content).unwrap();
    }
    let server = |port| format!("{{ host = \"localhost\", port = {port}, tls = \"{upstream}\" }}");
    let listeners = ["smtp", "imap", "pop3"].map(|protocol| {
        let address = address.replace("PROTOCOL", protocol);
        let lines = if protocol == "smtp" { lines } else { "" };
        format!("[[listeners]]\nprotocol = \"{protocol}\"\naddress = {address}\ntls = \"{tls}\"\nplaintext_auth = {plaintext_auth}\n{listener}\n{lines}\n")
    });
    let text = format!(
        r#"
hostname = "relay.example"
{top}
[store]
key = "gpk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
[tls]
certificate = "cert.pem"
key = "key.pem"
[limits]
# How busy the machine is would decide whether there is one.
ready_connections = 0
{limits}
{listeners}
[providers.simulated]
token_url = "{token_url}"
scopes = ["mail"]
sasl = "{sasl}"
ca = "ca.pem"
smtp = {smtp}
imap = {imap}
pop3 = {pop3}
[tokens.support]
provider = "simulated"
grant = "{grant}"
mailbox = "{MAILBOX}"
client_id = "client"
client_secret = "client s3cret"
[accounts.EvMail]
password_hash = "{hash}"
token = "support"
{account}
"#,
        listeners = listeners.concat(),
        token_url = provider.token_url(),
        smtp = server(smtp),
        imap = server(imap),
        pop3 = server(pop3),
    );
    std::fs::write(directory.join("gatepost.toml"), text).unwrap();
}
