//! What was given elsewhere: an imported refresh token, the mailbox's own password, an app password.

use super::scene::{Scene, mailbox};
use crate::peers::peers;

#[test]
fn a_refresh_token_is_imported() {
    let Some(peers) = peers() else { return };
    let scene = Scene::new(peers);
    let client = ["--client-id", "imported", "--client-secret-file", "confidential.secret"];
    scene.declare("import", &[&["--grant", "refresh_token"], &client[..]].concat());
    assert_eq!(scene.shown("import")["state"], "needs import");
    let (_, said) = scene.refuses(&["token", "authorize", "import"], "");
    assert!(said.contains("gatepost token import import"), "{said}");
    let minted = peers.oauth(&format!("/mint?client=imported&mailbox={}", mailbox("import")));
    scene.run(&["token", "import", "import"], &minted);
    scene.relays("import");
    assert_eq!(scene.shown("import")["state"], "good");
    scene.is_discreet();
}

#[test]
fn the_password_grant_has_to_be_allowed() {
    let Some(peers) = peers() else { return };
    let scene = Scene::new(peers);
    let arguments = ["--grant", "password", "--client-id", "public", "--password-file", "mailbox.secret"];
    let common = ["token", "add", "ropc", "--provider", "real", "--mailbox", "ropc@example.test"];
    let (code, said) = scene.refuses(&[&common, &arguments[..]].concat(), "");
    assert!(code == Some(1) && said.contains("RFC 9700") && said.contains("--allow-password-grant"), "{said}");
    assert_eq!(scene.run(&["token", "list", "--json"], "").trim(), "[]");
    scene.declare("ropc", &[&arguments[..], &["--allow-password-grant"]].concat());
    scene.relays("ropc");
    scene.is_discreet();
}

#[test]
fn an_app_password_opens_what_has_no_oauth() {
    let Some(peers) = peers() else { return };
    let scene = Scene::new(peers);
    scene.declare("app40", &["--grant", "app_password", "--password-file", "app40.secret"]);
    scene.relays("app40");
    assert_eq!(scene.shown("app40")["state"], "password");
    scene.is_discreet();
}
