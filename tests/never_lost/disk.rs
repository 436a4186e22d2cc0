//! A disk that takes nothing more, by the limit of a process on the size of its files (setrlimit(2), `RLIMIT_FSIZE`). It
//! concerns everything that the process writes, so it plays in one of its own.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use gatepost::config::Config;
use gatepost::net::client_config;
use gatepost::oauth::{Http, HttpSettings};
use gatepost::token::{Notices, TokenError, TokenSettings, Tokens};
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
use secrecy::ExposeSecret as _;

use crate::endpoint::Endpoint;
use crate::service::House;

#[test]
fn nothing_is_lost_on_a_full_disk() {
    // Without the signal a write beyond the limit is an error like any other.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" --exact disk::on_a_full_disk --ignored --nocapture"]);
    let played = shell.arg(std::env::current_exe().unwrap()).output().unwrap();
    let told = [played.stdout, played.stderr].map(|told| String::from_utf8_lossy(&told).into_owned()).concat();
    assert!(played.status.success() && told.contains("1 passed"), "{told}");
}

/// Whether files may grow.
fn full(full: bool) {
    setrlimit(Resource::RLIMIT_FSIZE, if full { 1 } else { RLIM_INFINITY }, RLIM_INFINITY).unwrap();
}

const USER: &str = "support@example.com";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "plays in a process of its own"]
async fn on_a_full_disk() {
    let endpoint = Endpoint::before_issuing(true, || full(true));
    let house = tokio::task::spawn_blocking({
        let url = endpoint.url.clone();
        move || House::new(&url)
    });
    let house = house.await.unwrap();
    let tokens = tokens(&house);

    // The disk fills up while the answer is on its way.
    let refused = tokens.access_token("support", USER).await.unwrap_err();
    assert!(matches!(refused, TokenError::Store(_)), "{refused}");
    assert_eq!((number(&house).await, endpoint.last(), endpoint.requests()), (Some(1), 2, 1));
    // The command line opens the store all the same, and nobody spends what is in it.
    assert!(matches!(tokens.access_token("support", USER).await, Err(TokenError::Store(_))));
    assert_eq!(endpoint.requests(), 1, "what was received comes first");

    full(false);
    assert_eq!(tokens.access_token("support", USER).await.unwrap().secret().expose_secret(), "a2");
    assert_eq!((number(&house).await, endpoint.requests()), (Some(2), 1), "space came back, nothing was lost");

    // It is full before the lease: nothing is asked for that could not be kept.
    full(true);
    assert!(matches!(tokens.refresh("support", USER).await, Err(TokenError::Store(_))));
    assert_eq!(endpoint.requests(), 1);
    full(false);

    // Space comes back only while the service stops.
    assert!(tokens.refresh("support", USER).await.is_err());
    assert_eq!((number(&house).await, endpoint.last(), endpoint.requests()), (Some(2), 3, 2));
    full(false);
    tokens.settle(Duration::from_secs(1)).await;
    assert_eq!(number(&house).await, Some(3));
}

fn tokens(house: &House) -> Tokens {
    let config = Config::load(&house.config(), std::iter::empty()).unwrap();
    let limit = Duration::from_secs(10);
    let settings = TokenSettings { ahead: Duration::ZERO, patience: limit, lease: limit };
    let tokens = Tokens::new(Arc::new(house.store()), settings, "one".into(), Notices::default());
    let http = HttpSettings { connect: limit, total: limit, longest: 65536 };
    let http = Http::new(&client_config(None).unwrap(), http).unwrap();
    tokens.declare(config.tokens.iter().map(|token| (Arc::clone(token), http.clone())));
    tokens
}

/// What a process that comes later finds.
async fn number(house: &House) -> Option<u32> {
    use gatepost::store::Store as _;
    let refresh = house.store().token("support").await.unwrap().state.refresh;
    refresh.map(|refresh| refresh.expose_secret()[1..].parse().unwrap())
}
