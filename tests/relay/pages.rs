//! The pages of a started service: who may come, from where, and how the first password is set.

use gatepost::account::hash_password;
use gatepost::cli::serve::Running;
use gatepost::config::Config;
use gatepost_kit::{Peer, tls_peer};
use secrecy::ExposeSecret as _;

use crate::http::{ask, get, post};
use crate::scene::{Scene, Setting, stage, start};

fn with(admin: &'static str) -> Setting {
    Setting { account: admin, ..Setting::USUAL }
}

/// The hash of `correct horse battery`, as `gatepost hash-password` prints it.
fn with_password(admin: &str) -> &'static str {
    let hash = hash_password(&"correct horse battery".into()).unwrap();
    format!("[admin]\npassword_hash = \"{}\"\n{admin}\n", hash.as_str()).leak()
}

const RIGHT: &str = "password=correct+horse+battery";

#[tokio::test]
async fn a_service_without_a_password_invites_and_a_restart_keeps_who_is_signed_in() {
    let scene = Scene::with(with("[admin]\naddress = \"127.0.0.1:0\"\n")).await;
    let address = scene.gatepost.admin().unwrap().tcp().unwrap();
    let link = scene.gatepost.invitation().unwrap().expose_secret().to_owned();
    let target = link.strip_prefix(&format!("http://localhost:{}", address.port())).unwrap();
    let form = get(address, target, &[]).await;
    assert!(form.status == 200 && form.body.contains("Choose the administrator"), "{form:?}");
    let code = target.split_once("code=").unwrap().1;
    let set = post(address, "/setup", &[], &format!("code={code}&{RIGHT}&again=correct+horse+battery")).await;
    assert_eq!((set.status, set.header("location")), (303, "/sign-in/kept?next=/"), "{set:?}");
    let cookie = set.cookie().to_owned();
    assert_eq!(get(address, "/", &[("Cookie", &cookie)]).await.status, 200);
    assert_eq!(get(address, target, &[]).await.status, 410, "used up");

    let Scene { gatepost, directory, provider, .. } = scene;
    gatepost.stop().await;
    let again = start(directory.path()).await;
    assert!(again.invitation().is_none(), "there is a password now");
    let address = again.admin().unwrap().tcp().unwrap();
    assert_eq!(get(address, "/", &[("Cookie", &cookie)]).await.status, 200);
    assert_eq!(get(address, "/", &[]).await.status, 303);
    again.stop().await;
    drop(provider);
}

#[tokio::test]
async fn a_restart_makes_another_link() {
    let scene =
        Scene::with(with("[admin]\naddress = \"127.0.0.1:0\"\npublic_url = \"http://localhost:8590/gate/\"\n")).await;
    let target = |running: &Running| {
        let link = running.invitation().unwrap().expose_secret().to_owned();
        link.strip_prefix("http://localhost:8590").unwrap().to_owned()
    };
    let old = target(&scene.gatepost);
    scene.gatepost.stop().await;
    let again = start(scene.directory.path()).await;
    let new = target(&again);
    assert!(new.starts_with("/gate/setup?code=") && new != old);
    let address = again.admin().unwrap().tcp().unwrap();
    assert_eq!(get(address, &old, &[]).await.status, 410);
    assert_eq!(get(address, &new, &[]).await.status, 200);
    again.stop().await;
}

#[tokio::test]
async fn beyond_loopback_nothing_begins_without_a_password() {
    let admin = "[admin]\naddress = \"0.0.0.0:0\"\ntls = true\n";
    let (_provider, _authority, directory) = stage(with(admin)).await;
    let config = Config::load(&directory.path().join("gatepost.toml"), std::iter::empty()).unwrap();
    let fault = Running::start(config).await.unwrap_err().to_string();
    assert!(fault.contains("beyond loopback") && fault.contains("gatepost admin password"), "{fault}");
}

#[tokio::test]
async fn with_tls_it_speaks_nothing_else() {
    let scene = Scene::with(with(with_password("address = \"127.0.0.1:0\"\ntls = true"))).await;
    let address = scene.gatepost.admin().unwrap().tcp().unwrap();
    let tls = scene.authority.client();
    let form = [("Sec-Fetch-Site", "same-origin"), ("Content-Type", "application/x-www-form-urlencoded")];
    let signed_in = ask(tls_peer(address, &tls).await, "POST", "/sign-in", &form, RIGHT).await;
    assert_eq!(signed_in.status, 303, "{signed_in:?}");
    let cookie = [("Cookie", signed_in.cookie())];
    assert_eq!(ask(tls_peer(address, &tls).await, "GET", "/", &cookie, "").await.status, 200);
    let mut plain = Peer::connect(address).await;
    plain.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(!String::from_utf8_lossy(&plain.rest().await).contains("HTTP/1.1 "));
    scene.gatepost.stop().await;
}

#[tokio::test]
async fn behind_a_proxy_each_client_has_its_own_attempts_and_nobody_comes_around_it() {
    let admin = |proxy: &str| {
        let proxy = format!(
            "address = \"127.0.0.1:0\"\npublic_url = \"https://mail.example.com/gate/\"\nreverse_proxy = [\"{proxy}\"]"
        );
        with(with_password(&proxy))
    };
    let scene = Scene::with(admin("127.0.0.1")).await;
    let address = scene.gatepost.admin().unwrap().tcp().unwrap();
    let from = |client: &'static str| [("Host", "mail.example.com"), ("X-Forwarded-For", client)];
    for _ in 0..5 {
        let wrong = post(address, "/gate/sign-in", &from("6.6.6.6, 192.0.2.7"), "password=wrong+horse").await;
        assert_eq!(wrong.status, 403, "{wrong:?}");
    }
    let one_more = post(address, "/gate/sign-in", &from("7.7.7.7, 192.0.2.7"), RIGHT).await;
    assert_eq!(one_more.status, 429, "{one_more:?}");
    let other = post(address, "/gate/sign-in", &from("192.0.2.8"), RIGHT).await;
    assert_eq!(other.status, 303, "{other:?}");
    assert_eq!(other.header("strict-transport-security"), "max-age=31536000");
    scene.gatepost.stop().await;

    let scene = Scene::with(admin("10.0.0.5")).await;
    let address = scene.gatepost.admin().unwrap().tcp().unwrap();
    let around = post(address, "/gate/sign-in", &from("10.0.0.5"), RIGHT).await;
    assert!(around.status == 403 && around.body.contains("reverse_proxy"), "{around:?}");
    scene.gatepost.stop().await;
}
