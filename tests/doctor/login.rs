//! The login, and the command behind it.

use gatepost_kit::Dialect;

use crate::scene::{MAILBOX, Scene, Setting, fails, last, works};

#[tokio::test]
async fn a_token_that_was_revoked_is_refreshed_once_and_told() {
    let scene = Scene::new().await;
    scene.steps().await;
    scene.provider.revoke_access_tokens();
    let steps = scene.steps().await;
    for protocol in ["imap", "pop3", "smtp"] {
        works(&steps, protocol);
    }
    let told = steps.iter().find(|step| step["step"] == "sasl").unwrap()["detail"].as_str().unwrap();
    assert!(told.contains("a new one is good"), "{told}");
    assert_eq!(scene.provider.token_requests().len(), 2);
}

#[tokio::test]
async fn refusals_are_explained_in_each_dialect() {
    let scene = Scene::new().await;
    scene.provider.faults(|faults| faults.refuse_logins = 100);
    let steps = scene.steps().await;
    for protocol in ["imap", "pop3", "smtp"] {
        fails(&steps, protocol, "sasl", "Exchange does not accept this user", "ENTERPRISE");
    }
    assert!(last(&steps, "smtp")["detail"].as_str().unwrap().contains("as support@example.com: 535 5.7.3"));
    let scene = Scene::with(Setting { dialect: Dialect::Google, ..Setting::default() }).await;
    scene.provider.faults(|faults| faults.refuse_logins = 100);
    let steps = scene.steps().await;
    for protocol in ["imap", "pop3", "smtp"] {
        fails(&steps, protocol, "sasl", "Gmail does not accept this user", "account that consented");
    }
}

#[tokio::test]
async fn smtp_auth_that_is_switched_off() {
    let scene = Scene::new().await;
    let remedy = "Set-CASMailbox support@example.com -SmtpClientAuthenticationDisabled $false";
    for (said, cause, remedy) in [
        (
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. [HOST]\r\n",
            "switched off for the tenant",
            remedy,
        ),
        (
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. [HOST]\r\n",
            "switched off for the mailbox",
            "personal Outlook.com",
        ),
        ("454 4.7.0 Temporary authentication failure\r\n", "will not serve now", "try again"),
        ("535 5.0.0 Nein\r\n", "does not accept this user with this token", "is support@example.com who signed in"),
    ] {
        scene.provider.faults(|faults| {
            faults.replies.insert("AUTH", said);
            faults.replies.insert("CAPABILITY", "NO [UNAVAILABLE] later\r\n");
        });
        let steps = scene.steps().await;
        fails(&steps, "smtp", "sasl", cause, remedy);
        fails(&steps, "imap", "sasl", "will not serve now", "try again");
        scene.provider.faults(|faults| faults.replies.clear());
    }
    works(&scene.steps().await, "smtp");
}

#[tokio::test]
async fn what_is_refused_only_after_the_login() {
    let scene = Scene::new().await;
    scene.provider.faults(|faults| {
        faults
            .replies
            .insert("EXAMINE", "BAD User is authenticated but not connected.\r\n* BYE Connection closed. 14\r\n");
        faults.replies.insert("STAT", "-ERR [SYS/TEMP] Mailbox busy\r\n");
        faults.replies.insert("MAIL", "550 5.7.60 SMTP; Client does not have permissions to send as this sender\r\n");
    });
    let steps = scene.steps().await;
    fails(&steps, "imap", "command", "no mailbox here", "Set-CASMailbox support@example.com -ImapEnabled $true");
    fails(&steps, "pop3", "command", "refuses the first command", MAILBOX);
    fails(&steps, "smtp", "command", "may not send as this sender", "SendAs");
    scene.provider.faults(|faults| {
        faults.replies.clear();
        faults.breaks = Some(gatepost_kit::Break::AtMail);
    });
    fails(&scene.steps().await, "smtp", "command", "right after the login", "try again");
}

#[tokio::test]
async fn the_users_are_those_of_the_account() {
    let scene = Scene::with(Setting { account: "mailbox = \"shared@example.com\"", ..Setting::default() }).await;
    let steps = scene.steps().await;
    assert!(last(&steps, "imap")["detail"].as_str().unwrap().starts_with("as shared@example.com: "));
    assert!(scene.provider.logins().iter().all(|login| login.user == "shared@example.com"));
}

/// Servers lock accounts.
#[tokio::test]
async fn a_password_is_tried_once() {
    let token = "password = \"wrong\"";
    let setting = Setting { grant: "app_password", token, account: "protocols = [\"imap\"]", ..Setting::default() };
    let scene = Scene::with(setting).await;
    scene.provider.app_password(MAILBOX, "right");
    let steps = scene.steps().await;
    fails(&steps, "imap", "sasl", "this user with this", "");
    assert_eq!(scene.provider.logins().len(), 1);
}
