//! The way out through a proxy, for mail and tokens alike.

use gatepost::model::Protocol;
use gatepost_kit::{Proxy, ProxyKind, ProxySettings};

use crate::scene::{PLAIN, Scene, Setting, log_in, try_later, yes};

const LOGIN: (&str, &str) = ("gate post", "p:%41@s3cret");
const KINDS: [ProxyKind; 2] = [ProxyKind::Socks5, ProxyKind::Http];

/// A scene whose only way out is this proxy, but for what is exempt.
async fn behind(proxy: &Proxy, login: Option<(&str, &str)>, direct: &str) -> Scene {
    let login = login.map(|(user, password)| format!("user = \"{user}\"\npassword = \"{password}\"\n"));
    let table = format!("[egress]\nproxy = \"{}\"\ndirect = [{direct}]\n{}", proxy.url(), login.unwrap_or_default());
    // It stands behind the limits, of which there are none.
    Scene::with(Setting { limits: table.leak(), ..Setting::default() }).await
}

#[tokio::test]
async fn mail_and_tokens_go_through_the_proxy_alone() {
    for kind in KINDS {
        let settings = ProxySettings { kind, login: Some(LOGIN), ..ProxySettings::default() };
        let proxy = Proxy::start(settings).await;
        let scene = behind(&proxy, Some(LOGIN), "").await;
        for protocol in Protocol::ALL {
            let mut peer = scene.client(protocol).await;
            log_in(&mut peer, protocol, PLAIN).await;
            peer.expect(yes(protocol)).await;
        }
        let ports = scene.provider.ports;
        let mut asked = proxy.asked();
        asked.sort();
        let mut wanted = [ports.smtps, ports.imaps, ports.pop3s].map(|port| format!("localhost:{port}")).to_vec();
        wanted.push(format!("127.0.0.1:{}", ports.token));
        wanted.sort();
        assert_eq!(asked, wanted, "one connection each");
        assert_eq!((scene.provider.logins().len(), scene.provider.token_requests().len()), (3, 1));
        // Neither tokens nor mail find another way.
        proxy.stop();
        scene.provider.revoke_access_tokens();
        let mut peer = scene.client(Protocol::Imap).await;
        log_in(&mut peer, Protocol::Imap, PLAIN).await;
        peer.expect(try_later(Protocol::Imap)).await;
        assert_eq!((scene.provider.logins().len(), scene.provider.token_requests().len()), (3, 1));
    }
}

#[tokio::test]
async fn a_proxy_that_lets_nothing_through_is_a_temporary_failure() {
    for kind in KINDS {
        let settings = ProxySettings { kind, ..ProxySettings::default() };
        for (settings, login) in [
            (ProxySettings { login: Some(LOGIN), ..settings }, None),
            (ProxySettings { login: Some(LOGIN), ..settings }, Some(("gate post", "wrong"))),
            (ProxySettings { refuses: true, ..settings }, None),
        ] {
            let proxy = Proxy::start(settings).await;
            let scene = behind(&proxy, login, "").await;
            let mut peer = scene.client(Protocol::Imap).await;
            log_in(&mut peer, Protocol::Imap, PLAIN).await;
            peer.expect(try_later(Protocol::Imap)).await;
            assert!(scene.provider.token_requests().is_empty() && scene.provider.logins().is_empty(), "{settings:?}");
        }
    }
}

#[tokio::test]
async fn what_is_exempt_goes_direct() {
    let proxy = Proxy::start(ProxySettings::default()).await;
    let scene = behind(&proxy, None, "\"127.0.0.0/8\"").await;
    let mut peer = scene.client(Protocol::Imap).await;
    log_in(&mut peer, Protocol::Imap, PLAIN).await;
    peer.expect(yes(Protocol::Imap)).await;
    assert_eq!(proxy.asked(), [format!("localhost:{}", scene.provider.ports.imaps)], "the token was got directly");
}
