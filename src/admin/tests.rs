//! The address as a client sees it; [`browser`] is for the tests of every section.

pub(super) mod browser;
mod replicas;
pub(super) mod scene;

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::activity::Activity;
use crate::clock;
use crate::config::Config;
use crate::consent::{Devices, Find};
use crate::doctor::{Doctor, Rounds};
use crate::health::{Facts, Health, Listening, Sources};
use crate::lifecycle::Busy;
use crate::registry::Registry;
use crate::replicas::Replicas;
use crate::store::{Keys, PostgresStore, Servers, SqliteStore, Store, generate_key};
use crate::submit::gate::{Gate, GateSettings};
use crate::token::{Notices, TokenSettings, Tokens};

struct Scene {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

/// A desk on a new store, and the directory that holds it.
pub(super) async fn desk(public_url: &str) -> (Desk, tempfile::TempDir) {
    desk_with(public_url, "").await
}

/// The same, with more in its file.
pub(super) async fn desk_with(public_url: &str, more: &str) -> (Desk, tempfile::TempDir) {
    desk_on(public_url, more, "sqlite:gatepost.db", &generate_key().unwrap()).await
}

/// The same on this store, with this key.
pub(super) async fn desk_on(
    public_url: &str,
    more: &str,
    store_url: &str,
    key: &SecretString,
) -> (Desk, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let key_file = directory.path().join("gatepost.key");
    std::fs::write(&key_file, key.expose_secret()).unwrap();
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let file = directory.path().join("gatepost.toml");
    let text = format!(
        "[store]\nurl = {store_url:?}\nkey = {{ file = \"gatepost.key\" }}\n[admin]\npublic_url = {public_url:?}\n{more}"
    );
    std::fs::write(&file, text).unwrap();
    let config = Arc::new(Config::load(&file, Vec::new()).unwrap());
    let keys = Keys::new(key).unwrap();
    let store: Arc<dyn Store> = match &config.store.database {
        None => Arc::new(SqliteStore::open(&config.store.path, keys).unwrap()),
        Some(database) => {
            let (shown, servers) = (database.shown.clone(), database.servers.clone());
            Arc::new(PostgresStore::open(Servers { shown, servers, tls: None }, keys).await.unwrap())
        }
    };
    let second = Duration::from_secs(1);
    let settings = TokenSettings { ahead: Duration::from_mins(10), patience: second, lease: Duration::from_mins(1) };
    let tokens = Tokens::new(Arc::clone(&store), settings, "test".into(), Notices::default());
    let doctor = Doctor { tokens: tokens.clone(), reach: Arc::new(|_| None) };
    let (find, busy): (Find, _) = (Arc::new(|_: &str| None), Busy::default());
    let stop = CancellationToken::new();
    let devices = Devices::new(Arc::clone(&store), Arc::clone(&find), busy.clone(), stop.clone());
    let rounds = Rounds::new(doctor.clone(), None, stop.clone());
    let hostname = "mail.example.com".into();
    let porter = Arc::new(sign_in::Porter::new(config.admin.as_ref().unwrap(), Arc::clone(&store)));
    let ring = Arc::new(keys::Ring::new(Arc::clone(&store)));
    let registry = Registry::open(Arc::clone(&config), Arc::clone(&store)).await.unwrap();
    let registry = Arc::new(registry);
    let (activity, certificate, started): (Arc<Activity>, _, _) = (Arc::default(), None, clock::now());
    let listening = Listening { protocol: "imap".into(), address: "127.0.0.1:1143".into() };
    let closing = stop.clone();
    let facts =
        move || Facts { listeners: vec![listening.clone()], closing: closing.is_cancelled(), ..Facts::default() };
    let health = Arc::new(Health::new(Sources {
        store: Arc::clone(&store),
        registry: Arc::clone(&registry),
        activity: Arc::clone(&activity),
        gate: Arc::new(Gate::new(GateSettings { wait: second, waiters: 1, idle: second })),
        busy: busy.clone(),
        replicas: Arc::new(Replicas::new(Arc::clone(&store), "east-1".into())),
        shares: None,
        started,
    }));
    health.learn(facts);
    let desk = Desk {
        store,
        config,
        registry,
        health,
        activity,
        tokens,
        doctor,
        rounds,
        devices,
        find,
        porter,
        ring,
        busy,
        certificate,
        stop,
        hostname,
        started,
    };
    (desk, directory)
}

async fn scene(public_url: &str) -> Scene {
    let (desk, directory) = desk(public_url).await;
    let admin = Admin::open("127.0.0.1:0".parse().unwrap(), Pages::of(&desk, None)).unwrap();
    let (address, stop) = (admin.address().tcp().unwrap(), CancellationToken::new());
    let serving = tokio::spawn({
        let stop = stop.clone();
        async move { admin.serve(stop).await }
    });
    Scene { address, stop, serving, _directory: directory }
}

async fn get(address: SocketAddr, target: &str) -> String {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn stray_and_forged_requests_are_told_so_with_and_without_the_prefix() {
    let scene = scene("https://mail.example.com/gatepost/").await;
    for path in ["/oauth/callback", "/gatepost/oauth/callback"] {
        let forged = get(scene.address, &format!("{path}?code=evil&state=forged")).await;
        assert!(forged.starts_with("HTTP/1.1 404") && forged.contains("under way"), "{forged}");
        assert!(forged.contains("cache-control: no-store") && forged.contains("default-src 'none'"), "{forged}");
        assert!(get(scene.address, path).await.starts_with("HTTP/1.1 400"));
    }
    let declined = get(scene.address, "/oauth/callback?error=%3Cscript%3E&state=forged").await;
    assert!(!declined.contains("<script>"), "{declined}");
}

#[tokio::test]
async fn clients_that_say_nothing_are_bounded_and_do_not_hold_up_a_stop() {
    let scene = scene("https://mail.example.com/").await;
    let mut silent = Vec::new();
    for _ in 0..MOST {
        let mut tcp = TcpStream::connect(scene.address).await.unwrap();
        tcp.write_all(b"GET /oauth/callback HTTP/1.1\r\n").await.unwrap();
        silent.push(tcp);
    }
    let mut one_more = TcpStream::connect(scene.address).await.unwrap();
    let mut refused = String::new();
    one_more.read_to_string(&mut refused).await.unwrap();
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    tokio::time::pause();
    scene.stop.cancel();
    timeout(Duration::from_mins(1), scene.serving).await.unwrap().unwrap();
    drop(silent);
}

#[tokio::test]
async fn a_stranger_is_sent_to_sign_in_and_what_is_not_there_is_a_page() {
    let scene = scene("https://mail.example.com/gatepost/").await;
    for path in ["/", "/gatepost/"] {
        let answer = get(scene.address, path).await;
        assert!(answer.starts_with("HTTP/1.1 303") && answer.contains("location: /gatepost/sign-in"), "{answer}");
    }
    let answer = get(scene.address, "/gatepost").await;
    assert!(answer.starts_with("HTTP/1.1 308") && answer.contains("location: /gatepost/\r\n"), "{answer}");
    let answer = get(scene.address, "/gatepost/nowhere").await;
    assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("There is no page at this address"), "{answer}");
    assert!(answer.contains("href=\"/gatepost/assets/style-") && !answer.contains("Sign out"), "{answer}");
    for asset in [&assets::ASSETS.style, &assets::ASSETS.script, &assets::ASSETS.icon] {
        let answer = get(scene.address, &format!("/gatepost/assets/{asset}")).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("immutable"), "{answer}");
    }
}

#[tokio::test]
async fn pages_lead_to_the_change_of_the_password_where_it_can_be_changed() {
    use browser::{Browser, PASSWORD};
    let own = "href=\"/gate/password\"";
    let (stored, _directory) = desk("https://mail.example.com/gate/").await;
    assert!(Browser::signed_in(&stored).await.get("/tokens").await.text.contains(own));
    let hash = crate::account::hash_password(&PASSWORD.into()).unwrap();
    let more = format!("password_hash = {:?}\n", hash.as_str());
    let (of_file, _directory) = desk_with("https://mail.example.com/gate/", &more).await;
    let mut browser = Browser::new(&of_file);
    assert_eq!(browser.sign_in(PASSWORD).await.status, axum::http::StatusCode::SEE_OTHER);
    let page = browser.get("/tokens").await.text;
    assert!(page.contains("/gate/sign-out") && !page.contains(own), "{page}");
}
