//! A service of a chosen size.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gatepost::clock;
use gatepost::config::Config;
use gatepost::model::{AccessToken, TokenState};
use gatepost::store::{Keys, Kind, SqliteStore, Store, Version};
use gatepost_kit::bench::{Apart, Process, Program, Protocol, TOKEN};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::time::sleep;

pub(crate) const PASSWORD: &str = "growth pass word";
const KEY: &str = "gpk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// Access tokens stay good for longer than any bench lasts: nothing is refreshed meanwhile.
const LIFE: Duration = Duration::from_hours(12);
/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// A quick upstream in a process of its own.
pub(crate) struct Upstream {
    apart: Apart,
    directory: TempDir,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { apart: Apart::start(directory.path(), 2048).unwrap(), directory }
    }
}

/// How many there are, and where they are declared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) accounts: usize,
    pub(crate) tokens: usize,
    /// Accounts are in the store and not in the file.
    pub(crate) stored: bool,
}

/// What that is on a disk.
pub(crate) struct Scene<'a> {
    size: Size,
    upstream: &'a Upstream,
    program: PathBuf,
    directory: TempDir,
    /// Always the same: another one would end the sessions that came by it.
    hash: String,
    reloads: usize,
}

/// The service, until it is dropped.
pub(crate) struct Service {
    child: Child,
    address: SocketAddr,
}

impl<'a> Scene<'a> {
    pub(crate) async fn new(size: Size, upstream: &'a Upstream, program: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (program, hash) = (program.to_owned(), weak_hash());
        let scene = Self { size, upstream, program, directory, hash, reloads: 0 };
        scene.write("");
        scene.seed().await;
        scene
    }

    fn write(&self, more: &str) {
        let Upstream { apart, directory } = self.upstream;
        let (token, imaps, ca) = (apart.ports.token, apart.ports.imaps, directory.path().join("ca.pem"));
        let ca = ca.display();
        let mut text = format!(
            "[store]\nurl = \"sqlite:gatepost.db\"\nkey = \"{KEY}\"\n[control]\nsocket = \"control.sock\"\n\
             [[listeners]]\nprotocol = \"imap\"\naddress = \"127.0.0.1:0\"\n\
             [limits]\nsessions = 100000\npending_logins = 10000\nsessions_per_account = 0\nupstream_connects = 1000\n\
             verified_passwords = 200000\n{more}\n\
             [providers.quick]\ntoken_url = \"https://127.0.0.1:{token}/token\"\nscopes = [\"mail\"]\nsasl = \"xoauth2\"\n\
             ca = \"{ca}\"\nimap = {{ host = \"127.0.0.1\", port = {imaps}, tls = \"implicit\" }}\n"
        );
        for token in 0..self.size.tokens {
            let _ = writeln!(
                text,
                "[tokens.token-{token}]\nprovider = \"quick\"\ngrant = \"refresh_token\"\n\
                 mailbox = \"mailbox-{token}@example.com\"\nclient_id = \"growth\""
            );
        }
        let hash = &self.hash;
        for account in (0..self.size.accounts).filter(|_| !self.size.stored) {
            let (name, token) = (name(account), account % self.size.tokens);
            let _ = writeln!(text, "[accounts.\"{name}\"]\npassword_hash = \"{hash}\"\ntoken = \"token-{token}\"");
        }
        std::fs::write(self.file(), text).unwrap();
    }

    /// What was authorized and made long ago.
    async fn seed(&self) {
        let config = Config::load_for_command(&self.file(), []).unwrap();
        let store = SqliteStore::open(&config.store.path, Keys::new(&SecretString::from(KEY)).unwrap()).unwrap();
        let access = AccessToken::new(TOKEN.into(), clock::now() + LIFE);
        for token in &config.tokens {
            let state = TokenState::default().imported("refresh".into(), token.binding(), clock::now());
            let state = TokenState { access: Some(access.clone()), ..state };
            let _ = store.save(&token.name, Version::default(), &state).await.unwrap();
        }
        if self.size.stored {
            self.seed_accounts(&store).await;
        }
    }

    async fn seed_accounts(&self, store: &SqliteStore) {
        let hash = &self.hash;
        for account in 0..self.size.accounts {
            let token = format!("token-{}", account % self.size.tokens);
            let content = serde_json::json!({ "password_hash": hash, "token": token }).to_string();
            let record = store.record(Kind::Account, &name(account)).await.unwrap().with(Some(content));
            let _ = store.put(record, None).await.unwrap();
        }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("gatepost.toml")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Starts it, and says how long it took until somebody was logged in.
    pub(crate) async fn start(&self) -> (Service, Duration) {
        let log = std::fs::File::create(self.directory.path().join("log")).unwrap();
        let mut command = Command::new(&self.program);
        command.args(["serve", "--config"]).arg(self.file()).current_dir(self.directory.path());
        let begun = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut service = Service { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        service.address = self.said(listening, &mut service.child).await;
        let session = self.mail(&service).log_in(0).await.unwrap_or_else(|fault| panic!("{fault}\n{}", self.log()));
        let took = begun.elapsed();
        session.leave().await.unwrap();
        (service, took)
    }

    /// What a line of the log tells, as soon as it is there.
    async fn said<T>(&self, tell: impl Fn(&str) -> Option<T>, child: &mut Child) -> T {
        let begun = Instant::now();
        loop {
            let log = self.log();
            if let Some(told) = tell(&log) {
                return told;
            }
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < PATIENCE, "{ended:?}\n{log}");
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Changes the file and has it read again; how long that took.
    pub(crate) async fn reload(&mut self, service: &mut Service) -> Duration {
        self.reloads += 1;
        let reloads = self.reloads;
        self.write(&format!("login_attempts = {}", 5 + reloads));
        let begun = Instant::now();
        let sent = Command::new("kill").args(["-s", "HUP", &service.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "{}", self.log());
        let is_reloaded = |log: &str| (log.matches("config.reloaded").count() >= reloads).then_some(());
        self.said(is_reloaded, &mut service.child).await;
        begun.elapsed()
    }

    /// Programs of all sizes' accounts, at most so many users.
    pub(crate) fn mail(&self, service: &Service) -> Program {
        const USERS: usize = 64;
        let users = self.size.accounts.min(USERS);
        let spread = (0..users).map(|user| name(user * self.size.accounts / users)).collect();
        let apart = &self.upstream.apart;
        Program::new(Protocol::Imap, service.address, &apart.authority, spread).password(PASSWORD)
    }
}

impl Service {
    pub(crate) fn process(&self) -> Process {
        Process::of(self.child.id())
    }

    /// Waits until it does nothing any more; the processor time that it took from its start until then.
    pub(crate) async fn quiet(&self) -> f64 {
        let begun = Instant::now();
        let mut before = self.process().processor();
        loop {
            sleep(Duration::from_millis(1500)).await;
            let now = self.process().processor();
            if now - before < 0.02 || begun.elapsed() > PATIENCE {
                return now;
            }
            before = now;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn name(account: usize) -> String {
    format!("program-{account}@example.com")
}

fn listening(log: &str) -> Option<SocketAddr> {
    let line = log.lines().find(|line| line.contains("service.listening"))?;
    line.split_once("address=")?.1.split_whitespace().next()?.trim_matches('"').parse().ok()
}

/// The least work that Argon2 allows: what a hash costs is not measured here.
fn weak_hash() -> String {
    use argon2::PasswordHasher as _;
    let weak = argon2::Argon2::from(argon2::Params::new(8, 1, 1, None).unwrap());
    weak.hash_password(PASSWORD.as_bytes()).unwrap().to_string()
}
