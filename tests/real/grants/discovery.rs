//! A provider of which only the issuer is known.

use super::scene::{Scene, mailbox, provider};
use crate::peers::{client_of, peers};

#[test]
fn an_issuer_tells_its_addresses() {
    let Some(peers) = peers() else { return };
    let oauth = peers.port(0);
    let issuers = [("found", "localhost", ""), ("plain", "localhost", "/plain"), ("misnamed", "127.0.0.1", "")];
    let providers =
        issuers.map(|(name, host, path)| provider(peers, name, &format!("issuer = \"https://{host}:{oauth}{path}\"")));
    let scene = Scene::with(peers, &providers.concat());

    let code = ["--grant", "authorization_code", "--client-id", "public"];
    scene.declare("found", &[&["--provider", "found"], &code[..]].concat());
    let mut talk = scene.authorize("found", "--paste");
    let answer = peers.person(&talk.address(), &mailbox("found"), "accept");
    let (good, _) = answer.split_once("&iss=").unwrap();
    talk.say(&format!("{good}&iss=https%3A%2F%2Fevil.example"));
    talk.fails("another issuer than the provider's answered; nothing was changed");
    assert_eq!(scene.shown("found")["state"], "needs authorization");
    scene.authorized("found");
    scene.relays("found");

    scene.declare("plain", &["--provider", "plain", "--grant", "device_code", "--client-id", "public"]);
    let mut talk = scene.authorize("plain", "--device");
    peers.person(talk.hear("?user_code=").trim(), &mailbox("plain"), "accept");
    talk.succeeds();
    scene.relays("plain");

    scene.token("misnamed", &[&["--provider", "misnamed"], &code[..]].concat());
    let said = scene.authorize("misnamed", "--paste").fails("says that its name is");
    assert!(
        said.contains(&format!("https://localhost:{oauth}")) && said.contains("write `issuer` exactly so"),
        "{said}"
    );
    scene.is_discreet();
}

#[test]
fn a_wrong_issuer_gets_no_secret() {
    let Some(peers) = peers() else { return };
    let addresses = format!("issuer = \"https://127.0.0.1:{}\"", peers.port(0));
    let scene = Scene::with(peers, &provider(peers, "misnamed", &addresses));
    let (client, before) = (client_of(31), peers.token_requests(31));
    let arguments = ["--provider", "misnamed", "--grant", "client_credentials", "--client-id", &client];
    scene.token("app", &[&arguments[..], &["--client-secret-file", "app.secret"]].concat());
    let (code, said) = scene.refuses(&["token", "refresh", "app"], "");
    assert!(code == Some(1) && said.contains("says that its name is"), "{said}");
    assert_eq!(peers.token_requests(31), before);
    scene.tells_none_of(["app-s3cret"]);
}
