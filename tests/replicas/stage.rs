//! Three replicas on one database behind HAProxy, and all that they deal with.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatepost::account::hash_password;
use gatepost::config::Config;
use gatepost::store::{Keys, PostgresStore, Servers, Store as _};
use gatepost::token::import;
use gatepost_kit::Postgres;
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, sleep};

use crate::REPLICAS;
use crate::balancer::Balancer;
use crate::front::{Front, Gate};
use crate::peers::{BRIEF, LONG, Life, Peers, SECRET};
use crate::replica::{Places, Replica, place, tail};
use crate::wire::{Mode, Wire};

pub(crate) const PASSWORD: &str = "replicas pass word";
/// Tokens that outlive every test; the others, which come after them, are refreshed all the time.
pub(crate) const KEPT: usize = 6;
/// The token of a person who signs in, and its account.
pub(crate) const PERSON: &str = "person";
const KEY: &str = "gpk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// Longer than everything that may take its time here, also beside compilers.
const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) struct Stage {
    pub(crate) peers: &'static Peers,
    pub(crate) postgres: Postgres,
    pub(crate) front: Front,
    pub(crate) wires: Vec<Wire>,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) balancer: Balancer,
    pub(crate) number: usize,
    /// Looks into the database past all wires.
    pub(crate) store: PostgresStore,
    database: String,
    directory: tempfile::TempDir,
}

impl Stage {
    /// On this database server.
    pub(crate) async fn on(postgres: Postgres, peers: &'static Peers, brief: usize) -> Self {
        static STAGES: AtomicUsize = AtomicUsize::new(0);
        let number = STAGES.fetch_add(1, Ordering::Relaxed);
        let directory = tempfile::tempdir().unwrap();
        let front = Front::before(peers.port(0), &peers.directory.join("ca.pem")).await;
        let url = postgres.database().await;
        let (tokens, pages) = (KEPT + brief, place().to_string());
        let plan = Plan { number, tokens, front: front.port, peers, pages, hash: hash() };
        let text = plan.text();
        let (mut wires, mut replicas) = (Vec::new(), Vec::new());
        for name in ["a", "b", "c"] {
            let wire = Wire::to(postgres.port()).await;
            let by_wire = url.replace(&format!(":{}/", postgres.port()), &format!(":{}/", wire.port));
            let text = text.replace("{STORE}", &by_wire);
            replicas.push(Replica::new(directory.path(), name, Places::new(), &text));
            wires.push(wire);
        }
        let store = seed(&plan, &front, &replicas[0].config(), &url).await;
        let places: Vec<_> = replicas.iter().map(|replica| replica.places).collect();
        let balancer = Balancer::before(&places, plan.pages.parse().unwrap(), directory.path()).await;
        let database = url.rsplit('/').next().unwrap().to_owned();
        let mut stage = Self { peers, postgres, front, wires, replicas, balancer, number, store, database, directory };
        for replica in 0..REPLICAS {
            stage.start(replica);
        }
        stage.all_answer().await;
        stage
    }

    pub(crate) fn start(&mut self, replica: usize) {
        self.replicas[replica].start();
        self.front.is_process(replica, self.replicas[replica].pid());
    }

    pub(crate) async fn all_answer(&mut self) {
        for replica in 0..REPLICAS {
            self.answers(replica).await;
        }
    }

    pub(crate) async fn answers(&mut self, replica: usize) {
        self.replicas[replica].answers().await;
        self.front.is_process(replica, self.replicas[replica].pid());
    }

    /// The numbers of all.
    pub(crate) fn tokens(&self) -> std::ops::Range<usize> {
        0..self.front.book().latest.len()
    }

    pub(crate) fn mailbox(&self, token: usize) -> String {
        mailbox(self.number, token)
    }

    pub(crate) fn person(&self) -> String {
        person(self.number)
    }

    pub(crate) fn sink(&self) -> String {
        format!("sink{}@example.test", self.number)
    }

    pub(crate) fn all_wires(&self, mode: Mode) {
        self.wires.iter().for_each(|wire| wire.set(mode));
    }

    /// Nothing of this replica is between the provider and the database: its requests wait before the provider, and what
    /// it was answered is stored. Whether that came to be.
    pub(crate) async fn settles(&self, replica: usize) -> bool {
        self.front.gate(replica, Gate::Before);
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if self.front.book().asked[replica] == 0 && self.unsaved(Some(replica)).await.is_empty() {
                return true;
            }
            sleep(Duration::from_millis(50)).await;
        }
        false
    }

    /// Tokens whose last refresh token is not in the database; of this replica, or of all.
    pub(crate) async fn unsaved(&self, replica: Option<usize>) -> Vec<usize> {
        let latest = self.front.book().latest.clone();
        let mut unsaved = Vec::new();
        for (token, (latest, giver)) in latest.iter().enumerate() {
            if replica.is_some() && *giver != replica {
                continue;
            }
            let held = self.store.token(&format!("t{token}")).await.ok().and_then(|stored| stored.state.refresh);
            if held.is_none_or(|held| held.expose_secret() != latest) {
                unsaved.push(token);
            }
        }
        unsaved
    }

    /// Leases of these tokens end now: whoever had them is dead, and it would take half a minute.
    pub(crate) async fn leases_end(&self, tokens: &[usize]) {
        let names: Vec<_> = tokens.iter().map(|token| format!("'t{token}'")).collect();
        let end = format!("UPDATE leases SET ends_at = 0 WHERE token IN ({})", names.join(", "));
        self.postgres.query_in(&self.database, &end).await;
    }

    /// Of all replicas.
    pub(crate) fn events(&self, name: &str) -> Vec<serde_json::Value> {
        self.replicas.iter().flat_map(|replica| replica.events(name)).collect()
    }

    /// What to look at when it went wrong.
    pub(crate) fn logs(&self) -> String {
        let log = |replica: &Replica| format!("--- {}\n{}\n", replica.name, tail(&replica.log()));
        self.replicas.iter().map(log).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.logs());
            println!("{}", std::fs::read_to_string(self.directory.path().join("haproxy.log")).unwrap_or_default());
        }
    }
}

/// Waits for something, and says what when it does not come.
pub(crate) async fn eventually(what: &str, is_so: impl FnMut() -> bool) {
    within(PATIENCE, what, is_so).await;
}

/// The same of what may take so long.
pub(crate) async fn within(patience: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + patience;
    while !is_so() {
        assert!(Instant::now() < end, "not in time: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

fn mailbox(stage: usize, token: usize) -> String {
    format!("stage{stage}.{token}@example.test")
}

fn person(stage: usize) -> String {
    format!("{PERSON}{stage}@example.test")
}

fn hash() -> String {
    hash_password(&PASSWORD.into()).unwrap().as_str().to_owned()
}

fn life(token: usize) -> &'static Life {
    if token < KEPT { &LONG } else { &BRIEF }
}

/// What the configuration is made of.
struct Plan {
    number: usize,
    tokens: usize,
    front: u16,
    peers: &'static Peers,
    pages: String,
    hash: String,
}

/// Every token with a refresh token in the store.
async fn seed(plan: &Plan, front: &Front, config: &Path, url: &str) -> PostgresStore {
    let config = Config::load(config, std::iter::empty()).unwrap_or_else(|fault| panic!("{fault}"));
    let store = opened(url).await;
    for token in 0..plan.tokens {
        let client = life(token).client;
        let minted = plan.peers.oauth(&format!("/mint?client={client}&mailbox={}", mailbox(plan.number, token)));
        let name = format!("t{token}");
        let declared = config.tokens.iter().find(|declared| declared.name == name).unwrap();
        import(&store, declared, minted.as_str().into()).await.unwrap();
        front.book().begins(&minted);
    }
    store
}

/// As another process does.
async fn opened(url: &str) -> PostgresStore {
    let servers = Servers { shown: url.to_owned(), servers: vec![url.parse().unwrap()], tls: None };
    PostgresStore::open(servers, Keys::new(&KEY.into()).unwrap()).await.unwrap()
}

impl Plan {
    fn text(&self) -> String {
        let mut text = self.foundation() + &self.provider();
        for token in 0..self.tokens {
            let (mailbox, client) = (mailbox(self.number, token), life(token).client);
            let _ = write!(
                text,
                "[tokens.t{token}]\nprovider = \"real\"\ngrant = \"refresh_token\"\nmailbox = \"{mailbox}\"\nclient_id = \
                 \"{client}\"\nclient_secret = \"{SECRET}\"\n[accounts.user{token}]\npassword_hash = \"{}\"\ntoken = \
                 \"t{token}\"\n",
                self.hash
            );
        }
        let _ = write!(
            text,
            "[tokens.{PERSON}]\nprovider = \"real\"\ngrant = \"authorization_code\"\nmailbox = \"{}\"\nclient_id = \
             \"web\"\nclient_secret = \"web-s3cret\"\n[accounts.{PERSON}]\npassword_hash = \"{}\"\ntoken = \"{PERSON}\"\n",
            person(self.number),
            self.hash
        );
        text
    }

    fn foundation(&self) -> String {
        format!(
            r#"
[store]
url = "{{STORE}}"
key = "{KEY}"
[log]
format = "json"
level = "debug"
[service]
replica = "{{NAME}}"
[admin]
address = "{{ADMIN}}"
public_url = "http://{}/"
[limits]
refresh_ahead_seconds = 12
token_seconds = 20
shutdown_seconds = 20
notice_seconds = 3
"#,
            self.pages
        )
    }

    fn provider(&self) -> String {
        let Self { peers, front, .. } = self;
        let (oauth, imap, smtp) = (peers.port(0), peers.port(3), peers.port(7));
        format!(
            r#"
[providers.real]
authorization_url = "https://localhost:{oauth}/auth"
token_url = "http://127.0.0.1:{front}/token"
scopes = ["openid", "offline_access", "mail"]
sasl = "xoauth2"
ca = "{}"
imap = {{ host = "localhost", port = {imap}, tls = "implicit" }}
smtp = {{ host = "localhost", port = {smtp}, tls = "implicit" }}
"#,
            peers.directory.join("ca.pem").display()
        )
    }
}
