//! `gatepost import`. The files of email-oauth2-proxy were written by its own code, release 2026.7.3, with passwords and tokens
//! that exist nowhere else: `emailproxy.config` by hand, its cache and `emailproxy-saved.config` by `AppConfig.save`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aws_lc_rs::cipher::{AES_128, DecryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::{hmac, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use gatepost_kit::legacy::Program;

use crate::place::{Place, WRONG, YES};
use crate::{gatepost, told};

const PASSWORDS: &str = "\
support@example.com:local päss:word
me@gmail.com:gmail local
app@example.com:app local
known@catchall.example:known local
device@outlook.com:device local
ropc@example.cn:mailbox password
key@workspace.example:key local
box@mail.example:box local
sample@example.com:sample
half@example.com:half
";

/// A directory with the files of the proxy.
struct Home {
    directory: tempfile::TempDir,
    originals: Vec<(PathBuf, Vec<u8>, SystemTime)>,
}

impl Home {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands/import");
        let mut originals = Vec::new();
        for name in ["emailproxy.config", "emailproxy.cache", "emailproxy-saved.config"] {
            let path = directory.path().join(name);
            std::fs::copy(from.join(name), &path).unwrap();
            let modified = path.metadata().unwrap().modified().unwrap();
            originals.push((path.clone(), std::fs::read(&path).unwrap(), modified));
        }
        let home = Self { directory, originals };
        home.secret("passwords", PASSWORDS);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn secret(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = std::fs::read_dir(self.directory.path()).unwrap().map(name).collect();
        // What lies beside the store comes and goes with those who have it open.
        names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
        names.sort();
        names
    }

    /// Exit code, standard output, standard error; the original is as it was.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let found = told(&gatepost(arguments).current_dir(self.directory.path()).output().unwrap());
        for (path, octets, modified) in &self.originals {
            assert_eq!(&std::fs::read(path).unwrap(), octets, "{}", path.display());
            assert_eq!(path.metadata().unwrap().modified().unwrap(), *modified, "{}", path.display());
        }
        found
    }

    fn import(&self, more: &[&str]) -> (Option<i32>, String, String) {
        let usual = ["import", "emailproxy", "emailproxy.config", "--cache-store", "emailproxy.cache"];
        self.run(&[&usual[..], more].concat())
    }
}

/// What differs each time.
fn masked(text: &str) -> String {
    let hash = |line: &str| line.find("$argon2id$").map(|at| format!("{}$argon2id$…\"", &line[..at]));
    let lines = text.lines().map(|line| hash(line).unwrap_or_else(|| line.to_owned()));
    let text = lines.collect::<Vec<_>>().join("\n");
    text.lines()
        .map(|line| if line.starts_with("# Made by") { "# Made by …" } else { line })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_whole_configuration_is_taken_over_and_what_is_not_is_told() {
    let home = Home::new();
    let (code, stdout, stderr) = home.import(&["--passwords", "passwords", "--out", "gatepost.toml"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    insta::assert_snapshot!("report", stdout);
    let text = std::fs::read_to_string(home.path("gatepost.toml")).unwrap();
    insta::assert_snapshot!("toml", masked(&text));
    assert_eq!(home.path("gatepost.toml").metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let (code, stdout, stderr) = home.run(&["config", "check", "--config", "gatepost.toml"]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let (_, tokens, _) = home.run(&["token", "list", "--json", "--config", "gatepost.toml"]);
    let tokens: serde_json::Value = serde_json::from_str(&tokens).unwrap();
    let state = |name: &str| {
        let found = tokens.as_array().unwrap().iter().find(|token| token["name"] == name);
        found.unwrap()["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state("support@example.com"), "good", "{tokens}");
    assert_eq!(state("device@outlook.com"), "needs authorization", "{tokens}");
}

#[test]
fn whose_password_is_missing_or_wrong_is_left_out_and_can_come_later() {
    let home = Home::new();
    home.secret("some", "support@example.com:wrong\nme@gmail.com:gmail local\n");
    let (code, stdout, stderr) = home.import(&["--passwords", "some", "--json"]);
    assert_eq!(code, Some(1), "{stdout}{stderr}");
    assert!(stderr.contains("7 of the accounts were left out for want of the right password"), "{stderr}");
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let names = |report: &serde_json::Value| {
        let accounts = report["accounts"].as_array().unwrap().iter();
        accounts.map(|account| account["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&report), ["me@gmail.com"]);
    let remark = |report: &serde_json::Value, section: &str| {
        let remarks = report["remarks"].as_array().unwrap().iter();
        let mine: Vec<_> = remarks.filter(|remark| remark["section"] == section).cloned().collect();
        mine[0]["text"].as_str().unwrap().to_owned()
    };
    assert!(remark(&report, "support@example.com").contains("does not open its tokens"), "{report}");
    assert!(remark(&report, "box@mail.example").contains("was not given"), "{report}");

    // Into the configuration that there is now.
    let (code, stdout, stderr) = home.import(&["--passwords", "passwords", "--json"]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(names(&report).len(), 7);
    assert!(remark(&report, "me@gmail.com").contains("left as it is: the account is there already, in gatepost.toml:"));
    let fragment = std::fs::read_to_string(home.path("gatepost.toml.d/emailproxy.toml")).unwrap();
    assert!(!fragment.contains("[[listeners]]") && !fragment.contains("[store]"), "{fragment}");
    let (code, stdout, stderr) = home.run(&["config", "check"]);
    assert_eq!(
        (code, stdout.as_str()),
        (Some(0), "gatepost.toml: good; 4 listeners, 8 accounts, 8 tokens\n"),
        "{stderr}"
    );

    // And once more: there is nothing left.
    let before = home.names();
    let (code, stdout, stderr) = home.import(&["--passwords", "passwords"]);
    assert_eq!(code, Some(1), "{stdout}");
    assert_eq!(stderr, "gatepost: there was nothing to take over\n");
    assert_eq!(home.names(), before);
    assert!(!home.path("gatepost.toml.d/emailproxy-2.toml").exists());
}

#[test]
fn a_rehearsal_writes_nothing_and_asks_for_nothing() {
    let home = Home::new();
    let before = home.names();
    let (code, stdout, stderr) = home.import(&["--dry-run"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(
        stdout.contains("support@example.com     microsoft-imported") && stdout.contains("not opened yet"),
        "{stdout}"
    );
    assert!(stdout.contains("Would be written:\n  gatepost.toml\n"), "{stdout}");
    assert_eq!(home.names(), before);
    // For anything else, somebody has to be there.
    let (code, _, stderr) = home.import(&[]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("give --passwords FILE with lines `account:password`"), "{stderr}");
    assert_eq!(home.names(), before);
}

#[test]
fn nothing_is_overwritten_and_what_fails_leaves_nothing_behind() {
    let home = Home::new();
    home.secret("mine.toml", "# mine");
    let before = home.names();
    let (code, _, stderr) = home.import(&["--passwords", "passwords", "--out", "mine.toml"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("mine.toml is there already and is not overwritten"), "{stderr}");
    assert_eq!(std::fs::read_to_string(home.path("mine.toml")).unwrap(), "# mine");

    // The file comes last: here it cannot come, and key and store go again.
    std::fs::create_dir(home.path("there")).unwrap();
    std::os::unix::fs::symlink("nowhere/gatepost.toml", home.path("there/gone.toml")).unwrap();
    std::fs::remove_file(home.path("there/gone.toml")).unwrap();
    let long = format!("there/{}.toml", "x".repeat(260));
    let (code, _, stderr) = home.import(&["--passwords", "passwords", "--out", &long]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("cannot make there/xxx"), "{stderr}");
    assert_eq!(std::fs::read_dir(home.path("there")).unwrap().count(), 0);
    std::fs::remove_dir(home.path("there")).unwrap();
    assert_eq!(home.names(), before);

    // Passwords that others can read are none.
    std::fs::write(home.path("open"), PASSWORDS).unwrap();
    let (code, _, stderr) = home.import(&["--passwords", "open", "--out", "new.toml"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("run: chmod 600 open"), "{stderr}");
}

#[test]
fn tokens_that_stand_in_the_configuration_itself_are_opened_too() {
    let home = Home::new();
    home.secret("one", "support@example.com:local päss:word\n");
    let (code, stdout, stderr) =
        home.run(&["import", "emailproxy", "emailproxy-saved.config", "--passwords", "one", "--out", "new.toml"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.contains("support@example.com  microsoft  authorization_code  taken over"), "{stdout}");
}

/// As the proxy seals, with a hundred thousand rounds.
fn sealed(password: &str, salt: &[u8], text: &str) -> String {
    let mut key = [0; 32];
    let rounds = 100_000.try_into().unwrap();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, password.as_bytes(), &mut key);
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_128, &key[16..]).unwrap()).unwrap();
    let mut body = text.as_bytes().to_vec();
    let DecryptionContext::Iv128(iv) = cipher.encrypt(&mut body).unwrap() else { panic!("CBC has an IV") };
    let iv: &[u8] = iv.as_ref();
    let head = [&[0x80, 0, 0, 0, 0, 0, 0, 0, 1][..], iv, &body].concat();
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key[..16]), &head);
    URL_SAFE.encode([&head[..], signature.as_ref()].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_go_on_with_the_password_that_they_had() {
    let mut place = Place::empty().await;
    let (user, password) = ("support@example.com", "unchanged: päss");
    let refresh = place.provider.issue_refresh_token(user);
    let ports = place.provider.ports;
    let servers = [("SMTP", 1587, ports.smtps), ("IMAP", 1993, ports.imaps), ("POP", 1995, ports.pop3s)];
    let servers = servers.map(|(kind, local, port)| {
        format!("[{kind}-{local}]\nlocal_address = 127.0.0.1\nserver_address = localhost\nserver_port = {port}\n")
    });
    let salt = b"0123456789abcdef";
    let account = format!(
        "[{user}]\npermission_url = https://localhost/authorize\ntoken_url = {}\noauth2_scope = mail\n\
         client_id = client\nclient_secret = client s3cret\ntoken_salt = {}\nrefresh_token = {}\n",
        place.provider.token_url(),
        STANDARD.encode(salt),
        sealed(password, salt, &refresh)
    );
    std::fs::write(place.path("emailproxy.config"), servers.concat() + &account).unwrap();
    let file = place.path("emailproxy.config");
    let told =
        place.fed(&["import", "emailproxy", file.to_str().unwrap(), "--passwords", "-"], &format!("{user}:{password}"));
    assert!(told.contains("taken over"), "{told}");

    // Other ports, as this machine may have these in use, and whom the test's provider is signed by.
    std::fs::create_dir(place.path("gatepost.toml.d")).unwrap();
    let listener = |protocol| format!("[[listeners]]\nprotocol = \"{protocol}\"\naddress = \"127.0.0.1:0\"\n");
    let rest =
        "[log]\nformat = \"json\"\n[admin]\naddress = \"127.0.0.1:0\"\n[providers.\"127.0.0.1\"]\nca = \"../ca.pem\"\n";
    std::fs::write(place.path("gatepost.toml.d/test.toml"), ["smtp", "imap", "pop3"].map(listener).concat() + rest)
        .unwrap();
    place.serve();
    place.soon(user, password, YES).await;
    place.soon(user, "another", WRONG).await;
    let smtp = ([127, 0, 0, 1], place.port(0)).into();
    let program = Program { user, password };
    program.send_mail(smtp, user, &["a@example.com"], b"Subject: on\r\n\r\nand on\r\n").await;
    assert_eq!(place.provider.mail("a@example.com").len(), 1);
}

/// A configuration with a store, for tokens that go there.
fn with_store() -> Home {
    let home = Home::new();
    home.secret("gatepost.toml", "[store]\nkey = { file = \"gatepost.key\" }\n");
    assert_eq!(home.run(&["key", "generate", "--out", "gatepost.key"]).0, Some(0));
    home
}

fn token(home: &Home, name: &str) -> serde_json::Value {
    let (code, stdout, stderr) = home.run(&["token", "show", name, "--json"]);
    assert_eq!(code, Some(0), "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

#[test]
fn a_token_of_sasl_xoauth2_is_taken_over_with_its_client() {
    let home = with_store();
    // As the plugin writes it, numbers as texts.
    home.secret(
        "support@example.com",
        r#"{"access_token":"access","expiry":"4102444800","refresh_token":"refresh",
            "token_endpoint":"https://login.microsoftonline.com/6f1b0000-0000-0000-0000-000000000000/oauth2/v2.0/token"}"#,
    );
    home.secret(
        "sasl.conf",
        r#"{"client_id":"0c4e","client_secret":"s3cret of sasl","proxy":"http://proxy.example.com"}"#,
    );
    let (code, _, stderr) = home.run(&["import", "sasl-xoauth2", "support@example.com"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("names no client; say --sasl-conf FILE"), "{stderr}");
    let import = ["import", "sasl-xoauth2", "support@example.com", "--sasl-conf", "sasl.conf"];
    let (code, stdout, stderr) = home.run(&[&import[..], &["--dry-run"]].concat());
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(home.run(&["token", "list"]).1.lines().count() == 1, "a rehearsal adds nothing");
    let (code, stdout, stderr) = home.run(&import);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    insta::assert_snapshot!("sasl", stdout);
    let shown = token(&home, "support@example.com");
    assert_eq!((shown["state"].as_str(), shown["provider"].as_str()), (Some("good"), Some("microsoft")), "{shown}");
    assert!(shown.to_string().contains("SMTP.Send") && !shown.to_string().contains("IMAP"), "{shown}");
    let (code, _, stderr) = home.run(&import);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("there is a token \"support@example.com\" already; it is left as it is"), "{stderr}");
}

#[test]
fn a_token_of_mutt_is_taken_over_and_gpg_opens_it() {
    let home = with_store();
    let plain = r#"{"registration": "microsoft", "authflow": "devicecode", "email": "me@outlook.com", "access_token": "access",
        "access_token_expiration": "2099-12-31T10:00:00.123456", "refresh_token": "refresh"}"#;
    // Stands in for gpg: it turns capitals around.
    let turned = |c: char| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    home.secret("token", &format!("-----BEGIN\n{}", plain.chars().map(turned).collect::<String>()));
    std::fs::create_dir(home.path("bin")).unwrap();
    let script = "#!/bin/sh\n[ \"$1\" = --decrypt ] && /usr/bin/tail -n +2 | /usr/bin/tr 'a-zA-Z' 'A-Za-z'\n";
    std::fs::write(home.path("bin/gpg"), script).unwrap();
    std::fs::set_permissions(home.path("bin/gpg"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let import = ["import", "mutt", "token", "--client-id", "0c4e"];
    let run = |path: &str| {
        told(&gatepost(&import).current_dir(home.directory.path()).env("PATH", home.path(path)).output().unwrap())
    };
    let (code, _, stderr) = run("nowhere");
    assert_eq!(code, Some(1));
    assert!(stderr.contains("open it yourself: gpg --decrypt token | gatepost import mutt -"), "{stderr}");
    let (code, stdout, stderr) = run("bin");
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.contains("me@outlook.com  outlook.com  device_code  taken over"), "{stdout}");
    let shown = token(&home, "me@outlook.com");
    assert_eq!(shown["state"], "good", "{shown}");
}

#[test]
fn what_google_hands_out_becomes_a_token() {
    let home = with_store();
    home.secret(
        "client.json",
        r#"{"installed":{"client_id":"c.apps","client_secret":"s3cret","token_uri":"https://oauth2.googleapis.com/token"}}"#,
    );
    home.secret(
        "robot.json",
        r#"{"type":"service_account","client_email":"robot@p.iam.gserviceaccount.com","private_key":"-----BEGIN","private_key_id":"7"}"#,
    );
    let (code, _, stderr) = home.run(&["import", "google", "client.json"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("say whose mailbox it opens: --mailbox ADDRESS"), "{stderr}");
    let (code, stdout, stderr) = home.run(&["import", "google", "client.json", "--mailbox", "me@gmail.com"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.contains("gatepost token authorize me@gmail.com") && !stdout.contains("s3cret"), "{stdout}");
    let (code, stdout, stderr) = home.run(&["import", "google", "robot.json", "--name", "robot"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.contains("robot  google    service_account  by itself"), "{stdout}");
    let (code, _, stderr) = home.run(&["import", "google", "sasl.conf", "--mailbox", "x@y.example"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("cannot read sasl.conf"), "{stderr}");
}
