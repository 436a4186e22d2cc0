//! A configuration before a simulated provider, and the program as a shell sees it.

use std::sync::OnceLock;

use gatepost::account::hash_password;
use gatepost_kit::{Authority, Certificate, Dialect, Provider, Settings};
use serde_json::Value;
use tokio::process::Command;

pub(crate) const MAILBOX: &str = "support@example.com";
pub(crate) const SECRET: &str = "client s3cret";

pub(crate) struct Scene {
    pub(crate) provider: Provider,
    pub(crate) directory: tempfile::TempDir,
}

/// What differs from the usual.
pub(crate) struct Setting {
    pub(crate) dialect: Dialect,
    pub(crate) certificate: Certificate,
    /// The ports and TLS modes of IMAP, POP3 and SMTP.
    pub(crate) servers: fn(&Provider) -> [Server; 3],
    pub(crate) trusted: bool,
    pub(crate) grant: &'static str,
    /// Lines of the token.
    pub(crate) token: &'static str,
    pub(crate) scopes: &'static str,
    /// Lines of the account.
    pub(crate) account: &'static str,
}

/// A line of the provider's table.
pub(crate) struct Server {
    pub(crate) host: &'static str,
    pub(crate) port: u16,
    pub(crate) tls: &'static str,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            dialect: Dialect::Microsoft,
            certificate: Certificate::Good,
            servers: implicit,
            trusted: true,
            grant: "client_credentials",
            token: "client_id = \"client\"\nclient_secret = \"client s3cret\"",
            scopes: r#"["mail"]"#,
            account: "",
        }
    }
}

const fn local(port: u16, tls: &'static str) -> Server {
    Server { host: "localhost", port, tls }
}

pub(crate) fn implicit(provider: &Provider) -> [Server; 3] {
    [provider.ports.imaps, provider.ports.pop3s, provider.ports.smtps].map(|port| local(port, "implicit"))
}

pub(crate) fn starttls(provider: &Provider) -> [Server; 3] {
    [provider.ports.imap, provider.ports.pop3, provider.ports.smtp].map(|port| local(port, "starttls"))
}

/// What a shell saw.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(Setting::default()).await
    }

    pub(crate) async fn with(setting: Setting) -> Self {
        let settings = Settings { dialect: setting.dialect, certificate: setting.certificate, ..Settings::default() };
        let provider = Provider::with(settings).await;
        provider.add_client("client", Some(SECRET), MAILBOX);
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new(&["localhost"]);
        // The token endpoint stays trusted where the mail servers are not: the provider has one `ca` for both.
        let ca = if setting.trusted { provider.authority.ca_pem() } else { authority.ca_pem() };
        std::fs::write(directory.path().join("ca.pem"), ca).unwrap();
        let scene = Self { provider, directory };
        scene.write(&scene.text(&setting));
        scene
    }

    pub(crate) fn text(&self, setting: &Setting) -> String {
        static HASH: OnceLock<String> = OnceLock::new();
        let hash = HASH.get_or_init(|| hash_password(&"pass word".into()).unwrap().as_str().to_owned());
        let [imap, pop3, smtp] = (setting.servers)(&self.provider)
            .map(|Server { host, port, tls }| format!("{{ host = \"{host}\", port = {port}, tls = \"{tls}\" }}"));
        let Setting { grant, token, scopes, account, .. } = setting;
        let token_url = self.provider.token_url();
        format!(
            r#"
[store]
key = "gpk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
[limits]
connect_seconds = 5
upstream_login_seconds = 20
token_seconds = 5
[providers.simulated]
token_url = "{token_url}"
authorization_url = "{token_url}"
scopes = {scopes}
ca = "ca.pem"
imap = {imap}
pop3 = {pop3}
smtp = {smtp}
[tokens.support]
provider = "simulated"
grant = "{grant}"
mailbox = "{MAILBOX}"
{token}
[accounts.EvMail]
password_hash = "{hash}"
token = "support"
aliases = ["Help@example.com"]
{account}
[accounts.old]
password_hash = "{hash}"
token = "support"
disabled = true
"#
        )
    }

    pub(crate) fn write(&self, text: &str) {
        std::fs::write(self.directory.path().join("gatepost.toml"), text).unwrap();
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        command.args(arguments).current_dir(self.directory.path()).env_remove("GATEPOST_CONFIG");
        let output = command.output().await.unwrap();
        let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
        let run = Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
        for secret in [SECRET, "simulated.access", "simulated.refresh", "$argon2id$", "gpk1_"] {
            assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "{}{}", run.stdout, run.stderr);
        }
        run
    }

    /// All steps of the account, with the exit code that fits them.
    pub(crate) async fn steps(&self) -> Vec<Value> {
        let Run { code, stdout, stderr } = self.run(&["doctor", "evmail", "--json"]).await;
        let steps: Vec<Value> = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{code:?} {stdout}{stderr}"));
        let failed = steps.iter().any(|step| step["outcome"] == "failed");
        assert_eq!(code, Some(i32::from(failed)), "{stderr}");
        assert_eq!(stderr.is_empty(), !failed, "{stderr}");
        steps
    }
}

/// The last step of a protocol's chain.
pub(crate) fn last<'a>(steps: &'a [Value], protocol: &str) -> &'a Value {
    steps.iter().rfind(|step| step["protocol"] == protocol).unwrap_or_else(|| panic!("no {protocol}: {steps:#?}"))
}

/// The chain failed at this step, with this in its cause and its next step.
pub(crate) fn fails(steps: &[Value], protocol: &str, stage: &str, cause: &str, remedy: &str) {
    let step = last(steps, protocol);
    let text = |name: &str| step[name].as_str().unwrap_or_default();
    assert_eq!((text("step"), text("outcome")), (stage, "failed"), "{step:#}");
    assert!(text("cause").contains(cause), "cause {cause:?}: {step:#}");
    assert!(text("remedy").contains(remedy), "next {remedy:?}: {step:#}");
    assert!(!text("detail").is_empty(), "{step:#}");
}

/// The chain went to its end.
pub(crate) fn works(steps: &[Value], protocol: &str) {
    let step = last(steps, protocol);
    assert_eq!((&step["step"], &step["outcome"]), (&"command".into(), &"ok".into()), "{step:#}");
}

/// The warnings of a protocol's chain.
pub(crate) fn warnings<'a>(steps: &'a [Value], protocol: &str) -> Vec<&'a Value> {
    steps.iter().filter(|step| step["protocol"] == protocol && step["outcome"] == "warning").collect()
}
