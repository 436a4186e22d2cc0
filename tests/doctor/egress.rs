//! Through a proxy.

use gatepost_kit::{Proxy, ProxyKind, ProxySettings};

use crate::scene::{Scene, fails, last, works};

const KINDS: [ProxyKind; 2] = [ProxyKind::Socks5, ProxyKind::Http];
const LOGIN: (&str, &str) = ("gate", "pr0xy-s3cret");

async fn steps(settings: ProxySettings, mail: &str, tokens: &str) -> (Vec<serde_json::Value>, String) {
    let proxy = Proxy::start(settings).await;
    let scene = Scene::new().await;
    let text = std::fs::read_to_string(scene.directory.path().join("gatepost.toml")).unwrap();
    let direct = format!("direct = [{mail}{tokens}]");
    scene.write(&format!("{text}[egress]\nproxy = \"{}\"\n{direct}\n", proxy.url()));
    (scene.steps().await, proxy.url())
}

#[tokio::test]
async fn the_steps_tell_of_the_proxy() {
    for kind in KINDS {
        let (steps, url) = steps(ProxySettings { kind, ..ProxySettings::default() }, "", "").await;
        works(&steps, "imap");
        for (stage, words) in [("dns", "resolved by the proxy "), ("tcp", "through the proxy ")] {
            let step = steps.iter().find(|step| step["step"] == stage).unwrap();
            assert!(step["detail"].as_str().unwrap().contains(&format!("{words}{url}")), "{step:#}");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_let_through_is_the_cause() {
    for kind in KINDS {
        let settings = ProxySettings { kind, ..ProxySettings::default() };
        let locked = ProxySettings { login: Some(LOGIN), ..settings };
        let (steps_seen, url) = steps(locked, "", "").await;
        fails(&steps_seen, "imap", "tcp", "right login", "`user` and `password`");
        assert!(last(&steps_seen, "imap")["detail"].as_str().unwrap().contains(&url));
        let (steps_seen, _) = steps(ProxySettings { refuses: true, ..settings }, "", "").await;
        fails(&steps_seen, "imap", "tcp", "does not connect", "allow port");
        // Only tokens go through it.
        let (steps_seen, url) = steps(locked, "\"localhost\"", "").await;
        let token = last(&steps_seen, "imap");
        assert_eq!(token["step"], "token", "{token:#}");
        let said = token.to_string();
        assert!(said.contains(&format!("through the proxy {url}")), "{said}");
        assert!(said.contains("it wants a user and a password"), "{said}");
    }
}
