//! The program itself, before the simulated provider, while programs use it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use gatepost::model::Protocol;
use gatepost_kit::{Peer, Provider};

use crate::scene::{MAILBOX, PLAIN, Setting, WRONG, greeting, log_in, stage, wrong_password, yes};
use crate::scrape::Scrape;

pub(crate) struct Service {
    child: Child,
    directory: tempfile::TempDir,
    /// Held until the end.
    _provider: Provider,
    /// Programs that stay logged in.
    peers: Vec<Peer>,
}

const TOP: &str = "[metrics]\naddress = \"127.0.0.1:0\"\n[tokens.ungranted]\nprovider = \"simulated\"\n\
                   grant = \"refresh_token\"\nmailbox = \"x@example.com\"\nclient_id = \"client\"\n\
                   client_secret = \"client s3cret\"\nclient_secret_ends = \"2099-01-01\"\n";

/// Longer than anything takes beside eight compilers.
const PATIENCE: Duration = Duration::from_mins(2);

impl Service {
    pub(crate) async fn start() -> Self {
        let setting = Setting { top: TOP, limits: "sessions_per_account = 2\n", ..Setting::USUAL };
        let (provider, _, directory) = stage(setting).await;
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let mut serve = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        serve.args(["serve", "--config"]).arg(directory.path().join("gatepost.toml"));
        let child = serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let service = Self { child, directory, _provider: provider, peers: Vec::new() };
        service.address("protocol=pop3").await;
        service
    }

    /// One that was used, rightly and wrongly.
    pub(crate) async fn in_use() -> Self {
        let mut service = Self::start().await;
        service.send().await;
        let imap = service.log_in(Protocol::Imap, PLAIN, yes(Protocol::Imap)).await;
        service.peers.push(imap);
        drop(service.log_in(Protocol::Imap, WRONG, wrong_password(Protocol::Imap)).await);
        drop(service.log_in(Protocol::Pop3, PLAIN, "-ERR ").await);
        service
    }

    async fn log_in(&self, protocol: Protocol, plain: &str, answer: &str) -> Peer {
        let mut peer = Peer::connect(self.address(&format!("protocol={protocol}")).await).await;
        peer.expect(greeting(protocol)).await;
        log_in(&mut peer, protocol, plain).await;
        peer.expect(answer).await;
        peer
    }

    async fn send(&mut self) {
        let mut peer = self.log_in(Protocol::Smtp, PLAIN, yes(Protocol::Smtp)).await;
        for (line, answer) in [
            (format!("MAIL FROM:<{MAILBOX}>\r\n"), "250 "),
            ("RCPT TO:<a@example.com>\r\n".into(), "250 "),
            ("DATA\r\n".into(), "354 "),
            ("Subject: a\r\n\r\nhello\r\n.\r\n".into(), "250 "),
        ] {
            peer.send(line).await;
            peer.expect(answer).await;
        }
        self.peers.push(peer);
    }

    /// Where it listens, by its log.
    async fn address(&self, of: &str) -> SocketAddr {
        let begun = std::time::Instant::now();
        loop {
            let log = self.log();
            let told = log.lines().find(|line| line.contains("listening") && line.contains(of));
            if let Some(address) = told.and_then(|line| line.split_once("address=")) {
                return address.1.split_whitespace().next().unwrap().parse().unwrap();
            }
            assert!(begun.elapsed() < PATIENCE, "{of} does not listen: {log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    pub(crate) async fn get(&self, target: &str, accept: &str) -> String {
        let mut peer = Peer::connect(self.address("metrics.listening").await).await;
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
        peer.send(request).await;
        String::from_utf8(peer.rest().await).unwrap()
    }

    pub(crate) async fn scrape(&self, accept: &str) -> Scrape {
        let answer = self.get("/metrics", accept).await;
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200") && head.contains(accept), "{head}");
        Scrape { text: text.to_owned() }
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("gatepost.toml")
    }

    /// Adds to the configuration, which nobody reads until the next reload.
    pub(crate) fn append(&self, text: &str) {
        let before = std::fs::read_to_string(self.config()).unwrap();
        std::fs::write(self.config(), before + text).unwrap();
    }

    /// Runs a command beside the service.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        command.args(arguments).arg("--config").arg(self.config()).stdin(Stdio::null()).output().unwrap()
    }

    /// The same on a terminal, where these keys are pressed.
    pub(crate) fn on_a_terminal(&self, arguments: &str, keys: &[u8]) -> Output {
        use std::io::Write as _;
        let line = format!("{} {arguments} --config {}", env!("CARGO_BIN_EXE_gatepost"), self.config().display());
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm");
        let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(keys).unwrap();
        child.wait_with_output().unwrap()
    }

    pub(crate) async fn stop(mut self) {
        self.peers.clear();
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
        let ended = tokio::task::spawn_blocking(move || {
            let ended = self.child.wait().unwrap();
            (ended, self.log())
        });
        let (ended, log) = ended.await.unwrap();
        assert!(ended.success(), "{log}");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        gatepost_kit::keep_log("monitoring", &self.directory.path().join("log"));
    }
}
