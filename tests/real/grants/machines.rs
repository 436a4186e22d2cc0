//! Nobody consents: certificates, and Google's service accounts.

use serde_json::Value;

use super::scene::{Scene, mailbox};
use crate::gatepost::password_hash;
use crate::mail::relays;
use crate::peers::peers;

/// Whose mailbox the peers' client `cert` opens.
const CERTIFIED: &str = "user30@example.test";

#[test]
fn a_certificate_as_pem_and_as_pkcs12() {
    let Some(peers) = peers() else { return };
    let scene = Scene::new(peers);
    let before = assertions(&peers.oauth("/assertions")).len();
    for (name, file) in [("pem", "client.pem"), ("p12", "client.p12")] {
        let copy = scene.directory.path().join(file);
        std::fs::copy(peers.directory.join(file), &copy).unwrap();
        let mut arguments = ["token", "add", name, "--provider", "real", "--mailbox", CERTIFIED].to_vec();
        arguments.extend(["--grant", "client_credentials", "--client-id", "cert", "--scope", "mail"]);
        arguments.extend(["--client-certificate", file]);
        if name == "p12" {
            arguments.extend(["--client-certificate-password-file", "p12.secret"]);
        }
        scene.run(&arguments, "");
        // It lives in the store from now on.
        std::fs::remove_file(copy).unwrap();
        scene.account(name, &["--token", name]);
        relays(&scene, name, CERTIFIED);
    }
    let seen = assertions(&peers.oauth("/assertions"));
    assert_eq!(seen.len(), before + 2, "one request for each token");
    for assertion in &seen[before..] {
        let (header, claims) = (&assertion["header"], &assertion["claims"]);
        assert_eq!((&header["alg"], &claims["iss"], &claims["sub"]), (&"PS256".into(), &"cert".into(), &"cert".into()));
        // SHA-256 is 43 characters in base64url.
        assert_eq!(header["x5t#S256"].as_str().map(str::len), Some(43), "{header}");
    }
    scene.is_discreet();
}

/// Only this file makes the client `cert` ask.
fn assertions(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn one_service_account_opens_two_mailboxes() {
    let Some(peers) = peers() else { return };
    let mut scene = Scene::new(peers);
    let key = peers.directory.join("service-account.json");
    let arguments = ["token", "add", "sa", "--provider", "real", "--grant", "service_account", "--scope", "mail"];
    scene.run(&[&arguments, &["--service-account", key.to_str().unwrap()][..]].concat(), "");
    let users = ["sa-one", "sa-two"].map(mailbox);
    let pattern = format!(
        "[accounts.\"*@example.test\"]\ntoken = \"sa\"\nmailbox = \"{{user}}\"\npassword_rule = \"shared\"\npassword_hash = \"{}\"\nusers = [\"{}\", \"{}\"]\n",
        password_hash(),
        users[0],
        users[1]
    );
    let file = scene.directory.path().join("gatepost.toml");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + &pattern).unwrap();
    scene.gatepost.restart();
    let requests = || peers.oauth("/requests?client=service-account").parse::<u64>().unwrap();
    let before = requests();
    for user in &users {
        relays(&scene, user, user);
    }
    assert_eq!(requests(), before + 2, "each mailbox's token was fetched once");
    let listed: Value = serde_json::from_str(&scene.run(&["token", "list", "--json"], "")).unwrap();
    let states: Vec<_> = listed.as_array().unwrap().iter().map(|state| (&state["mailbox"], &state["state"])).collect();
    let good = Value::from("good");
    assert_eq!(states, [(&users[0].as_str().into(), &good), (&users[1].as_str().into(), &good)]);
    scene.run(&["token", "refresh", "sa", "--mailbox", &users[0]], "");
    assert_eq!(requests(), before + 3);
    let (_, said) = scene.refuses(&["token", "refresh", "sa"], "");
    assert!(said.contains("--mailbox ADDRESS"), "{said}");
    scene.is_discreet();
}
