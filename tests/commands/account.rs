//! `gatepost account`, also beside a running service.

use crate::place::{NOT_ALLOWED, PASSWORD, Place, UNAVAILABLE, WRONG, YES};

#[tokio::test(flavor = "multi_thread")]
async fn a_running_service_follows_every_change() {
    let mut place = Place::new().await;
    place.serve();
    place.soon("evmail", PASSWORD, YES).await;

    let told =
        place.fed(&["account", "add", "Scanner", "--token", "support", "--alias", "scan@example.com"], "first one");
    assert_eq!(told, "Scanner: added\n");
    place.soon("scanner", "first one", YES).await;
    place.soon("SCAN@example.com", "first one", YES).await;
    place.soon("scanner", "second one", WRONG).await;

    place.fed(&["account", "password", "scanner", "--keep-old"], "second one");
    place.soon("scanner", "second one", YES).await;
    place.soon("scanner", "first one", YES).await;
    place.fed(&["account", "password", "scanner"], "third one");
    place.soon("scanner", "third one", YES).await;
    // Both have been right, and would be remembered as such.
    for old in ["first one", "second one"] {
        place.soon("scanner", old, WRONG).await;
    }

    assert_eq!(place.run(&["account", "disable", "scanner"]), "Scanner: disabled\n");
    place.soon("scanner", "third one", NOT_ALLOWED).await;
    place.soon("scanner", "wrong", WRONG).await;
    assert_eq!(place.run(&["account", "enable", "SCANNER"]), "Scanner: enabled\n");
    place.soon("scanner", "third one", YES).await;

    assert!(place.fails(1, &["account", "remove", "scanner"], &[]).contains("--yes"));
    assert_eq!(place.run(&["account", "remove", "scanner", "--yes"]), "Scanner: removed\n");
    place.soon("scanner", "third one", WRONG).await;
    let unknown = place.answers("nobody", "third one").await;
    assert_eq!(place.answers("scanner", "third one").await, unknown);
    place.soon("evmail", PASSWORD, YES).await;

    // At once again, with another password: no version of it is mistaken for the one before.
    place.fed(&["account", "add", "scanner", "--token", "support"], "fourth one");
    place.run(&["account", "remove", "scanner", "--yes"]);
    place.fed(&["account", "add", "scanner", "--token", "support"], "fifth one");
    place.soon("scanner", "fifth one", YES).await;
    place.soon("scanner", "fourth one", WRONG).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_made_up_and_shown_once() {
    let mut place = Place::new().await;
    let told = place.run(&["account", "add", "scanner", "--token", "support", "--protocol", "smtp", "--generate"]);
    let shown = |told: &str| told.lines().find_map(|line| Some(line.split_once("): ")?.1.to_owned())).unwrap();
    let first = shown(&told);
    assert_eq!(first.len(), 24, "{told}");
    let second = shown(&place.run(&["account", "password", "scanner", "--generate"]));
    assert_ne!(first, second);
    assert!(!place.run(&["account", "list", "--json"]).contains(&second));
    place.serve();
    place.soon("scanner", &second, [YES[0], NOT_ALLOWED[1], NOT_ALLOWED[2]]).await;
    place.soon("scanner", &first, WRONG).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_at_once_and_nothing_is_saved() {
    let place = Place::new().await;
    place.fed(&["account", "add", "scanner", "--token", "support", "--alias", "scan"], "p");
    let told = place.fails(
        1,
        &[
            "account",
            "add",
            "EVMAIL",
            "--token",
            "suport",
            "--protocol",
            "imp",
            "--network",
            "10.0.0.0/33",
            "--alias",
            "Scan",
            "--mailbox",
            "a\u{7}b",
            "--sender",
            "rewrite:support",
        ],
        &[],
    );
    for (argument, problem) in [
        ("NAME", "the user name \"EVMAIL\" already belongs to the account \"EvMail\" (gatepost.toml:"),
        ("--token", "there is no token \"suport\"; allowed: support; did you mean \"support\"?"),
        ("--protocol", "found \"imp\"; allowed: "),
        ("--network", "found \"10.0.0.0/33\"; allowed: "),
        ("--alias", "the user name \"Scan\" already belongs to the account \"scanner\" (in the store)"),
        ("--sender", "found \"support\"; allowed: an address such as"),
        ("--mailbox", "found \"a?b\"; allowed: "),
    ] {
        assert!(told.contains(&format!("\n  {argument}: {problem}")), "{argument}: {told}");
    }
    assert!(place.fails(1, &["account", "add", "*@example.com", "--token", "support"], &[]).contains("pattern"));
    assert!(place.fails(1, &["account", "add", "x", "--token", "support"], &[]).contains("nothing was given"));
    let names = names(&place);
    assert_eq!(names, ["EvMail", "scanner"]);
}

fn listed(place: &Place) -> Vec<serde_json::Value> {
    serde_json::from_str(&place.run(&["account", "list", "--json"])).unwrap()
}

fn names(place: &Place) -> Vec<String> {
    listed(place).iter().map(|account| account["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_tells_where_each_account_stands() {
    let place = Place::new().await;
    let hash = place.read("gatepost.toml").lines().find(|line| line.starts_with("password_hash")).unwrap().to_owned();
    place.edit(
        "[accounts.EvMail]",
        &format!(
            "[accounts.\"*@example.com\"]\ntoken = \"support\"\npassword_rule = \"shared\"\n{hash}\nusers = [\"a@example.com\", \"b@example.com\"]\ndisabled = true\n[accounts.EvMail]"
        ),
    );
    place.fed(
        &["account", "add", "scanner", "--token", "support", "--network", "10.0.0.0/8", "--protocol", "smtp"],
        "p",
    );
    for (name, sender) in [("keeps", "keep"), ("requires", "require"), ("rewrites", "rewrite:robot@example.com")] {
        place.fed(&["account", "add", name, "--token", "support", "--sender", sender], "p");
    }
    let told = place.run(&["account", "list"]).replace(&format!("{}/", place.directory.path().display()), "");
    let line = |start: &str| place.read("gatepost.toml").lines().position(|line| line.starts_with(start)).unwrap() + 1;
    let (users, evmail) = (line("users"), line("[accounts.EvMail]"));
    let rows: Vec<Vec<&str>> =
        told.lines().map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()).collect();
    let all = "smtp, imap, pop3";
    assert_eq!(rows[0], ["NAME", "TOKEN", "PROTOCOLS", "NETWORKS", "STATE", "DECLARED"]);
    assert_eq!(rows[1], ["a@example.com", "support", all, "any", "disabled", &format!("gatepost.toml:{users}")]);
    assert_eq!(rows[2][0], "b@example.com");
    assert_eq!(rows[3], ["EvMail", "support", all, "any", "enabled", &format!("gatepost.toml:{evmail}")]);
    assert_eq!(rows[7], ["scanner", "support", "smtp", "10.0.0.0/8", "enabled", "store"]);
    let senders: Vec<_> = listed(&place)[3..6].iter().map(|account| account["sender"].to_string()).collect();
    assert_eq!(
        senders,
        [
            r#"{"policy":"keep"}"#,
            r#"{"addresses":["support@example.com"],"policy":"require"}"#,
            r#"{"address":"robot@example.com","policy":"rewrite","reply_to":true}"#,
        ]
    );
    let scanner = &listed(&place)[6];
    assert_eq!((scanner["protocols"][0].as_str(), scanner["passwords"].as_array().unwrap().len()), (Some("smtp"), 1));

    for (arguments, place_and_edit) in [
        (&["password", "evmail"][..], format!("gatepost.toml:{evmail}; give it the hash")),
        (&["disable", "evmail"], format!("gatepost.toml:{evmail}; write `disabled = true`")),
        (&["enable", "a@example.com"], format!("gatepost.toml:{users}; take `disabled = true` out")),
        (&["disable", "A@example.com"], format!("gatepost.toml:{users}; take it out of `users`")),
        (&["remove", "evmail", "--yes"], format!("gatepost.toml:{evmail}; take it out")),
        (&["remove", "nobody", "--yes"], "there is no account \"nobody\"; there are: a@example.com, ".to_owned()),
    ] {
        let told = place.fails(1, &[&["account"], arguments].concat(), &[]);
        assert!(told.contains(&place_and_edit), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_listed_and_can_be_removed() {
    let place = Place::new().await;
    place.fed(&["account", "add", "scanner", "--token", "support", "--protocol", "pop3"], "p");
    place.edit("pop3 = {", "# pop3 = {");
    let config = place.path("gatepost.toml");
    let config = config.to_str().unwrap();
    let (code, stdout, stderr) = crate::run(&["account", "list", "--config", config]);
    assert!(code == Some(0) && stderr.contains("has no pop3 server"), "{stderr}");
    assert!(stdout.lines().any(|line| line.starts_with("scanner ") && line.contains("broken")), "{stdout}");
    let (code, _, stderr) =
        crate::run(&["account", "add", "scanner", "--token", "support", "--generate", "--config", config]);
    assert!(code == Some(1) && stderr.contains("gatepost account remove"), "{stderr}");
    let (code, stdout, _) = crate::run(&["account", "remove", "scanner", "--yes", "--config", config]);
    assert_eq!((code, stdout.as_str()), (Some(0), "scanner: removed\n"));
    assert_eq!(names(&place), ["EvMail"]);
}

/// A token that is gone is no wrong password, no reason for others to suffer, and no reason for commands not to mend it.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_outlive_their_token() {
    let mut place = Place::new().await;
    let (_, hash, _) = crate::fed(&["hash-password"], format!("{PASSWORD}\n").as_bytes());
    let text = place.read("gatepost.toml");
    let file = format!("{text}\n[accounts.filed]\ntoken = \"later\"\npassword_hash = {:?}\n", hash.trim());
    std::fs::write(place.path("gatepost.toml"), file).unwrap();
    let told = place.fails(78, &["config", "check"], &[]);
    assert!(told.contains("there is no token \"later\"") && told.contains("gatepost token add later"), "{told}");

    // There is no store yet, and nothing but this command will mend it.
    let flags =
        ["--provider", "google", "--grant", "authorization_code", "--mailbox", "a@example.com", "--client-id", "c"];
    let told = place.run_loudly(&[&["token", "add", "later"][..], &flags].concat());
    assert!(told.contains("warning: account \"filed\": there is no token \"later\""), "{told}");
    place.run(&["config", "check"]);

    place.run(&[&["token", "add", "other"][..], &flags].concat());
    place.fed(&["account", "add", "stored", "--token", "other"], PASSWORD);
    place.serve();
    place.soon("filed", PASSWORD, UNAVAILABLE).await;
    for token in ["later", "other"] {
        place.run_loudly(&["token", "forget", token, "--yes"]);
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    for user in ["filed", "stored"] {
        place.soon(user, PASSWORD, UNAVAILABLE).await;
        place.soon(user, "wrong", WRONG).await;
    }
    place.soon("evmail", PASSWORD, YES).await;
    assert!(place.fails(78, &["config", "check"], &[]).contains("\"later\""));
    let (_, listed, _) = crate::run(&["account", "list", "--config", place.path("gatepost.toml").to_str().unwrap()]);
    assert_eq!(listed.lines().filter(|line| line.contains("no token")).count(), 2, "{listed}");
    let told = place.fails(1, &["doctor", "stored"], &[]);
    assert!(told.contains("there is no token \"other\""), "{told}");

    // A restart serves the others, too.
    place.restart();
    place.soon("evmail", PASSWORD, YES).await;
    place.soon("filed", PASSWORD, UNAVAILABLE).await;
}
