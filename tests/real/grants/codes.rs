//! A person consents: authorization codes by a pasted address and by the loopback redirect, and device codes.

use super::scene::{Scene, mailbox};
use crate::gatepost::password_hash;
use crate::mail::relays;
use crate::peers::peers;
use crate::peers::started::get;

const CODE: [&str; 4] = ["--grant", "authorization_code", "--client-id", "public"];
const DEVICE: [&str; 4] = ["--grant", "device_code", "--client-id", "public"];

#[test]
fn the_address_that_a_browser_fails_to_load_is_pasted() {
    let Some(peers) = peers() else { return };
    let mut scene = Scene::new(peers);
    scene.declare("paste", &CODE);
    let other = scene.authorize("paste", "--paste").address();
    let answer_to_another = peers.person(&other, &mailbox("paste"), "accept");

    let mut talk = scene.authorize("paste", "--paste");
    let address = talk.address();
    let redirect = talk.hear("Redirect URI, as it has to be registered");
    assert!(redirect.contains("http://127.0.0.1:") && redirect.ends_with("(with any port)"), "{redirect}");
    talk.say("");
    talk.say("hello world");
    talk.hear("There is no code in that");
    talk.say(&answer_to_another);
    talk.hear("That is the answer to another authorization");
    talk.say(&format!("  \"{}\" ", peers.person(&address, &mailbox("paste"), "accept")));
    assert!(talk.succeeds().contains("paste: authorized (paste@example.test signed in)"));
    scene.relays("paste");

    // The bare code does as well, and an account of the file may use a token of the store.
    let mut talk = scene.authorize("paste", "--paste");
    let address = talk.address();
    let answer = peers.person(&address, &mailbox("paste"), "accept");
    talk.say(&parameter(&answer, "code"));
    talk.succeeds();
    let file = scene.directory.path().join("gatepost.toml");
    let account = format!("[accounts.filed]\npassword_hash = \"{}\"\ntoken = \"paste\"\n", password_hash());
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + &account).unwrap();
    scene.gatepost.restart();
    relays(&scene, "filed", &mailbox("paste"));
    scene.is_discreet();
    scene.tells_none_of([parameter(&answer_to_another, "code")]);
}

#[test]
fn the_browser_comes_back_to_this_machine() {
    let Some(peers) = peers() else { return };
    let scene = Scene::new(peers);
    scene.declare("loopback", &CODE);
    let mut talk = scene.authorize("loopback", "--browser");
    let address = talk.address();
    let answer = peers.person(&address, &mailbox("loopback"), "accept");
    let (port, answer) = answer.strip_prefix("http://127.0.0.1:").unwrap().split_once('/').unwrap();
    let (port, code) = (port.parse().unwrap(), parameter(answer, "code"));
    let forged =
        ["/", "/favicon.ico", "/?code=f0rged.c0de", "/?state=f0rged&code=f0rged.c0de", "/?error=access_denied"];
    for request in forged.map(str::to_owned).into_iter().chain([format!("/?code={code}")]) {
        let (status, page) = get(port, &request);
        assert_eq!(status, 404, "{request}: {page}");
    }
    let (status, page) = get(port, &format!("/{answer}"));
    assert!(status == 200 && page.starts_with("Thank you."), "{page}");
    assert!(talk.succeeds().contains("loopback: authorized"));
    scene.relays("loopback");
    scene.is_discreet();
}

#[test]
fn who_declines_changes_nothing() {
    let Some(peers) = peers() else { return };
    let scene = Scene::new(peers);
    scene.declare("decline", &CODE);
    scene.authorized("decline");
    let before = scene.shown("decline");
    let mut talk = scene.authorize("decline", "--browser");
    let address = talk.address();
    let answer = peers.person(&address, &mailbox("decline"), "decline");
    let (port, answer) = answer.strip_prefix("http://127.0.0.1:").unwrap().split_once('/').unwrap();
    let (status, page) = get(port.parse().unwrap(), &format!("/{answer}"));
    assert!(status == 200 && page.contains("said no"), "{page}");
    let said = talk.fails("access_denied");
    assert!(said.contains("next: "), "{said}");
    assert_eq!(scene.shown("decline"), before);
}

#[test]
fn ctrl_c_changes_nothing() {
    let Some(peers) = peers() else { return };
    let scene = Scene::new(peers);
    scene.declare("ctrl-c", &CODE);
    scene.authorized("ctrl-c");
    scene.token("ctrl-c-device", &DEVICE);
    let state = || ["ctrl-c", "ctrl-c-device"].map(|name| scene.shown(name));
    let before = state();
    for (name, way) in [("ctrl-c", "--paste"), ("ctrl-c", "--browser"), ("ctrl-c-device", "--device")] {
        let mut talk = scene.authorize(name, way);
        talk.hear("https://");
        talk.interrupt();
        talk.fails("interrupted; nothing was changed");
    }
    assert_eq!(state(), before);
    scene.relays("ctrl-c");
}

#[test]
fn a_code_is_entered_on_another_device() {
    let Some(peers) = peers() else { return };
    let scene = Scene::new(peers);
    scene.declare("device", &DEVICE);
    for decision in ["abort", "decline", "accept"] {
        let mut talk = scene.authorize("device", "--device");
        talk.hear("Or open this address");
        let address = talk.address();
        let page = peers.person(&address, &mailbox("device"), decision);
        if decision == "accept" {
            assert!(page.contains("Signed in"), "{page}");
            assert!(talk.succeeds().contains("device: authorized"));
        } else {
            let said = talk.fails("next: ");
            assert!(said.contains("access_denied"), "{said}");
            assert_eq!(scene.shown("device")["state"], "needs authorization");
        }
    }
    scene.relays("device");
    scene.is_discreet();
}

/// A parameter of an address.
fn parameter(address: &str, name: &str) -> String {
    let (_, query) = address.split_once('?').unwrap();
    let found = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name} in {address}")).to_owned()
}
