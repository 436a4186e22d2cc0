//! Refresh tokens that change with every use, and such that stay, over refreshes and crashes.

use super::scene::{Scene, eventually, mailbox};
use crate::peers::peers;

#[test]
fn refreshes_and_crashes_lose_no_grant() {
    let Some(peers) = peers() else { return };
    let mut scene = Scene::new(peers);
    peers.oauth("/rotate?client=steady&on=0");
    for client in ["steady", "rotating"] {
        let arguments = ["--grant", "refresh_token", "--client-id", client];
        scene.declare(client, &[&arguments[..], &["--client-secret-file", "confidential.secret"]].concat());
        let minted = peers.oauth(&format!("/mint?client={client}&mailbox={}", mailbox(client)));
        scene.run(&["token", "import", client], &minted);
    }
    let refreshed = |scene: &Scene, client: &str| {
        let events = scene.events("token.refreshed");
        events.into_iter().filter(|event| event["token"] == client).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        for client in ["steady", "rotating"] {
            // A refresh token that is used again after its time ends the grant at the peer.
            scene.refresh(client);
            scene.relays(client);
            peers.oauth(&format!("/revoke?client={client}"));
            scene.relays(client);
        }
        scene.gatepost.restart();
    }
    // Short lives: the service refreshes them by itself.
    for client in ["steady", "rotating"] {
        peers.oauth(&format!("/ttl?client={client}&seconds=2"));
        scene.refresh(client);
    }
    scene.gatepost.restart();
    let before = ["steady", "rotating"].map(|client| refreshed(&scene, client).len());
    eventually("it is not refreshed", || {
        let now = ["steady", "rotating"].map(|client| refreshed(&scene, client).len());
        now[0] >= before[0] + 2 && now[1] >= before[1] + 2
    });
    for (client, rotated) in [("steady", false), ("rotating", true)] {
        scene.refresh(client);
        scene.relays(client);
        let events = refreshed(&scene, client);
        assert!(events.iter().all(|event| event["rotated"] == rotated), "{client}: {events:?}");
    }
    scene.is_discreet();
}
