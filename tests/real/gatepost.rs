//! Gatepost before the peers: a running service, and its commands beside it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::peers::{Peers, client_of, peers};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_gatepost");
pub(crate) const PASSWORD: &str = "l0cal password";
/// `\0evmail\0l0cal password`, for SASL PLAIN.
pub(crate) const PLAIN: &str = "AGV2bWFpbABsMGNhbCBwYXNzd29yZA==";
/// Secrets that every one of its configurations has, or may have.
const KNOWN: [&str; 11] = [
    "app-p4ssword",
    PASSWORD,
    PLAIN,
    "app-s3cret",
    "conf-s3cret",
    "web-s3cret",
    "mailb0x-s3cret",
    "p12-s3cret",
    "PRIVATE KEY",
    "$argon2id$",
    "Bearer",
];

/// A running `gatepost serve`, with the ports of its listeners.
pub(crate) struct Gatepost {
    process: Child,
    variables: Vec<(String, String)>,
    /// What its commands printed so far.
    said: Mutex<String>,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) smtp: u16,
    pub(crate) imap: u16,
    pub(crate) pop3: u16,
}

/// What differs from the usual.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    /// Which `userN@example.test`; tests do not share mailboxes.
    pub(crate) number: u32,
    pub(crate) sasl: &'static str,
    pub(crate) starttls_upstream: bool,
    pub(crate) tls: &'static str,
    pub(crate) grant: &'static str,
    /// More lines of the account.
    pub(crate) account: &'static str,
}

impl Default for Setting {
    fn default() -> Self {
        let (sasl, grant) = ("xoauth2", "client_credentials");
        Self { number: 1, sasl, starttls_upstream: false, tls: "none", grant, account: "" }
    }
}

impl Gatepost {
    pub(crate) fn start(peers: &Peers, setting: Setting) -> Self {
        Self::with(&configuration(peers, setting), &[], &[])
    }

    /// Starts it with this configuration, these files beside it, and these variables. The key is made for it.
    pub(crate) fn with(configuration: &str, files: &[(&str, &str)], variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        run(Command::new(PROGRAM).args(["key", "generate", "--out"]).arg(directory.path().join("gatepost.key")), "");
        for (name, content) in files.iter().chain([&("gatepost.toml", configuration)]) {
            std::fs::write(directory.path().join(name), content).unwrap();
        }
        let variables: Vec<_> = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (process, [smtp, imap, pop3]) = serve(directory.path(), &variables);
        Self { process, variables, said: Mutex::default(), smtp, imap, pop3, directory }
    }

    /// Ends it as a crash does, and starts it again.
    pub(crate) fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        (self.process, [self.smtp, self.imap, self.pop3]) = serve(self.directory.path(), &self.variables);
    }

    /// One of its commands.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).args(["--config", "gatepost.toml"]).current_dir(self.directory.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command that has to succeed. Returns what it printed.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> String {
        let output = fed(&mut self.command(arguments), input);
        let (out, err) = self.heard(&output);
        assert!(output.status.success(), "{arguments:?} failed: {}\n{out}\n{err}", output.status);
        out
    }

    /// Runs a command that has to fail. Returns its exit code, and what it printed to standard error.
    pub(crate) fn refuses(&self, arguments: &[&str], input: &str) -> (Option<i32>, String) {
        let output = fed(&mut self.command(arguments), input);
        let (out, err) = self.heard(&output);
        assert!(!output.status.success(), "{arguments:?} succeeded:\n{out}\n{err}");
        (output.status.code(), err)
    }

    /// Remembers what a command printed.
    pub(crate) fn heard(&self, output: &Output) -> (String, String) {
        let [out, err] = [&output.stdout, &output.stderr].map(|octets| String::from_utf8_lossy(octets).into_owned());
        let mut said = self.said.lock().unwrap();
        said.push_str(&out);
        said.push_str(&err);
        drop(said);
        (out, err)
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.directory.path().join("log")).unwrap()).into_owned()
    }

    /// Its events of that name. The last line may still be being written.
    pub(crate) fn events(&self, name: &str) -> Vec<serde_json::Value> {
        let log = self.log();
        let whole = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let events = whole.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        events.filter(|event| event["event"] == name).collect()
    }

    /// Its events of that name, as soon as there are so many: a thread of its own writes the log. There may be no more.
    pub(crate) fn heard_of(&self, name: &str, count: usize) -> Vec<serde_json::Value> {
        let end = Instant::now() + Duration::from_secs(30);
        while self.events(name).len() < count && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        let events = self.events(name);
        assert_eq!(events.len(), count, "{name}");
        events
    }

    /// Law 8: the log at its most talkative, and what the commands printed, hold no password, no key and no token, neither
    /// as it is nor in base64.
    pub(crate) fn tells_no_secret(&self, peers: &Peers) {
        let issued = peers.oauth("/issued");
        assert!(!issued.is_empty(), "no token was issued");
        self.tells_none_of(issued.lines());
    }

    /// The same, for these secrets beside those of its configuration.
    pub(crate) fn tells_none_of(&self, secrets: impl IntoIterator<Item: AsRef<str>>) {
        let told = self.log() + &self.said.lock().unwrap();
        let key = std::fs::read_to_string(self.directory.path().join("gatepost.key")).unwrap();
        let none = |secret: &str| assert!(!told.contains(secret), "a secret was told, {secret:?}:\n{told}");
        KNOWN.into_iter().chain([key.trim()]).for_each(none);
        secrets.into_iter().for_each(|secret| none(secret.as_ref()));
    }

    pub(crate) fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }
}

impl Drop for Gatepost {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        gatepost_kit::keep_log("real", &self.directory.path().join("log"));
        if std::thread::panicking() {
            eprintln!("--- log of gatepost\n{}\n{}", self.log(), peers().map(Peers::logs).unwrap_or_default());
        }
    }
}

/// A hash of the local password.
pub(crate) fn password_hash() -> String {
    run(Command::new(PROGRAM).arg("hash-password"), &format!("{PASSWORD}\n")).trim().to_owned()
}

/// Starts the service; its log is appended to, and what it says otherwise is beside it.
fn serve(directory: &Path, variables: &[(String, String)]) -> (Child, [u16; 3]) {
    let log = std::fs::File::options().create(true).append(true).open(directory.join("log")).unwrap();
    let before = usize::try_from(log.metadata().unwrap().len()).unwrap();
    let mut serving = Command::new(PROGRAM);
    serving.args(["serve", "--config", "gatepost.toml"]).current_dir(directory);
    serving.envs(variables.iter().map(|(name, value)| (name, value)));
    let said = std::fs::File::options().create(true).append(true).open(directory.join("said")).unwrap();
    let mut process = serving.stdout(said).stderr(log).spawn().unwrap();
    let ports = listening(&directory.join("log"), before, &mut process);
    (process, ports)
}

/// The ports, as the log tells them from there on.
fn listening(log: &Path, before: usize, process: &mut Child) -> [u16; 3] {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let text = String::from_utf8_lossy(&std::fs::read(log).unwrap()[before..]).into_owned();
        let ports: Vec<u16> = text
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|event| event["event"] == "service.listening")
            .filter_map(|event| event["address"].as_str()?.rsplit(':').next()?.parse().ok())
            .collect();
        if let Ok(ports) = ports.try_into() {
            return ports;
        }
        assert!(Instant::now() < end && process.try_wait().unwrap().is_none(), "gatepost did not start:\n{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a program with this on its standard input; it must succeed. Returns what it printed.
pub(crate) fn run(command: &mut Command, input: &str) -> String {
    let output = fed(command, input);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

fn fed(command: &mut Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Not every program reads it.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    child.wait_with_output().unwrap()
}

/// What every configuration has: the store, a talkative log, and a listener for each protocol.
pub(crate) fn foundation(tls: &str) -> String {
    let mut text =
        "[store]\nkey = { file = \"gatepost.key\" }\n[log]\nformat = \"json\"\nlevel = \"trace\"\n".to_owned();
    for protocol in ["smtp", "imap", "pop3"] {
        let _ = writeln!(text, "[[listeners]]\nprotocol = \"{protocol}\"\naddress = \"127.0.0.1:0\"\ntls = \"{tls}\"");
    }
    text
}

/// The mail servers of the peers, as a provider's settings.
pub(crate) fn mail_servers(peers: &Peers, starttls: bool) -> String {
    let (security, offset) = if starttls { ("starttls", 0) } else { ("implicit", 1) };
    let server = |name, first| {
        format!("{name} = {{ host = \"localhost\", port = {}, tls = \"{security}\" }}\n", peers.port(first + offset))
    };
    [("imap", 2_u16), ("pop3", 4), ("smtp", 6)].map(|(name, first)| server(name, first)).concat()
}

fn configuration(peers: &Peers, setting: Setting) -> String {
    let Setting { number, sasl, starttls_upstream, tls, grant, account } = setting;
    let directory = peers.directory.display();
    let client = match (grant, number % 2) {
        ("refresh_token", _) => "client_id = \"confidential\"\nclient_secret = \"conf-s3cret\"".to_owned(),
        (_, 1) => format!("client_id = \"{}\"\nclient_secret = \"app-s3cret\"", client_of(number)),
        _ => format!("client_id = \"{}\"\nclient_secret = \"app-s3cret\"\nclient_auth = \"basic\"", client_of(number)),
    };
    format!(
        r#"{foundation}
[tls]
certificate = "{directory}/cert.pem"
key = "{directory}/key.pem"
[providers.real]
token_url = "https://localhost:{oauth}/token"
scopes = ["mail"]
sasl = "{sasl}"
ca = "{directory}/ca.pem"
{servers}
[tokens.support]
provider = "real"
grant = "{grant}"
mailbox = "user{number}@example.test"
{client}
[accounts.EvMail]
password_hash = "{hash}"
token = "support"
{account}
"#,
        foundation = foundation(tls),
        oauth = peers.port(0),
        servers = mail_servers(peers, starttls_upstream),
        hash = password_hash(),
    )
}
