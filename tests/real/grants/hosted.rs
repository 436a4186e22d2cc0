//! The answer comes to the service's own address, behind a reverse proxy with a path prefix.

use super::scene::{Scene, mailbox};
use crate::peers::started::{free, get};
use crate::peers::{Peers, peers};

const WEB: [&str; 6] = ["--grant", "authorization_code", "--client-id", "web", "--client-secret-file", "web.secret"];
/// Where the peers' client `web` is registered.
const PUBLIC: &str = "https://gatepost.example/mail";

/// With an administration address; returns its port.
fn scene(peers: &'static Peers) -> (Scene, u16) {
    let [port] = free();
    let admin = format!("[admin]\naddress = \"127.0.0.1:{port}\"\npublic_url = \"{PUBLIC}/\"\n");
    (Scene::with(peers, &admin), port)
}

/// What the proxy asks for when the browser comes with this answer: the path with its prefix.
fn behind(answer: &str) -> &str {
    assert!(answer.starts_with(&format!("{PUBLIC}/oauth/callback?")), "{answer}");
    answer.strip_prefix("https://gatepost.example").unwrap()
}

#[test]
fn two_authorizations_are_under_way_at_once() {
    let Some(peers) = peers() else { return };
    let (scene, port) = scene(peers);
    for name in ["hosted-one", "hosted-two"] {
        scene.declare(name, &WEB);
    }
    let mut talks = ["hosted-one", "hosted-two"].map(|name| scene.authorize(name, "--hosted"));
    let addresses = [0, 1].map(|at: usize| talks[at].address());
    let accept = |at: usize, name: &str| peers.person(&addresses[at], &mailbox(name), "accept");
    // The second is answered first; one proxy leaves the prefix on, the other cuts it off.
    let two = accept(1, "hosted-two");
    let (status, page) = get(port, behind(&two));
    assert!(status == 200 && page.contains("&#34;hosted-two&#34; is authorized"), "{page}");
    let one = accept(0, "hosted-one");
    let (status, page) = get(port, behind(&one).strip_prefix("/mail").unwrap());
    assert!(status == 200 && page.contains("&#34;hosted-one&#34; is authorized"), "{page}");
    for (talk, name) in talks.into_iter().zip(["hosted-one", "hosted-two"]) {
        assert!(talk.succeeds().contains(&format!("{name}: authorized ({name}@example.test signed in)")));
        assert_eq!(scene.shown(name)["signed_in"], mailbox(name));
        scene.relays(name);
    }
    // What was used is used up, and does not disturb what there is.
    let (status, page) = get(port, behind(&one));
    assert!(status == 404 && page.contains("used already"), "{page}");
    scene.relays("hosted-one");
    scene.is_discreet();
}

#[test]
fn what_nobody_asked_for_changes_nothing() {
    let Some(peers) = peers() else { return };
    let (scene, port) = scene(peers);
    scene.declare("hosted-no", &WEB);
    let before = scene.shown("hosted-no");
    let mut talk = scene.authorize("hosted-no", "--hosted");
    let declined = peers.person(&talk.address(), &mailbox("hosted-no"), "decline");
    for (request, expected) in [
        ("/mail/oauth/callback?code=f0rged.c0de&state=f0rged", 404),
        ("/mail/oauth/callback?code=f0rged.c0de", 404),
        ("/mail/oauth/callback", 400),
        ("/mail/favicon.ico", 404),
        ("/oauth/callback/../../etc/passwd", 404),
    ] {
        let (status, page) = get(port, request);
        assert_eq!(status, expected, "{request}: {page}");
    }
    let (status, page) = get(port, behind(&declined));
    assert!(status == 400 && page.contains("access_denied") && page.contains("Next step:"), "{page}");
    talk.fails("access_denied");
    // A good answer that comes after it is nobody's any more.
    let late = declined.replace("error=access_denied", "code=f0rged.c0de");
    let (status, page) = get(port, behind(&late));
    assert_eq!(status, 404, "{page}");
    assert_eq!(scene.shown("hosted-no"), before);
    scene.tells_none_of(["f0rged.c0de"]);
}
