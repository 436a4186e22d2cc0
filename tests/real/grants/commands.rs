//! What `gatepost token …` says and refuses, beside a running service.

use serde_json::Value;

use super::scene::{Scene, eventually, mailbox};
use crate::gatepost::password_hash;
use crate::mail::{login, relays};
use crate::peers::peers;

const IMPORTED: [&str; 6] =
    ["--grant", "refresh_token", "--client-id", "imported", "--client-secret-file", "confidential.secret"];

/// A declaration with five mistakes, and the same in a file.
const WRONG: [&str; 16] = [
    "--provider",
    "real",
    "--grant",
    "client_credentials",
    "--mailbox",
    "wrong@example.test",
    "--client-id",
    "wrong",
    "--protocol",
    "ftp",
    "--token-url",
    "http://id.example/token",
    "--redirect-uri",
    "urn:ietf:wg:oauth:2.0:oob",
    "--client-secret-ends",
    "2027-13-01",
];
const WRONG_IN_A_FILE: &str = r#"[tokens.wrong]
provider = "real"
grant = "client_credentials"
mailbox = "wrong@example.test"
client_id = "wrong"
protocols = ["ftp"]
token_url = "http://id.example/token"
redirect_uri = "urn:ietf:wg:oauth:2.0:oob"
client_secret_ends = "2027-13-01"
"#;

#[test]
fn a_declaration_is_refused_as_the_file_would_be() {
    let Some(peers) = peers() else { return };
    let scene = Scene::new(peers);
    let (code, said) = scene.refuses(&[&["token", "add", "wrong"], &WRONG[..]].concat(), "");
    assert_eq!(code, Some(1));
    assert_eq!(scene.run(&["token", "list", "--json"], "").trim(), "[]");
    let file = scene.directory.path().join("gatepost.toml");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + WRONG_IN_A_FILE).unwrap();
    let (code, of_file) = scene.refuses(&["config", "check"], "");
    assert_eq!(code, Some(78));
    let mistakes = mistakes(&of_file);
    assert_eq!((mistakes.len(), said.matches("\n  --").count()), (5, 5), "{said}");
    for mistake in mistakes {
        assert!(said.contains(mistake), "{mistake}: {said}");
    }
}

/// What is wrong with each key, without place and key: the command line names its own arguments.
fn mistakes(of_file: &str) -> Vec<&str> {
    let told = of_file.lines().filter_map(|line| line.split_once(": tokens.wrong."));
    told.filter_map(|(_, mistake)| Some(mistake.split_once(": ")?.1)).collect()
}

#[test]
fn what_cannot_be_read_is_not_shown_either() {
    let Some(peers) = peers() else { return };
    let scene = Scene::new(peers);
    let secret = "mailb0x-s3cret\nsecond line";
    std::fs::write(scene.directory.path().join("two.lines"), secret).unwrap();
    let add = ["token", "add", "no", "--provider", "real", "--mailbox", "no@example.test"];
    for arguments in [
        &["--grant", "app_password", "--password-file", "two.lines"][..],
        &["--grant", "service_account", "--service-account", "two.lines"],
        &["--grant", "authorization_code", "--client-json", "two.lines"],
        &["--grant", "client_credentials", "--client-id", "x", "--client-certificate", "gatepost.key"],
    ] {
        assert_eq!(scene.refuses(&[&add, arguments].concat(), "").0, Some(1), "{arguments:?}");
    }
    assert_eq!(
        scene.refuses(&[&add[..], &["--grant", "refresh_token", "--client-secret-file", "nowhere"]].concat(), "").0,
        Some(1)
    );
    assert_eq!(scene.refuses(&["token", "add", "no", "--client-secret", "conf-s3cret"], "").0, Some(64));
    assert_eq!(scene.run(&["token", "list", "--json"], "").trim(), "[]");
    scene.tells_none_of(["second line"]);
}

#[test]
fn a_token_comes_is_told_of_and_goes() {
    let Some(peers) = peers() else { return };
    let mut scene = Scene::new(peers);
    scene.declare("told", &IMPORTED);
    let (_, said) = scene.refuses(&[&["token", "add", "told", "--provider", "real"], &IMPORTED[..]].concat(), "");
    assert!(said.contains("there is a token \"told\" already"), "{said}");
    assert!(login(&scene, "told").starts_with("-ERR [SYS/TEMP] token 'told' needs"));
    let mint = || peers.oauth(&format!("/mint?client=imported&mailbox={}", mailbox("told")));
    scene.run(&["token", "import", "told"], &mint());
    scene.relays("told");
    let listed: Value = serde_json::from_str(&scene.run(&["token", "list", "--json"], "")).unwrap();
    let short = ["error", "expires_at", "grant", "mailbox", "name", "provider", "refreshed_at", "remedy", "state"];
    assert_eq!(keys(&listed[0]), short);
    let shown = scene.shown("told");
    let long = [
        "authorized_at",
        "client_id",
        "declared_in",
        "ends",
        "failing_since",
        "failures",
        "issued_by",
        "next_refresh_at",
        "refresh_token",
        "scopes_granted",
        "scopes_not_granted",
        "scopes_requested",
        "signed_in",
    ];
    let mut all = [&short[..], &long[..]].concat();
    all.sort_unstable();
    assert_eq!(keys(&shown), all);
    for (key, value) in
        [("declared_in", "the store"), ("client_id", "imported"), ("refresh_token", "held"), ("state", "good")]
    {
        assert_eq!(shown[key], value, "{key}");
    }
    scene.refresh("told");
    assert_ne!(scene.shown("told")["refreshed_at"], shown["refreshed_at"]);

    let (_, said) = scene.refuses(&["token", "forget", "told"], "");
    assert!(said.contains("The accounts told use it.") && said.contains("say --yes"), "{said}");
    scene.relays("told");
    scene.run(&["token", "forget", "told", "--yes"], "");
    // A token that is gone makes no password wrong.
    let unusable = "-ERR [SYS/TEMP] token 'told'";
    eventually("the account is not unusable", || {
        let answer = login(&scene, "told");
        assert!(!answer.starts_with("-ERR [AUTH]"), "{answer}");
        answer.starts_with(unusable)
    });
    let (_, said) = scene.refuses(&["token", "show", "told"], "");
    assert!(said.contains("there is no token \"told\""), "{said}");
    // Its declaration comes back, and with another grant its account does its work again.
    scene.token("told", &IMPORTED);
    scene.run(&["token", "import", "told"], &mint());
    eventually("the account does not come back", || login(&scene, "told").starts_with("+OK"));

    // An account of the file does not keep its token from being made anew.
    let file = scene.directory.path().join("gatepost.toml");
    let account = format!("[accounts.filed]\npassword_hash = \"{}\"\ntoken = \"told\"\n", password_hash());
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + &account).unwrap();
    scene.run(&["token", "forget", "told", "--yes"], "");
    scene.token("told", &IMPORTED);
    scene.run(&["token", "import", "told"], &mint());
    // A service that is killed while it refreshes leaves a lease behind, for as long as that lasts.
    eventually("the token does not come back", || login(&scene, "told").starts_with("+OK"));
    scene.gatepost.restart();
    relays(&scene, "filed", &mailbox("told"));
    scene.is_discreet();
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}
