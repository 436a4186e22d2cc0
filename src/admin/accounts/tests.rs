//! The pages, asked of the router as a browser would.

mod added;
mod changed;
mod given;
mod shown;

use std::sync::Arc;

use axum::http::StatusCode;

use crate::account::Hashing;
use crate::admin::Desk;
use crate::admin::tests::browser::{Answer, Browser};
use crate::admin::tests::desk;
use crate::config::Config;
use crate::model::Account;
use crate::registry::Registry;

/// An administrator who is signed in.
struct Scene {
    desk: Desk,
    browser: Browser,
    _directory: tempfile::TempDir,
}

const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$5cKgW3p6wDYOGzQTS2Uzt7D1zXaBNrLXUD4pDeDlFc8";

const TOKENS: &str = r#"
[tokens.support]
provider = "microsoft"
grant = "authorization_code"
mailbox = "support@example.com"
tenant = "6f1b2c3d-0000-4000-8000-000000000001"
client_id = "0c4e0000-0000-4000-8000-000000000002"

[tokens.other]
provider = "microsoft"
grant = "authorization_code"
mailbox = "other@example.com"
tenant = "6f1b2c3d-0000-4000-8000-000000000001"
client_id = "0c4e0000-0000-4000-8000-000000000002"
"#;

/// Beside two tokens, the file declares this; HASH stands for a hash.
async fn scene(declarations: &str) -> Scene {
    let (mut desk, directory) = desk("https://mail.example.com/gatepost/").await;
    let file = directory.path().join("gatepost.toml");
    let text = std::fs::read_to_string(&file).unwrap() + TOKENS + &declarations.replace("HASH", HASH);
    std::fs::write(&file, text).unwrap();
    desk.config = Arc::new(Config::load(&file, Vec::new()).unwrap_or_else(|errors| panic!("{errors}")));
    let registry = Registry::open(Arc::clone(&desk.config), Arc::clone(&desk.store)).await.unwrap();
    desk.registry = Arc::new(registry);
    let browser = Browser::signed_in(&desk).await;
    Scene { desk, browser, _directory: directory }
}

impl Scene {
    async fn get(&mut self, path: &str) -> Answer {
        self.browser.get(path).await
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.browser.post(path, fields).await
    }

    /// Sends a form that is in order, and goes where it leads.
    async fn done(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.post(path, fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{answer:?}");
        let to = answer.header("location").strip_prefix("/gatepost").unwrap().to_owned();
        self.get(&to).await
    }

    /// Adds an account with the password `geheim`.
    async fn add(&mut self, name: &str) {
        let fields =
            [("name", name), ("token", "support"), ("how", "type"), ("password", "geheim"), ("again", "geheim")];
        self.done("/accounts/add", &[&fields[..], &KEEP].concat()).await;
    }

    fn account(&self, name: &str) -> Option<Account> {
        self.desk.registry.declared().accounts.iter().find(|account| account.name == name).cloned()
    }

    /// Whether a password opens an account.
    async fn opens(&self, name: &str, password: &str) -> bool {
        let (hashing, password) = (Hashing::new(1, 1), password.into());
        for known in self.account(name).unwrap().passwords {
            if hashing.matches(&password, &known.hash).await.unwrap() {
                return true;
            }
        }
        false
    }

    async fn deeds(&self) -> Vec<String> {
        let deeds = self.desk.store.deeds(None, 100).await.unwrap();
        let told = |deed: crate::store::Deed| format!("{} {} {}", deed.what, deed.subject, deed.detail);
        deeds.into_iter().rev().map(|noted| told(noted.deed).trim().to_owned()).collect()
    }
}

/// What a browser sends for a policy that nobody has touched.
const KEEP: [(&str, &str); 2] = [("sender.policy", "keep"), ("sender.reply_to", "true")];

/// The text without markup, its blanks folded.
fn plain(answer: &Answer) -> String {
    let mut plain = String::new();
    for part in answer.text.split('<') {
        plain.push_str(part.split_once('>').map_or(part, |(_, text)| text));
        plain.push(' ');
    }
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    plain.replace("&#34;", "\"").replace("&#39;", "'").replace("&#60;", "<").replace("&#62;", ">").replace("&#38;", "&")
}
