//! With what: an access token that is known, at every number of tokens.

use std::sync::Arc;
use std::time::Duration;

use divan::{Bencher, black_box};
use futures_util::FutureExt as _;
use gatepost::clock;
use gatepost::model::{AccessToken, Grant, Provider, Token, TokenState};
use gatepost::net;
use gatepost::oauth::{Http, HttpSettings};
use gatepost::store::{Keys, Saved, SqliteStore, Store, Version, generate_key};
use gatepost::token::{Notices, TokenSettings, Tokens};
use tempfile::TempDir;

struct Scene {
    tokens: Tokens,
    runtime: tokio::runtime::Runtime,
    _directory: TempDir,
}

/// The one that logs in.
const NAME: &str = "token-0";
const USER: &str = "support@example.com";

impl Scene {
    fn new(tokens: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::new(&generate_key().unwrap()).unwrap();
        let store = Arc::new(SqliteStore::open(&directory.path().join("gatepost.db"), keys).unwrap());
        let all: Vec<_> = (0..tokens).map(|number| Arc::new(token(number))).collect();
        let access = AccessToken::new("x".repeat(2000).into(), clock::now() + Duration::from_hours(12));
        let state = TokenState { access: Some(access), bound_to: Some(all[0].binding()), ..TokenState::default() };
        let saved = runtime.block_on(store.save(NAME, Version::default(), &state)).unwrap();
        assert!(matches!(saved, Saved::Done(_)));
        let tokens = of(store, all);
        runtime.block_on(tokens.access_token(NAME, USER)).unwrap();
        Self { tokens, runtime, _directory: directory }
    }
}

fn token(number: usize) -> Token {
    let provider = Arc::new(Provider { name: "corp".into(), ..Provider::default() });
    let token = Token::bare(&format!("token-{number}"), provider, Grant::RefreshToken);
    Token { mailbox: USER.into(), client_id: "client".into(), ..token }
}

fn of(store: Arc<SqliteStore>, declared: Vec<Arc<Token>>) -> Tokens {
    let minute = Duration::from_mins(1);
    let settings = TokenSettings { ahead: minute, patience: minute, lease: minute };
    let tokens = Tokens::new(store, settings, "bench".into(), Notices::default());
    let settings = HttpSettings { connect: minute, total: minute, longest: 65_536 };
    let http = Http::new(&net::client_config(None).unwrap(), settings).unwrap();
    tokens.declare(declared.into_iter().map(|token| (token, http.clone())));
    tokens
}

/// Without a store, without a wait, and without a lock that others wait for.
#[divan::bench(args = [10, 100, 1000, 10_000], threads = [1, 2, 4])]
fn access_token_known(bencher: Bencher, tokens: usize) {
    let scene = Scene::new(tokens);
    bencher.bench(|| {
        let access = scene.tokens.access_token(black_box(NAME), USER).now_or_never();
        access.expect("it waited").unwrap()
    });
    drop(scene.runtime);
}
