//! A test message.

use serde_json::Value;

use crate::scene::{MAILBOX, Run, Scene, Setting, fails};

async fn send(scene: &Scene, to: &str) -> Vec<Value> {
    let Run { code, stdout, stderr } = scene.run(&["doctor", "evmail", "--send-to", to, "--json"]).await;
    let steps: Vec<Value> = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{code:?} {stdout}{stderr}"));
    let failed = steps.iter().any(|step| step["outcome"] == "failed");
    assert_eq!(code, Some(i32::from(failed)), "{stderr}");
    steps
}

fn names(steps: &[Value]) -> Vec<&str> {
    steps.iter().filter(|step| step["outcome"] != "warning").map(|step| step["step"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn one_message_goes_out_and_the_answers_are_shown() {
    let scene = Scene::new().await;
    let steps = send(&scene, "me@example.net").await;
    assert_eq!(names(&steps), ["dns", "tcp", "tls", "token", "sasl", "mail", "rcpt", "data", "message"]);
    let answer = steps.last().unwrap()["detail"].as_str().unwrap();
    assert!(answer.starts_with("250 2.0.0 OK"), "the server's own words: {answer}");
    let sent = scene.provider.mail("me@example.net");
    let [mail] = &sent[..] else { panic!("{sent:?}") };
    let text = String::from_utf8(mail.content.clone()).unwrap();
    for field in
        ["Date: ", "Message-ID: <gatepost.", "From: <support@example.com>", "To: <me@example.net>", "Account: EvMail"]
    {
        assert!(text.lines().any(|line| line.starts_with(field)), "{field}: {text}");
    }
    assert!(is_whole(&text), "{text}");
    assert_eq!(scene.provider.take_violations(), [""; 0]);
}

/// A head of fields, an empty line, a body, and no line without CRLF.
fn is_whole(text: &str) -> bool {
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    head.lines().all(|line| line.contains(": "))
        && !body.is_empty()
        && text.matches('\n').count() == text.matches("\r\n").count()
}

#[tokio::test]
async fn the_sender_is_as_the_policy_has_it() {
    for (policy, sender) in [
        ("sender = { policy = \"rewrite\", address = \"desk@example.com\" }", "desk@example.com"),
        ("sender = { policy = \"require\", addresses = [\"x@example.org\", \"*@example.com\"] }", MAILBOX),
        ("sender = { policy = \"require\", addresses = [\"*@example.net\", \"x@example.org\"] }", "x@example.org"),
    ] {
        let scene = Scene::with(Setting { account: policy, ..Setting::default() }).await;
        send(&scene, "me@example.net").await;
        let sent = scene.provider.mail("me@example.net");
        let text = String::from_utf8_lossy(&sent[0].content).into_owned();
        assert!(text.contains(&format!("From: <{sender}>\r\n")), "{policy}: {text}");
    }
    let nobody = "sender = { policy = \"require\", addresses = [\"*@example.net\"] }";
    let scene = Scene::with(Setting { account: nobody, ..Setting::default() }).await;
    fails(&send(&scene, "me@example.net").await, "smtp", "account", "sender policy", "`sender`");
}

#[tokio::test]
async fn refusals_are_told_in_the_servers_words_with_what_to_do() {
    let scene = Scene::new().await;
    for (verb, said, stage, cause, remedy) in [
        (
            "MAIL",
            "550 5.7.60 SMTP; Client does not have permissions to send as this sender\r\n",
            "mail",
            "may not send as",
            "SendAs",
        ),
        ("RCPT", "550 5.1.1 No such user\r\n", "rcpt", "this recipient", "check the address"),
        ("DATA", "451 4.3.0 Later\r\n", "data", "does not take the message", "words"),
    ] {
        scene.provider.faults(|faults| {
            faults.replies.insert(verb, said);
        });
        let steps = send(&scene, "me@example.net").await;
        fails(&steps, "smtp", stage, cause, remedy);
        assert!(steps.last().unwrap()["detail"].as_str().unwrap().ends_with(said.trim()), "{steps:#?}");
        scene.provider.faults(|faults| faults.replies.clear());
    }
    assert!(scene.provider.mail("me@example.net").is_empty());
}

#[tokio::test]
async fn an_account_that_may_not_send_and_an_address_that_is_none_are_refused_before_anything_is_asked() {
    let scene = Scene::with(Setting { account: "protocols = [\"imap\"]", ..Setting::default() }).await;
    fails(&send(&scene, "me@example.net").await, "smtp", "account", "leave smtp out", "add smtp");
    for (arguments, said) in [
        (&["doctor", "evmail", "--send-to", "me"][..], "no mail address"),
        (&["doctor", "evmail", "--send-to", "a@example.net>\r\nRCPT TO:<b@example.net"], "no mail address"),
        (&["doctor", "--send-to", "me@example.net"], "<ACCOUNT>"),
    ] {
        let Run { code, stderr, .. } = scene.run(arguments).await;
        assert!(code != Some(0) && stderr.contains(said), "{code:?} {stderr}");
    }
    assert!(scene.provider.commands().is_empty() && scene.provider.token_requests().is_empty());
}
