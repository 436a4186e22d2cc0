//! The program beside a store that can be looked into when it is dead.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gatepost::config::Config;
use gatepost::store::{Keys, SqliteStore, Store as _};
use gatepost::token::import;
use rusqlite::Connection;
use secrecy::ExposeSecret as _;

const KEY: &str = "gpk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

pub(crate) struct House {
    directory: tempfile::TempDir,
}

/// A running service.
pub(crate) struct Service(Child);

impl House {
    /// With `r1` in its store.
    pub(crate) fn new(url: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let text = format!(
            r#"
[store]
key = "{KEY}"
[log]
level = "trace"
[limits]
token_seconds = 5
[[listeners]]
protocol = "imap"
address = "127.0.0.1:0"
[providers.numbered]
token_url = "{url}"
scopes = ["mail"]
imap = {{ host = "127.0.0.1", port = 1, tls = "implicit" }}
[tokens.support]
provider = "numbered"
grant = "refresh_token"
mailbox = "support@example.com"
client_id = "client"
"#
        );
        std::fs::write(directory.path().join("gatepost.toml"), text).unwrap();
        let house = Self { directory };
        let store = house.store();
        let config = Config::load(&house.config(), std::iter::empty()).unwrap();
        block_on(import(&store, &config.tokens[0], "r1".into())).unwrap();
        house
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("gatepost.db")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.directory.path().join("gatepost.toml")
    }

    pub(crate) fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.file(), Keys::new(&KEY.into()).unwrap()).unwrap()
    }

    pub(crate) fn start(&self) -> Service {
        let log = std::fs::File::options().append(true).create(true).open(self.directory.path().join("log")).unwrap();
        let mut serve = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        serve.args(["serve", "--config"]).arg(self.config()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Service(serve.spawn().unwrap())
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// The number of the refresh token in use, in a store that is whole.
    pub(crate) fn held(&self) -> Option<u32> {
        let verdict: String = self.raw().pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok");
        let state = block_on(self.store().token("support")).unwrap().state;
        state.refresh.map(|refresh| refresh.expose_secret()[1..].parse().unwrap())
    }

    pub(crate) fn quarantined(&self) -> Vec<String> {
        let state = block_on(self.store().token("support")).unwrap().state;
        let all = state.quarantined.iter().flat_map(gatepost::model::Quarantine::all);
        all.map(|kept| kept.refresh.expose_secret().to_owned()).collect()
    }

    /// Waits until the service holds this one, and nothing is wrong with it.
    pub(crate) fn comes_to_hold(&self, number: u32) {
        for _ in 0..1000 {
            let held: i64 = self
                .raw()
                .query_row("SELECT trouble_class IS NULL AND access_token IS NOT NULL FROM tokens", [], |row| {
                    row.get(0)
                })
                .unwrap();
            if held == 1 && self.held() == Some(number) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("r{number} is not held: {}", self.log());
    }

    /// The access token has run out, and nobody has the lease.
    pub(crate) fn let_expire(&self) {
        self.raw()
            .execute_batch("UPDATE tokens SET expires_at = 0 WHERE access_token IS NOT NULL; DELETE FROM leases")
            .unwrap();
    }

    /// Whoever has the lease, has it for so long from now.
    pub(crate) fn lease_ends_in(&self, seconds: f64) -> usize {
        let update = "UPDATE leases SET ends_at = unixepoch('subsec') + ?1";
        self.raw().execute(update, [seconds]).unwrap()
    }

    /// Someone else has the lease.
    pub(crate) fn lease_to_another(&self) {
        let lease = "INSERT OR REPLACE INTO leases (token, owner, ends_at) VALUES ('support', 'another', unixepoch('subsec') + 15)";
        self.raw().execute(lease, []).unwrap();
    }

    fn raw(&self) -> Connection {
        let raw = Connection::open(self.file()).unwrap();
        raw.busy_timeout(Duration::from_secs(5)).unwrap();
        raw
    }
}

impl Drop for House {
    fn drop(&mut self) {
        gatepost_kit::keep_log("never_lost", &self.directory.path().join("log"));
    }
}

impl Service {
    /// `kill -9`
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
