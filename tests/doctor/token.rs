//! The token: how it is, and what it says of itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost_kit::Answer;
use serde_json::{Value, json};

use crate::scene::{Scene, Setting, fails, last, warnings, works};

#[tokio::test]
async fn a_refusal_is_told_once_and_known_afterwards() {
    let scene =
        Scene::with(Setting { token: "client_id = \"client\"\nclient_secret = \"old s3cret\"", ..Setting::default() })
            .await;
    let steps = scene.steps().await;
    for (protocol, known) in [("imap", false), ("pop3", true), ("smtp", true)] {
        fails(&steps, protocol, "token", "the client secret is wrong", "the secret's Value");
        assert_eq!(last(&steps, protocol)["known"], known);
    }
    assert_eq!(scene.provider.token_requests().len(), 1);
    let run = scene.run(&["doctor"]).await;
    assert_eq!(run.stdout.matches("cause: ").count(), 1 + 1, "{}", run.stdout);
    assert!(run.stderr.contains("3 of 3 logins failed"), "{}", run.stderr);
}

#[tokio::test]
async fn a_grant_that_is_not_there_or_has_ended() {
    let by_refresh = Setting { grant: "refresh_token", ..Setting::default() };
    let scene = Scene::with(by_refresh).await;
    fails(&scene.steps().await, "imap", "token", "no grant yet", "gatepost token import support");
    import(&scene, "nonsense").await;
    fails(&scene.steps().await, "imap", "token", "", "gatepost token authorize support");
    import(&scene, &scene.provider.issue_refresh_token(crate::scene::MAILBOX)).await;
    works(&scene.steps().await, "imap");
    let moved = Setting { grant: "refresh_token", token: "client_id = \"another\"", ..Setting::default() };
    scene.write(&scene.text(&moved));
    fails(&scene.steps().await, "imap", "token", " another: nothing was dropped", "take the change back");
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_asked_again_in_spite_of_its_back_off() {
    let scene = Scene::new().await;
    scene.provider.faults(|faults| faults.token_answers = [Answer::CloseEarly, Answer::CloseEarly].into());
    let down = scene.steps().await;
    fails(&down, "imap", "token", "did not answer", "firewall");
    scene.provider.faults(|faults| faults.token_answers.clear());
    works(&scene.steps().await, "imap");
}

/// The mail servers of the kit do not know these tokens, as the real ones do not take them.
#[tokio::test]
async fn a_token_for_graph_is_seen_before_it_is_refused() {
    let scene = Scene::with(Setting { scopes: r#"["mail"]"#, ..Setting::default() }).await;
    let claims = json!({ "aud": "https://graph.microsoft.com", "roles": ["Mail.Send"], "tid": "contoso" });
    let steps = issuing(&scene, &claims).await;
    assert!(detail(&steps, "token").contains("for https://graph.microsoft.com, roles Mail.Send, tenant contoso"));
    assert_eq!(warnings(&steps, "imap").len(), 1);
    assert!(warnings(&steps, "imap")[0]["cause"].as_str().unwrap().contains("Microsoft Graph"));
    for protocol in ["imap", "pop3", "smtp"] {
        fails(&steps, protocol, "sasl", "Microsoft Graph", "https://outlook.office365.com/.default");
    }
}

#[tokio::test]
async fn roles_that_are_missing_are_a_warning_and_the_object_id_comes_first() {
    let scene = Scene::new().await;
    let steps = issuing(&scene, &json!({ "aud": "https://outlook.office365.com" })).await;
    assert_eq!(warnings(&steps, "imap")[0]["detail"], "the app-only token carries no roles");
    assert!(warnings(&steps, "imap")[0]["cause"].as_str().unwrap().contains("RBAC for Applications"));
    for protocol in ["imap", "pop3", "smtp"] {
        fails(&steps, protocol, "sasl", "does not accept this user", "ENTERPRISE");
    }
    let scene = Scene::new().await;
    let claims = json!({ "aud": "https://outlook.office365.com", "roles": ["IMAP.AccessAsApp", "POP.AccessAsApp"] });
    let steps = issuing(&scene, &claims).await;
    assert!(warnings(&steps, "imap").is_empty() && warnings(&steps, "pop3").is_empty());
    assert_eq!(warnings(&steps, "smtp")[0]["detail"], "SMTP.SendAsApp is missing");
    assert!(warnings(&steps, "smtp")[0]["remedy"].as_str().unwrap().contains("Application permissions"));
}

#[tokio::test]
async fn scopes_that_are_missing_are_a_warning() {
    let scopes = r#"["https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send", "offline_access"]"#;
    let scene = Scene::with(Setting { grant: "refresh_token", scopes, ..Setting::default() }).await;
    import(&scene, &scene.provider.issue_refresh_token(crate::scene::MAILBOX)).await;
    let token = jwt(&json!({
        "aud": "https://outlook.office.com", "scp": "IMAP.AccessAsUser.All", "upn": "delegate@example.com",
    }));
    let granted = "https://outlook.office365.com/IMAP.AccessAsUser.All";
    let body = json!({ "access_token": token, "expires_in": 3600, "token_type": "Bearer", "scope": granted });
    let steps = answering(&scene, &body).await;
    let told: Vec<_> = steps.iter().filter(|step| step["outcome"] == "warning").map(|step| &step["detail"]).collect();
    assert_eq!(told, ["https://outlook.office.com/SMTP.Send was not granted", "POP.AccessAsUser.All is missing"]);
    fails(
        &steps,
        "imap",
        "sasl",
        "does not accept",
        "primary address of the mailbox, not an alias? delegate@example.com",
    );
}

async fn import(scene: &Scene, refresh: &str) {
    let file = scene.directory.path().join("refresh-token");
    std::fs::write(&file, refresh).unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.args(["token", "import", "support"]).current_dir(scene.directory.path());
    let imported = command.stdin(std::fs::File::open(&file).unwrap()).output().await.unwrap();
    assert!(imported.status.success(), "{imported:?}");
}

/// The steps with an access token that claims this.
async fn issuing(scene: &Scene, claims: &Value) -> Vec<Value> {
    answering(scene, &json!({ "access_token": jwt(claims), "expires_in": 3600, "token_type": "Bearer" })).await
}

async fn answering(scene: &Scene, body: &Value) -> Vec<Value> {
    let answer = Answer::Status(200, vec![("Content-Type", "application/json".into())], body.to_string());
    scene.provider.faults(|faults| faults.token_answers = std::iter::repeat_n(answer, 4).collect());
    scene.steps().await
}

fn jwt(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", part(&json!({ "alg": "RS256" })), part(claims))
}

fn detail<'a>(steps: &'a [Value], stage: &str) -> &'a str {
    steps.iter().find(|step| step["step"] == stage).and_then(|step| step["detail"].as_str()).unwrap()
}
