//! The API of a started service, against its document: what each call answers when all is well, and that it is as described.

use std::net::SocketAddr;
use std::time::Duration;

use gatepost::model::Protocol;
use gatepost_kit::{Client, Device, Peer};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::http::{Answer, ask};
use crate::scene::{MAILBOX, Scene, Setting, stage, start};

mod schema;

const DOCUMENT: &str = include_str!("../../src/admin/api/openapi.json");

struct Api {
    scene: Scene,
    address: SocketAddr,
    key: String,
    document: Value,
    /// What was called, to see what was not.
    called: Vec<(String, String)>,
}

impl Api {
    async fn new() -> Self {
        let setting = Setting {
            account: "[admin]\naddress = \"127.0.0.1:0\"\npublic_url = \"https://mail.example.com/gate/\"\n",
            ..Setting::USUAL
        };
        let (provider, authority, directory) = stage(setting).await;
        let callback = "https://mail.example.com/gate/oauth/callback";
        provider.register(Client::new("person", MAILBOX).secret("p s3cret").redirect(callback));
        let file = directory.path().join("gatepost.toml");
        let more = format!(
            "authorization_url = \"{}\"\ndevice_url = \"{}\"\n",
            provider.authorize_url(),
            provider.device_url()
        );
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replace("scopes = [\"mail\"]\n", &format!("scopes = [\"mail\", \"offline_access\"]\n{more}"));
        std::fs::write(&file, text).unwrap();
        // In the store, where they can be changed.
        for arguments in [
            &[
                "token",
                "add",
                "per/son",
                "--provider",
                "simulated",
                "--grant",
                "authorization_code",
                "--mailbox",
                MAILBOX,
                "--client-id",
                "person",
                "--client-secret-file",
                "person.secret",
            ][..],
            &["account", "add", "stored", "--token", "support", "--generate"],
        ] {
            std::fs::write(directory.path().join("person.secret"), "p s3cret").unwrap();
            command(directory.path(), arguments);
        }
        let scopes = ["--scope", "read", "--scope", "authorize", "--scope", "test", "--scope", "manage"];
        let key = command(directory.path(), &[&["admin", "key", "add", "everything"][..], &scopes].concat());
        let key = key.trim().rsplit_once(": ").unwrap().1.to_owned();
        let gatepost = start(directory.path()).await;
        let address = gatepost.admin().unwrap().tcp().unwrap();
        let scene = Scene { provider, gatepost, authority, directory };
        Self { scene, address, key, document: serde_json::from_str(DOCUMENT).unwrap(), called: Vec::new() }
    }

    /// Calls what the document has at this path, and holds the answer against it.
    async fn call(&mut self, method: &str, path: &str, names: &[&str], body: Option<&Value>) -> Answer {
        let bearer = format!("Bearer {}", self.key);
        let mut target = format!("/gate{path}");
        for name in names {
            let (start, end) = (target.find('{').unwrap(), target.find('}').unwrap());
            target.replace_range(start..=end, name);
        }
        let text = body.map(Value::to_string).unwrap_or_default();
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let peer = Peer::connect(self.address).await;
        let answer = ask(peer, &method.to_uppercase(), &target, &headers, &text).await;
        let path = path.split('?').next().unwrap();
        let said = &self.document["paths"][path][method]["responses"][answer.status.to_string()];
        assert!(said.is_object(), "{method} {path} may not answer so: {answer:?}");
        let said = said["$ref"].as_str().map_or(said, |at| self.document.pointer(&at[1..]).unwrap());
        match &said["content"]["application/json"]["schema"] {
            Value::Null => assert_eq!(answer.body, "", "{method} {path}"),
            schema => {
                let faults = schema::faults(&self.document, schema, &answer.json(), "$");
                assert!(faults.is_empty(), "{method} {path}: {faults:?}\n{answer:?}");
            }
        }
        self.called.push((method.to_owned(), path.to_owned()));
        answer
    }

    async fn ok(&mut self, method: &str, path: &str, names: &[&str], body: Option<&Value>) -> Value {
        let answer = self.call(method, path, names, body).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}");
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }
}

fn command(directory: &std::path::Path, arguments: &[&str]) -> String {
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_gatepost"))
        .args(arguments)
        .arg("--config")
        .arg(directory.join("gatepost.toml"))
        .current_dir(directory)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(program.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&program.stderr));
    String::from_utf8(program.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_answers_as_the_document_says() {
    let mut api = Api::new().await;
    let mut client = api.scene.logged_in(Protocol::Imap).await;

    let tokens = api.ok("get", "/api/v1/tokens", &[], None).await;
    assert_eq!(tokens["tokens"].as_array().unwrap().len(), 2);
    let token = api.ok("get", "/api/v1/tokens/{name}", &["per%2Fson"], None).await;
    assert_eq!((&token["state"], &token["declared"]), (&json!("needs authorization"), &json!("store")));
    let refreshed = api.ok("post", "/api/v1/tokens/{name}/refresh", &["support"], None).await;
    assert_eq!((&refreshed["state"], &refreshed["needs_you"]), (&json!("good"), &json!(false)));

    let accounts = api.ok("get", "/api/v1/accounts", &[], None).await;
    assert_eq!(accounts["accounts"].as_array().unwrap().len(), 2);
    let account = api.ok("get", "/api/v1/accounts/{name}", &["evmail"], None).await;
    assert_eq!((&account["name"], &account["open_sessions"]), (&json!("EvMail"), &json!(1)));
    let tested = api.ok("post", "/api/v1/accounts/{name}/test", &["evmail"], None).await;
    assert_eq!((&tested["works"], &tested["logins"]), (&json!(true), &json!(3)), "{tested}");
    let id = tested["id"].as_str().unwrap().to_owned();
    assert_eq!(api.ok("get", "/api/v1/tests/{id}", &[&id], None).await, tested);
    assert_eq!(api.call("get", "/api/v1/tests/{id}", &["nothing"], None).await.status, 404);

    for what in ["tokens", "accounts"] {
        let name = if what == "tokens" { "per%2Fson" } else { "stored" };
        for (verb, disabled) in [("disable", true), ("enable", false)] {
            let switched = api.ok("post", &format!("/api/v1/{what}/{{name}}/{verb}"), &[name], None).await;
            assert_eq!(switched["disabled"], json!(disabled));
        }
        let of_file = if what == "tokens" { "support" } else { "evmail" };
        let refused = api.call("post", &format!("/api/v1/{what}/{{name}}/disable"), &[of_file], None).await;
        assert_eq!(refused.status, 409, "{refused:?}");
    }

    let events = api.ok("get", "/api/v1/events?limit=5&level=info&account=evmail", &[], None).await;
    assert!(events["events"].is_array());
    assert_eq!(api.call("get", "/api/v1/events?limit=many", &[], None).await.status, 422);
    assert_eq!(api.call("get", "/api/v1/events?limit=1&limit=2", &[], None).await.status, 400);
    assert_eq!(api.call("get", "/api/v1/tokens/{name}", &["%ff"], None).await.status, 400);
    assert_eq!(api.call("post", "/api/v1/tokens/{name}/refresh", &["per%2Fson"], None).await.status, 409);
    let sessions = api.ok("get", "/api/v1/sessions", &[], None).await;
    let session = &sessions["sessions"][0];
    assert_eq!(session["protocol"], "imap");
    let id = session["id"].as_str().unwrap().to_owned();
    api.ok("delete", "/api/v1/sessions/{id}", &[&id], None).await;
    client.expect("* BYE ").await;
    client.expect_end().await;

    authorizes(&mut api).await;
    let document = api.ok("get", "/api/openapi.json", &[], None).await;
    assert_eq!(document["openapi"], "3.1.0");
    for (path, item) in api.document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            assert!(api.called.contains(&(method.clone(), path.clone())), "{method} {path} was not called");
        }
    }
    api.scene.gatepost.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_for_a_device_outlives_a_restart() {
    let mut api = Api::new().await;
    let path = "/api/v1/tokens/{name}/authorizations";
    let begun = api.ok("post", path, &["per%2Fson"], Some(&json!({ "method": "device" }))).await;
    let id = begun["id"].as_str().unwrap().to_owned();
    api.scene.gatepost.stop().await;
    api.scene.provider.device([Device::Approved(MAILBOX.into())]);
    api.scene.gatepost = start(api.scene.directory.path()).await;
    api.address = api.scene.gatepost.admin().unwrap().tcp().unwrap();
    let decided = async {
        loop {
            let seen = api.ok("get", "/api/v1/authorizations/{id}", &[&id], None).await["state"].clone();
            if seen != "waiting" {
                return seen;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    assert_eq!(timeout(Duration::from_mins(1), decided).await.unwrap(), "accepted");
    assert_eq!(api.ok("get", "/api/v1/tokens/{name}", &["per%2Fson"], None).await["state"], "good");
    api.scene.gatepost.stop().await;
}

async fn authorizes(api: &mut Api) {
    let path = "/api/v1/tokens/{name}/authorizations";
    let begun = api.ok("post", path, &["per%2Fson"], None).await;
    assert_eq!((&begun["state"], &begun["task"]["method"]), (&json!("waiting"), &json!("browser")));
    let id = begun["id"].as_str().unwrap().to_owned();
    let wrong = api.call("post", "/api/v1/authorizations/{id}/answer", &[&id], Some(&json!({ "answer": "" }))).await;
    assert_eq!(wrong.status, 409, "{wrong:?}");
    let answer = api.scene.provider.consent(begun["task"]["url"].as_str().unwrap(), MAILBOX);
    let sent = json!({ "answer": answer });
    let accepted = api.ok("post", "/api/v1/authorizations/{id}/answer", &[&id], Some(&sent)).await;
    assert_eq!(accepted["state"], "accepted", "{accepted}");
    assert_eq!(api.ok("get", "/api/v1/authorizations/{id}", &[&id], None).await["state"], "accepted");
    assert_eq!(api.ok("get", "/api/v1/tokens/{name}", &["per%2Fson"], None).await["state"], "good");
    let again = api.call("post", "/api/v1/authorizations/{id}/answer", &[&id], Some(&sent)).await;
    assert_eq!(again.status, 404, "a code is good once: {again:?}");

    let other = api.ok("post", path, &["per%2Fson"], Some(&json!({ "method": "browser" }))).await;
    let id = other["id"].as_str().unwrap().to_owned();
    api.ok("delete", "/api/v1/authorizations/{id}", &[&id], None).await;
    assert_eq!(api.ok("get", "/api/v1/authorizations/{id}", &[&id], None).await["state"], "cancelled");
    let code = api.ok("post", path, &["per%2Fson"], Some(&json!({ "method": "device" }))).await;
    assert!(code["task"]["method"] == "device" && code["task"]["code"].is_string(), "{code}");
    api.ok("delete", "/api/v1/authorizations/{id}", &[code["id"].as_str().unwrap()], None).await;
    assert_eq!(api.call("post", path, &["support"], None).await.status, 409, "it needs nobody's consent");
    for body in [json!({ "method": "telepathy" }), json!({ "methods": "browser" }), json!([])] {
        assert_eq!(api.call("post", path, &["per%2Fson"], Some(&body)).await.status, 422, "{body}");
    }
    assert_eq!(api.call("get", "/api/v1/authorizations/{id}", &["none"], None).await.status, 404);
}
