//! The grant has to be for the mailbox that the token names.

use super::scene::{Scene, mailbox};
use crate::mail::relays;
use crate::peers::peers;

const CODE: [&str; 4] = ["--grant", "authorization_code", "--client-id", "public"];

#[test]
fn another_user_is_refused_and_changes_nothing() {
    let Some(peers) = peers() else { return };
    let scene = Scene::new(peers);
    scene.declare("owner", &CODE);
    scene.authorized("owner");
    scene.token("owner-device", &["--grant", "device_code", "--client-id", "public"]);
    let before = ["owner", "owner-device"].map(|name| scene.shown(name));
    for (name, way) in [("owner", "--paste"), ("owner-device", "--device")] {
        let mut talk = scene.authorize(name, way);
        let address = if way == "--device" { talk.hear("?user_code=").trim().to_owned() } else { talk.address() };
        let answer = peers.person(&address, &mailbox("stranger"), "accept");
        if way == "--paste" {
            talk.say(&answer);
        }
        let said = talk.fails(&format!("stranger@example.test signed in, and token {name:?} is for {}", mailbox(name)));
        assert!(said.contains("nothing was changed") && said.contains("delegate = true"), "{said}");
    }
    assert_eq!(["owner", "owner-device"].map(|name| scene.shown(name)), before);
    scene.relays("owner");
    scene.is_discreet();
}

#[test]
fn a_delegate_may_sign_in_where_that_is_said() {
    let Some(peers) = peers() else { return };
    let scene = Scene::new(peers);
    scene.token("shared", &[&CODE[..], &["--delegate"]].concat());
    let delegate = mailbox("delegate");
    scene.account("delegated", &["--token", "shared", "--mailbox", &delegate, "--smtp-user", &delegate]);
    let mut talk = scene.authorize("shared", "--paste");
    let address = talk.address();
    talk.say(&peers.person(&address, &delegate, "accept"));
    assert!(talk.succeeds().contains("shared: authorized (delegate@example.test signed in)"));
    assert_eq!(scene.shown("shared")["signed_in"], delegate);
    relays(&scene, "delegated", &delegate);
}
