//! `gatepost token`, beside a running service.

use crate::place::{Place, UNAVAILABLE, WRONG, YES};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_switched_off_is_no_wrong_password() {
    let mut place = Place::new().await;
    std::fs::write(place.path("secret"), "client s3cret\n").unwrap();
    let secret = place.path("secret");
    let flags = ["--provider", "simulated", "--grant", "client_credentials", "--mailbox", "support@example.com"];
    let client = ["--client-id", "client", "--client-secret-file", secret.to_str().unwrap()];
    place.run(&[&["token", "add", "other"][..], &flags, &client].concat());
    place.fed(&["account", "add", "scanner", "--token", "other"], "one");
    place.serve();
    place.soon("scanner", "one", YES).await;
    assert_eq!(place.run(&["token", "disable", "other"]), "other: disabled\n");
    place.soon("scanner", "one", UNAVAILABLE).await;
    let [smtp, ..] = place.answers("scanner", "one").await;
    assert!(smtp.contains("token 'other' is disabled, ask the administrator"), "{smtp}");
    place.soon("scanner", "wrong", WRONG).await;
    let listed = place.run(&["token", "list"]);
    assert!(listed.lines().any(|line| line.starts_with("other ") && line.contains(" disabled ")), "{listed}");
    assert!(place.run(&["token", "show", "other"]).contains("gatepost token enable other"));
    assert_eq!(place.run(&["token", "enable", "other"]), "other: enabled\n");
    place.soon("scanner", "one", YES).await;

    let told = place.fails(1, &["token", "disable", "support"], &[]);
    assert!(told.contains("gatepost.toml:") && told.contains("write `disabled = true` there"), "{told}");
    assert!(place.fails(1, &["token", "enable", "nobody"], &[]).contains("there are: support, other"));
}
