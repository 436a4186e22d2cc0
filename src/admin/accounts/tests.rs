//! The pages, asked of the router as a browser would.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use tower::ServiceExt as _;

use crate::admin::{accounts, problem, tests, visitor::Visitor};
use crate::config::Config;
use crate::registry::Registry;

/// Somebody who is signed in, at the pages of accounts.
struct Scene {
    _directory: tempfile::TempDir,
    router: Router,
}

/// What a page said.
struct Answer {
    status: StatusCode,
    text: String,
}

const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$5cKgW3p6wDYOGzQTS2Uzt7D1zXaBNrLXUD4pDeDlFc8";

const PROVIDER: &str = r#"
[tokens.support]
provider = "microsoft"
grant = "authorization_code"
mailbox = "support@example.com"
tenant = "6f1b2c3d-0000-4000-8000-000000000001"
client_id = "0c4e0000-0000-4000-8000-000000000002"
"#;

async fn scene(declarations: &str) -> Scene {
    let (mut desk, directory) = tests::desk("https://mail.example.com/gatepost/").await;
    let file = directory.path().join("gatepost.toml");
    let text = std::fs::read_to_string(&file).unwrap() + PROVIDER + &declarations.replace("HASH", HASH);
    std::fs::write(&file, text).unwrap();
    desk.config = Arc::new(Config::load(&file, Vec::new()).unwrap_or_else(|errors| panic!("{errors}")));
    let registry = Registry::open(Arc::clone(&desk.config), Arc::clone(&desk.store)).await.unwrap();
    desk.registry = Arc::new(registry);
    let explained = accounts::routes().layer(from_fn_with_state(desk.clone(), problem::explain));
    Scene { router: explained.with_state(desk), _directory: directory }
}

impl Scene {
    async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn ask(&self, mut request: Request) -> Answer {
        request.extensions_mut().insert(visitor());
        Answer::of(self.router.clone().oneshot(request).await.unwrap()).await
    }
}

fn visitor() -> Visitor {
    Visitor { id: "s1".into(), from: "192.0.2.1".into(), csrf: "proof".into(), notice: None }
}

impl Answer {
    async fn of(response: Response) -> Self {
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        Self { status, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// The text without markup, its blanks folded.
    fn plain(&self) -> String {
        let mut plain = String::new();
        for part in self.text.split('<') {
            plain.push_str(part.split_once('>').map_or(part, |(_, text)| text));
            plain.push(' ');
        }
        plain.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[tokio::test]
async fn a_list_is_searched_by_names_aliases_and_tokens_and_paged() {
    let account = |number| {
        format!(
            "[accounts.user{number:03}]\npassword_hash = \"HASH\"\ntoken = \"support\"\naliases = [\"alias{number:03}@example.com\"]\n"
        )
    };
    let declared: String = (0..120).map(account).collect();
    let scene = scene(&declared).await;
    let first = scene.get("/accounts").await;
    assert!(first.text.contains("user049") && !first.text.contains("user050"), "{}", first.text);
    assert!(first.text.contains("href=\"/gatepost/accounts?page=2\""), "{}", first.text);
    assert!(scene.get("/accounts?page=3").await.text.contains("user119"));
    for (query, count) in [("USER007", 1), ("alias007", 1), ("support", 50), ("nobody", 0)] {
        let found = scene.get(&format!("/accounts?q={query}")).await.text.matches("<th scope=\"row\">").count();
        assert_eq!(found, count, "{query}");
    }
}

#[tokio::test]
async fn names_of_any_kind_are_text_and_their_pages_are_found() {
    let scene = scene(
        "[accounts.\"<script>alert(1)</script>/../x\"]\npassword_hash = \"HASH\"\ntoken = \"support\"\n\
         [accounts.add]\npassword_hash = \"HASH\"\ntoken = \"support\"\n",
    )
    .await;
    let list = scene.get("/accounts?q=%3Cscript%3E").await;
    assert!(!list.text.contains("<script>alert") && list.text.contains("&#60;script&#62;alert(1)"), "{}", list.text);
    let link = list.text.split("href=\"/gatepost/accounts/").nth(1).unwrap().split('"').next().unwrap();
    let page = scene.get(&format!("/accounts/{link}")).await;
    assert!(page.status.is_success() && !page.text.contains("<script>alert"), "{}", page.text);
    assert!(scene.get("/accounts/~add").await.text.contains("Account add"));
    let missing = scene.get("/accounts/%3Cb%3E").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.text.contains("There is no account &#34;&#60;b&#62;&#34;"), "{}", missing.text);
}

#[tokio::test]
async fn the_settings_of_a_mail_program_are_those_of_the_listeners_that_the_account_may_use() {
    let scene = scene(
        "[[listeners]]\nprotocol = \"smtp\"\naddress = [\"127.0.0.1:1587\", \"10.1.2.3:587\"]\n\
         [[listeners]]\nprotocol = \"imap\"\naddress = [\"0.0.0.0:143\", \"[::]:143\"]\nplaintext_auth = []\n\
         [[listeners]]\nprotocol = \"pop3\"\naddress = \"0.0.0.0:110\"\n\
         [accounts.evmail]\npassword_hash = \"HASH\"\ntoken = \"support\"\nprotocols = [\"smtp\", \"imap\"]\n\
         [accounts.limited]\npassword_hash = \"HASH\"\ntoken = \"support\"\nprotocols = [\"pop3\"]\nnetworks = [\"10.0.0.0/8\"]\n",
    )
    .await;
    let page = scene.get("/accounts/EVMAIL").await.plain();
    for row in [
        "Incoming mail (IMAP) It has no TLS and takes passwords from nowhere: nobody can log in. Give the listener TLS. \
         mail.example.com Copy 143 Copy None evmail Copy Normal password",
        "Outgoing mail (SMTP) Only programs on the machine that Gatepost runs on reach it. For others, give the listener an \
         address of the network. 127.0.0.1 Copy 1587 Copy None evmail Copy Normal password",
        "Outgoing mail (SMTP) The name has to lead to 10.1.2.3, where it listens. It has no TLS and takes passwords from \
         127.0.0.0/8, ::1/128 only. mail.example.com Copy 587 Copy None evmail Copy Normal password",
    ] {
        assert!(page.contains(row), "{row}\n{page}");
    }
    assert_eq!(page.matches("Incoming mail").count(), 1, "{page}");
    assert!(page.contains("gatepost.toml:") && page.contains("edit that place and restart Gatepost"), "{page}");
    let limited = scene.get("/accounts/limited").await.plain();
    assert!(limited.contains("Incoming mail (POP3)") && limited.contains("From 10.0.0.0/8"), "{limited}");
    assert!(!limited.contains("IMAP") && !limited.contains("SMTP"), "{limited}");
}

#[tokio::test]
async fn members_of_a_pattern_and_what_is_broken_are_shown_as_what_they_are() {
    let scene = scene(
        "[accounts.\"*@example.com\"]\npassword_rule = \"shared\"\npassword_hash = \"HASH\"\nusers = [\"a@example.com\", \"b@example.com\"]\n\
         token = \"support\"\nmailbox = \"{user}\"\nprotocols = [\"imap\"]\n",
    )
    .await;
    let page = scene.get("/accounts/b@example.com").await.plain();
    assert!(
        page.contains("among the users of a pattern") && page.contains("Opens the mailbox b@example.com"),
        "{page}"
    );
    assert!(page.contains("No listener speaks IMAP"), "{page}");
}
