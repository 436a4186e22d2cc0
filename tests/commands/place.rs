//! A directory with a configuration and a store, a provider behind it, and the service if it runs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_kit::{Peer, Provider};

use crate::{fed, gatepost, run, told};

const MAILBOX: &str = "support@example.com";
pub(crate) const PASSWORD: &str = "pass word";

/// The answers of SMTP, IMAP and POP3.
pub(crate) const YES: [&str; 3] = ["235 2.7.0 ", "a OK [CAPABILITY ", "+OK "];
pub(crate) const WRONG: [&str; 3] = ["535 5.7.8 ", "a NO [AUTHENTICATIONFAILED] ", "-ERR [AUTH] "];
pub(crate) const UNAVAILABLE: [&str; 3] = ["454 4.7.0 ", "a NO [UNAVAILABLE] ", "-ERR [SYS/TEMP] "];
pub(crate) const NOT_ALLOWED: [&str; 3] = ["525 5.7.13 ", "a NO [AUTHORIZATIONFAILED] ", "-ERR [AUTH] "];

pub(crate) struct Place {
    pub(crate) provider: Provider,
    pub(crate) directory: tempfile::TempDir,
    service: Option<(Child, [u16; 3])>,
}

impl Place {
    /// With the account `evmail` and the token `support` in its file, and a key.
    pub(crate) async fn new() -> Self {
        let provider = Provider::start().await;
        provider.add_client("client", Some("client s3cret"), MAILBOX);
        let directory = tempfile::tempdir().unwrap();
        let place = Self { provider, directory, service: None };
        place.run(&["key", "generate", "--out", place.path("gatepost.key").to_str().unwrap()]);
        let (_, hash, _) = fed(&["hash-password"], format!("{PASSWORD}\n").as_bytes());
        std::fs::write(place.path("ca.pem"), place.provider.authority.ca_pem()).unwrap();
        std::fs::write(place.path("gatepost.toml"), configuration(&place.provider, hash.trim())).unwrap();
        place
    }

    /// With nothing but a certificate to trust.
    pub(crate) async fn empty() -> Self {
        let provider = Provider::start().await;
        provider.add_client("client", Some("client s3cret"), MAILBOX);
        let place = Self { provider, directory: tempfile::tempdir().unwrap(), service: None };
        std::fs::write(place.path("ca.pem"), place.provider.authority.ca_pem()).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Changes the configuration.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let text = self.read("gatepost.toml");
        assert!(text.contains(from), "{from}");
        std::fs::write(self.path("gatepost.toml"), text.replace(from, to)).unwrap();
    }

    fn with_config<'a>(arguments: &[&'a str], config: &'a str) -> Vec<&'a str> {
        let needs_none = arguments.starts_with(&["key", "generate"]);
        let config = if needs_none { &[][..] } else { &["--config", config] };
        [arguments, config].concat()
    }

    /// A command that must succeed; what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let config = self.path("gatepost.toml");
        let (code, stdout, stderr) = run(&Self::with_config(arguments, config.to_str().unwrap()));
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
        stdout
    }

    /// One that must succeed, and may warn.
    pub(crate) fn run_loudly(&self, arguments: &[&str]) -> String {
        let config = self.path("gatepost.toml");
        let (code, _, stderr) = run(&Self::with_config(arguments, config.to_str().unwrap()));
        assert_eq!(code, Some(0), "{arguments:?}: {stderr}");
        stderr
    }

    /// The same, with a line on its standard input.
    pub(crate) fn fed(&self, arguments: &[&str], line: &str) -> String {
        let config = self.path("gatepost.toml");
        let arguments = Self::with_config(arguments, config.to_str().unwrap());
        let (code, stdout, stderr) = fed(&arguments, format!("{line}\n").as_bytes());
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
        stdout
    }

    /// A command that must fail with this exit code; what it complained of.
    pub(crate) fn fails(&self, code: i32, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let config = self.path("gatepost.toml");
        let mut command = gatepost(&Self::with_config(arguments, config.to_str().unwrap()));
        let (found, _, stderr) = told(&command.envs(variables.iter().copied()).output().unwrap());
        assert_eq!(found, Some(code), "{arguments:?}: {stderr}");
        stderr.replace(&format!("{}/", self.directory.path().display()), "")
    }

    /// Starts `gatepost serve`.
    pub(crate) fn serve(&mut self) {
        self.serve_with(&[]);
    }

    /// The number of the process that serves.
    pub(crate) fn process(&self) -> u32 {
        self.service.as_ref().expect("it serves").0.id()
    }

    /// The same with more variables.
    pub(crate) fn serve_with(&mut self, variables: &[(&str, &str)]) {
        let mut process = self.starts(variables);
        let ports = listening(&self.path("log"), &mut process);
        self.service = Some((process, ports));
    }

    /// A service that has not yet said that it listens.
    pub(crate) fn starts(&self, variables: &[(&str, &str)]) -> Child {
        let log = std::fs::File::create(self.path("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        command.args(["serve", "--config"]).arg(self.path("gatepost.toml")).envs(variables.iter().copied());
        command.stdin(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// Ends the service in order.
    pub(crate) fn stop(&mut self) {
        let (mut process, _) = self.service.take().expect("it serves");
        assert!(Command::new("kill").arg(process.id().to_string()).status().unwrap().success());
        process.wait().unwrap();
    }

    /// Ends the service, and starts it again.
    pub(crate) fn restart(&mut self) {
        if let Some((mut process, _)) = self.service.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
        self.serve();
    }

    /// The port of SMTP, IMAP or POP3.
    pub(crate) fn port(&self, protocol: usize) -> u16 {
        self.service.as_ref().expect("it serves").1[protocol]
    }

    /// What the service answers to a login on each protocol.
    pub(crate) async fn answers(&self, user: &str, password: &str) -> [String; 3] {
        let (_, ports) = self.service.as_ref().expect("it serves");
        let plain = STANDARD.encode(format!("\0{user}\0{password}"));
        let ask = async |port: u16, command: String| {
            let mut peer = Peer::connect(SocketAddr::from(([127, 0, 0, 1], port))).await;
            peer.line().await;
            peer.send(format!("{command}\r\n")).await;
            peer.line().await
        };
        [
            ask(ports[0], format!("AUTH PLAIN {plain}")).await,
            ask(ports[1], format!("a AUTHENTICATE PLAIN {plain}")).await,
            ask(ports[2], format!("AUTH PLAIN {plain}")).await,
        ]
    }

    /// The service knows within a second; a busy machine has its time.
    pub(crate) async fn soon(&self, user: &str, password: &str, expected: [&str; 3]) {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let answers = self.answers(user, password).await;
            if answers.iter().zip(expected).all(|(answer, start)| answer.starts_with(start)) {
                return;
            }
            assert!(Instant::now() < end, "{user}: {answers:?}\n{}", self.read("log"));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((mut process, _)) = self.service.take() {
            drop(process.kill());
            drop(process.wait());
            gatepost_kit::keep_log("commands", &self.path("log"));
        }
    }
}

/// The ports, as the log tells them.
fn listening(log: &Path, process: &mut Child) -> [u16; 3] {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let text = String::from_utf8_lossy(&std::fs::read(log).unwrap()).into_owned();
        // As text or as JSON.
        let port = |line: &str| {
            let listening = line.contains("service.listening").then_some(line)?;
            let (_, port) = listening.rsplit_once("127.0.0.1:")?;
            port.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        };
        // The last line may still be being written.
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let ports: Vec<u16> = whole.filter_map(port).collect();
        if let Ok(ports) = ports.try_into() {
            return ports;
        }
        assert!(Instant::now() < end && process.try_wait().unwrap().is_none(), "gatepost did not start:\n{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn configuration(provider: &Provider, hash: &str) -> String {
    let listeners = ["smtp", "imap", "pop3"]
        .map(|protocol| format!("[[listeners]]\nprotocol = \"{protocol}\"\naddress = \"127.0.0.1:0\"\n"));
    let server = |port| format!("{{ host = \"localhost\", port = {port}, tls = \"implicit\" }}");
    format!(
        r#"
[store]
key = {{ file = "gatepost.key" }}
[log]
format = "json"
{listeners}
[providers.simulated]
token_url = "{token_url}"
scopes = ["mail"]
ca = "ca.pem"
smtp = {smtp}
imap = {imap}
pop3 = {pop3}
[tokens.support]
provider = "simulated"
grant = "client_credentials"
mailbox = "{MAILBOX}"
client_id = "client"
client_secret = "client s3cret"
[accounts.EvMail]
password_hash = "{hash}"
token = "support"
"#,
        listeners = listeners.concat(),
        token_url = provider.token_url(),
        smtp = server(provider.ports.smtps),
        imap = server(provider.ports.imaps),
        pop3 = server(provider.ports.pop3s),
    )
}
