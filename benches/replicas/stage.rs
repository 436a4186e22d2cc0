use std::fmt::Write as _;
use std::sync::Arc;

use gatepost::account::hash_password;
use gatepost::store::{Keys, PostgresStore, Servers};
use gatepost_kit::Postgres;

use crate::balancer::Balancer;
use crate::replica::{Places, Replica, place};

/// The local password of every user.
pub(crate) const PASSWORD: &str = "bench-pass-word";
const KEY: &str = "gpk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// So many replicas on a database of their own.
pub(crate) struct Stage {
    pub(crate) postgres: Postgres,
    pub(crate) database: String,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) balancer: Option<Balancer>,
    pub(crate) directory: Arc<tempfile::TempDir>,
}

/// What they are to do.
pub(crate) struct Plan<'a> {
    pub(crate) replicas: usize,
    /// `[providers.simulated]`, and limits before it.
    pub(crate) provider: String,
    /// The tail of each token's declaration.
    pub(crate) grant: &'a str,
    pub(crate) tokens: usize,
    /// Where files of the provider are.
    pub(crate) directory: Arc<tempfile::TempDir>,
}

/// The user of a number.
pub(crate) fn user(number: usize) -> String {
    format!("user{number}@example.com")
}

/// Its own count of statements is switched on.
pub(crate) async fn count_statements(postgres: &Postgres) {
    postgres.set("shared_preload_libraries = 'pg_stat_statements'\npg_stat_statements.track_utility = off\n").await;
    postgres.stop().await;
    postgres.start().await;
    postgres.query("CREATE EXTENSION pg_stat_statements").await;
}

impl Stage {
    /// Nothing is started yet.
    pub(crate) async fn new(postgres: &Postgres, plan: &Plan<'_>) -> Self {
        let url = postgres.database().await;
        let text = text(plan, &url);
        let names = ["a", "b", "c"].into_iter().take(plan.replicas);
        let replicas = names.map(|name| Replica::new(plan.directory.path(), name, Places::new(), &text)).collect();
        let database = url.rsplit('/').next().unwrap().to_owned();
        let (postgres, directory) = (postgres.clone(), Arc::clone(&plan.directory));
        Self { postgres, database, replicas, balancer: None, directory }
    }

    /// Opens the store as another process.
    pub(crate) async fn store(&self) -> PostgresStore {
        let url = self.postgres.url(&self.database);
        let servers = Servers { shown: url.clone(), servers: vec![url.parse().unwrap()], tls: None };
        PostgresStore::open(servers, Keys::new(&KEY.into()).unwrap()).await.unwrap()
    }

    /// The replicas, then who stands before them.
    pub(crate) async fn start(&mut self) {
        for replica in &mut self.replicas {
            replica.start();
        }
        for replica in &mut self.replicas {
            replica.answers().await;
        }
        let places: Vec<_> = self.replicas.iter().map(|replica| replica.places).collect();
        self.balancer = Some(Balancer::before(&places, place(), self.directory.path()).await);
    }

    /// One figure of the database.
    pub(crate) async fn ask(&self, sql: &str) -> f64 {
        self.postgres.query_in(&self.database, sql).await.parse().unwrap_or_default()
    }
}

fn text(plan: &Plan<'_>, url: &str) -> String {
    let mut text = format!(
        "hostname = \"relay.example\"\n[store]\nurl = \"{url}\"\nkey = \"{KEY}\"\n[service]\nreplica = \"{{NAME}}\"\n[log]\nformat \
         = \"json\"\n[admin]\naddress = \"{{ADMIN}}\"\npublic_url = \"http://localhost/\"\n{}",
        plan.provider
    );
    let hash = hash_password(&PASSWORD.into()).unwrap();
    for number in 0..plan.tokens {
        let (user, grant, hash) = (user(number), plan.grant, hash.as_str());
        let _ = write!(
            text,
            "[tokens.t{number}]\nprovider = \"simulated\"\nmailbox = \"{user}\"\nclient_id = \"client\"\n{grant}\n\
             [accounts.\"{user}\"]\npassword_hash = \"{hash}\"\ntoken = \"t{number}\"\n"
        );
    }
    text
}
