//! `gatepost status` and `/readyz` of a service that runs.

use std::process::Output;

use serde_json::Value;

use crate::service::Service;

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_whether_all_mail_is_flowing() {
    let service = Service::in_use().await;
    let output = service.command(&["status"]);
    let text = said(&output);
    // A token that nobody has granted concerns no account.
    assert!(output.status.success() && text.starts_with("All mail is flowing.\n"), "{text}");
    for part in ["gatepost 0.", "imap      127.0.0.1:", "support", "ungranted", "localhost:"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let output = service.command(&["status", "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["ready"], &told["accounts"]["usable"]), (&true.into(), &1.into()), "{told}");
    assert!(!said(&output).contains("s3cret"), "{told}");
    let ready = service.get("/readyz", "text/plain").await;
    assert!(ready.starts_with("HTTP/1.1 200") && ready.ends_with("ok   tokens\n"), "{ready}");
    assert!(service.get("/healthz", "*/*").await.ends_with("\r\n\r\nok\n"));

    let service = tokio::task::spawn_blocking(move || {
        let watched = service.on_a_terminal("status --watch", b"xq");
        let text = said(&watched);
        assert!(watched.status.success() && text.contains("All mail is flowing."), "{text}");
        assert!(text.contains("\x1b[?1049h") && text.contains("\x1b[?1049l"), "the screen is given back: {text}");
        service
    });
    service.await.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_be_served_is_named_with_what_to_do() {
    let service = Service::start().await;
    let hash = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$cGFzc3dvcmRwYXNzd29yZHBhc3N3b3JkcGFzc3dvcmQ";
    service.append(&format!("[accounts.late]\npassword_hash = \"{hash}\"\ntoken = \"ungranted\"\n"));
    let reloaded = service.command(&["reload"]);
    assert!(reloaded.status.success(), "{}", said(&reloaded));
    // A look may be a second old.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let output = service.command(&["status"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("Mail is not flowing for 1 of 2 accounts.\n"), "{text}");
    assert!(text.contains("late ") && text.contains("gatepost token import ungranted"), "{text}");
    let ready = service.get("/readyz", "application/json").await;
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains(r#""account":"late""#), "{ready}");
    let scrape = service.scrape("application/openmetrics-text").await;
    for line in [
        "gatepost_ready 0.0",
        r#"gatepost_accounts{state="unusable"} 1.0"#,
        r#"gatepost_config_reloads_total{outcome="success"} 1"#,
    ] {
        assert!(scrape.text.lines().any(|told| told == line), "{line}: {}", scrape.text);
    }
    service.stop().await;
}

#[test]
fn where_no_service_runs_that_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("gatepost.toml");
    std::fs::write(&file, "[store]\nkey = \"gpk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"\n").unwrap();
    let mut status = std::process::Command::new(env!("CARGO_BIN_EXE_gatepost"));
    let output = status.args(["status", "--config"]).arg(file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("no service answers"), "{}", said(&output));
}
