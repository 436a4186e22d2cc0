use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::store::{Keys, SqliteStore, generate_key};

struct Scene {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

fn scene(public_url: &str) -> Scene {
    let directory = tempfile::tempdir().unwrap();
    let keys = Keys::new(&generate_key().unwrap()).unwrap();
    let store = SqliteStore::open(&directory.path().join("gatepost.db"), keys).unwrap();
    let desk = Desk { store: Arc::new(store), find: Arc::new(|_| None), busy: Busy::default() };
    let public_url = public_url.parse().unwrap();
    let admin = Admin::open("127.0.0.1:0".parse().unwrap(), Some(&public_url), desk).unwrap();
    let (address, stop) = (admin.address().tcp().unwrap(), CancellationToken::new());
    let serving = tokio::spawn(admin.serve(stop.clone()));
    Scene { address, stop, serving, _directory: directory }
}

async fn get(address: SocketAddr, target: &str) -> String {
    let mut tcp = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn stray_and_forged_requests_are_told_so_with_and_without_the_prefix() {
    let scene = scene("https://mail.example.com/gatepost/");
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
    let scene = scene("https://mail.example.com/");
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
