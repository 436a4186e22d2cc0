//! Passwords with a label, of accounts that live in the store.

use serde_json::{Value, json};

use crate::place::{NOT_ALLOWED, Place, WRONG, YES};

fn passwords(place: &Place, name: &str) -> Value {
    let accounts: Value = serde_json::from_str(&place.run(&["account", "list", "--json"])).unwrap();
    let account = accounts.as_array().unwrap().iter().find(|account| account["name"] == name).cloned();
    account.unwrap()["passwords"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_program_gets_its_own_and_loses_it_alone() {
    let mut place = Place::new().await;
    place.fed(&["account", "add", "office", "--token", "support"], "own one");
    place.serve();
    place.soon("office", "own one", YES).await;

    let label =
        ["account", "password", "OFFICE", "--label", "scanner", "--protocol", "smtp", "--network", "127.0.0.0/8"];
    assert_eq!(place.fed(&label, "scan one"), "office: the password \"scanner\" is new\n");
    let only_smtp = [YES[0], NOT_ALLOWED[1], NOT_ALLOWED[2]];
    place.soon("office", "scan one", only_smtp).await;
    place.soon("office", "own one", YES).await;
    let scanner = json!({ "label": "scanner", "protocols": ["smtp"], "networks": ["127.0.0.0/8"], "expires": null });
    let own = json!({ "label": null, "protocols": [], "networks": [], "expires": null });
    assert_eq!(passwords(&place, "office"), json!([own, scanner]));
    let log = place.read("log");
    let login = log.lines().find(|line| line.contains("session.login\"") && line.contains("\"password\"")).unwrap();
    assert!(login.contains("\"password\":\"scanner\""), "{login}");
    assert!(!log.contains("argon2id"), "{log}");

    // The same label, in any case, is the same password: its limits are those that are given now.
    place.fed(&["account", "password", "office", "--label", "Scanner"], "scan two");
    place.soon("office", "scan two", YES).await;
    place.soon("office", "scan one", WRONG).await;
    // Without a label the others stay.
    let told = place.fed(&["account", "password", "office"], "own two");
    assert_eq!(told, "office: it has a new password; those with a label open it too\n");
    place.soon("office", "own one", WRONG).await;
    place.soon("office", "scan two", YES).await;

    let told = place.run(&["account", "password", "office", "--remove-label", "scanner"]);
    assert_eq!(told, "office: the password \"scanner\" is gone\n");
    place.soon("office", "scan two", WRONG).await;
    place.soon("office", "own two", YES).await;
    assert_eq!(passwords(&place, "office"), json!([own]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_refused_from_its_day_on() {
    let mut place = Place::new().await;
    place.fed(&["account", "add", "office", "--token", "support"], "own one");
    let give = |label, expires| ["account", "password", "office", "--label", label, "--expires", expires];
    place.fed(&give("old", "2020-01-31"), "old one");
    place.fed(&give("new", "2120-01-31T18:00:00Z"), "new one");
    let expires: Vec<_> =
        passwords(&place, "office").as_array().unwrap().iter().map(|password| password["expires"].clone()).collect();
    assert_eq!(expires, [Value::Null, "2020-01-31T00:00:00Z".into(), "2120-01-31T18:00:00Z".into()]);
    place.serve();
    place.soon("office", "new one", YES).await;
    place.soon("office", "old one", NOT_ALLOWED).await;
    place.soon("office", "other", WRONG).await;
    assert!(place.read("log").contains("right password, but it has expired"));
    let told = place.fails(1, &give("old", "soon"), &[]);
    assert!(told.contains("\n  --expires: found \"soon\"; allowed: a day such as"), "{told}");
    place.fails(64, &["account", "password", "office", "--expires", "2027-01-31"], &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_label_is_said_before_a_password_is_asked_for() {
    let place = Place::new().await;
    place.fed(&["account", "add", "office", "--token", "support", "--protocol", "smtp"], "p");
    let password = |arguments: &[&'static str]| [&["account", "password"], arguments].concat();
    let told =
        place.fails(1, &password(&["office", "--label", "a", "--protocol", "imap", "--network", "10.0.0.0/33"]), &[]);
    assert!(told.contains("\n  --protocol: the account is not for imap"), "{told}");
    assert!(told.contains("\n  --network: found \"10.0.0.0/33\"; allowed: "), "{told}");
    assert!(place.fails(1, &password(&["office", "--label", ""]), &[]).contains("\n  --label: found \"\""));
    assert!(place.fails(1, &password(&["office", "--label", "a"]), &[]).contains("nothing was given"));
    assert!(place.fails(1, &password(&["office", "--remove-label", "a"]), &[]).contains("there are: none"));
    assert!(place.fails(1, &password(&["evmail", "--label", "a"]), &[]).contains("to its `passwords` there"));
    for usage in [&["office", "--network", "10.0.0.0/8"][..], &["office", "--label", "a", "--keep-old"]] {
        place.fails(64, &password(usage), &[]);
    }
    assert_eq!(passwords(&place, "office").as_array().unwrap().len(), 1);

    for label in ["1", "2", "3", "4", "5", "6", "7", "8", "9"] {
        place.run(&["account", "password", "office", "--label", label, "--generate"]);
    }
    let told = place.fails(1, &password(&["office", "--label", "10"]), &[]);
    assert!(told.contains("11 passwords, and 10 are the most"), "{told}");
    let told = place.fails(1, &password(&["office", "--keep-old"]), &[]);
    assert!(told.contains("nothing was given") || told.contains("10 are the most"), "{told}");
}
