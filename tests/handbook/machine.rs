//! A machine for the commands of one page: a directory where its file system would be, an address of its own on the loopback
//! network (so that the ports are those of the page and nobody else's), the simulated provider, and small stand-ins for what
//! is the administrator's or systemd's (stubs/).

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gatepost_kit::{Authority, Client, Dialect, Provider, Settings};
use tempfile::TempDir;
use tokio::process::Command;

use crate::pages::house;
use crate::settings::PLACEHOLDERS;

/// What is there before the first command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// A machine without Gatepost.
    Bare,
    /// /etc/gatepost with a running service; neither tokens nor accounts. That is where commands are typed.
    Empty,
    /// The same with the token `support`.
    Token,
    /// The same with the account `evmail`, too.
    Running,
}

/// Directories of a machine that lie within its own.
const PLACES: [&str; 9] = [
    "/etc/gatepost",
    "/etc/msmtprc",
    "/etc/letsencrypt",
    "/etc/systemd",
    "/var/lib/gatepost",
    "/var/backups",
    "/usr/local/bin",
    "/usr/share/doc/gatepost",
    "/run/gatepost",
];
/// Those that are there from the beginning.
const MADE: [&str; 6] = ["etc", "var/backups", "usr/local/bin", "home", "person", "etc/systemd/system"];

/// How long a page may take, on a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(10);

/// The password of the accounts of a scene, and what is typed where one is asked for.
const PASSWORD: &str = "the-local-password";
const TOKEN: &str = "gatepost token add support --provider microsoft --grant client_credentials \
  --mailbox support@example.com --tenant 6f1b0000-0000-0000-0000-000000000000 \
  --client-id 0c4e0000-0000-0000-0000-000000000000 --client-secret-file - <<<s3cret\n";
/// The client without a secret.
const PUBLIC: &str = "9b1d0000-0000-0000-0000-000000000000";
const MAILBOXES: [&str; 9] = [
    "support@example.com",
    "shared@example.com",
    "sales@example.com",
    "info@example.com",
    "me@example.com",
    "support@gmail.com",
    "helpdesk@example.com",
    "delegate@example.com",
    "me@outlook.com",
];

pub(crate) struct Machine {
    root: TempDir,
    address: String,
    scene: Scene,
    provider: Arc<Provider>,
    over: Arc<AtomicBool>,
}

/// What a script did.
pub(crate) struct Ran {
    pub(crate) well: bool,
    pub(crate) told: String,
}

impl Machine {
    pub(crate) async fn new(scene: Scene, dialect: Dialect, number: usize) -> Self {
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let address = format!("127.{}.{low}.{}", 64 + high % 64, number + 1);
        let provider = Arc::new(Provider::with(Settings { dialect, ..Settings::default() }).await);
        let redirects =
            [format!("http://{address}:8590/oauth/callback"), "http://localhost/".into(), "http://127.0.0.1/".into()];
        for id in [
            "0c4e0000-0000-0000-0000-000000000000",
            "gatepost",
            "00000000-0000-0000-0000-000000000000",
            PUBLIC,
            "gatepost@project.iam.gserviceaccount.com",
        ] {
            let client = Client::new(id, MAILBOXES[0]);
            let client = if id == PUBLIC { client } else { client.secret("s3cret") };
            let client = redirects.iter().fold(client, |client, redirect| client.redirect(redirect));
            provider.register(MAILBOXES[1..].iter().fold(client, |client, mailbox| client.mailbox(mailbox)));
        }
        let root = tempfile::Builder::new().prefix("handbook-").tempdir().unwrap();
        let machine = Self { root, address, scene, provider, over: Arc::default() };
        machine.furnish();
        machine.answer_consents();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn furnish(&self) {
        for name in MADE {
            std::fs::create_dir_all(self.path(name)).unwrap();
        }
        for name in ["log", "said"] {
            self.write(name, "");
        }
        self.write("ca.pem", self.provider.authority.ca_pem());
        self.write("provider.env", &self.provider_settings());
        self.write("etc/gatepost/secrets/support", "s3cret\n");
        if self.scene != Scene::Bare {
            let authority = Authority::new(&["localhost", &self.address]);
            self.write("local-ca.pem", authority.ca_pem());
            self.write("etc/gatepost/tls/cert.pem", authority.certificate_pem());
            self.write("etc/gatepost/tls/key.pem", authority.key_pem());
            self.write("etc/gatepost/secret.txt", "s3cret\n");
            let client = r#"{"installed":{"client_id":"gatepost","client_secret":"s3cret"}}"#;
            self.write("etc/gatepost/client.json", client);
            self.write("etc/gatepost/service-account.json", &self.service_account());
            self.write("etc/gatepost/gatepost.key", "gpk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
            self.write("etc/gatepost/gatepost.toml", &self.configuration());
        }
        for name in ["start", "microsoft", "google", "google-workspace", "example", "reference"] {
            let content = std::fs::read_to_string(house().join(format!("config/{name}.toml"))).unwrap();
            self.write(&format!("config/{name}.toml"), &self.here(&content));
        }
    }

    /// Google's JSON of a service account, before the simulated provider.
    fn service_account(&self) -> String {
        static KEY: OnceLock<String> = OnceLock::new();
        let key = KEY.get_or_init(|| {
            let made = std::process::Command::new("openssl").args(["genpkey", "-algorithm", "RSA"]).output().unwrap();
            String::from_utf8(made.stdout).unwrap()
        });
        serde_json::json!({
            "type": "service_account", "client_email": "gatepost@project.iam.gserviceaccount.com", "private_key_id": "0000", "private_key": key,
            "token_uri": self.provider.token_url(),
        })
        .to_string()
    }

    /// The simulated provider in the place of those that the pages name.
    fn provider_settings(&self) -> String {
        let mut settings = String::new();
        for name in ["MICROSOFT", "OUTLOOK.COM", "GOOGLE", "CORP"] {
            let ports = self.provider.ports;
            let (token, authorize) = (self.provider.token_url(), self.provider.authorize_url());
            let ca = self.path("ca.pem").display().to_string();
            let mut set = |key: &str, value: &str| {
                let _ = writeln!(settings, "GATEPOST__PROVIDERS__{name}__{key}={value}");
            };
            set("TOKEN_URL", &token);
            set("AUTHORIZATION_URL", &authorize);
            set("CA", &ca);
            for (protocol, port) in [("IMAP", ports.imaps), ("POP3", ports.pop3s), ("SMTP", ports.smtps)] {
                set(&format!("{protocol}__HOST"), "localhost");
                set(&format!("{protocol}__PORT"), &port.to_string());
                set(&format!("{protocol}__TLS"), "implicit");
            }
        }
        settings
    }

    /// A set-up as the handbook leads to: app-only, one account, listeners with and without TLS, the pages.
    fn configuration(&self) -> String {
        let address = &self.address;
        let mut text = format!(
            r#"[store]
url = "sqlite:{store}"
key = {{ file = "gatepost.key" }}
[admin]
address = "{address}:8590"
public_url = "http://{address}:8590/"
[tls]
certificate = "tls/cert.pem"
key = "tls/key.pem"
"#,
            store = self.path("var/lib/gatepost/gatepost.db").display()
        );
        std::fs::create_dir_all(self.path("var/lib/gatepost")).unwrap();
        for (protocol, port, tls) in [
            ("smtp", 1587, "none"),
            ("imap", 1143, "none"),
            ("pop3", 1110, "none"),
            ("smtp", 1465, "implicit"),
            ("imap", 1993, "implicit"),
            ("pop3", 1995, "implicit"),
        ] {
            let _ = writeln!(
                text,
                "[[listeners]]\nprotocol = \"{protocol}\"\naddress = \"{address}:{port}\"\ntls = \"{tls}\""
            );
        }
        text
    }

    /// The person before a browser, for as long as the machine is there.
    fn answer_consents(&self) {
        let (door, provider, over) = (self.path("person"), Arc::clone(&self.provider), Arc::clone(&self.over));
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let asked = door.join("asked");
                if let Ok(url) = std::fs::read_to_string(&asked) {
                    std::fs::remove_file(&asked).unwrap();
                    let redirect = provider.consent(&url, mailbox_of(&url));
                    std::fs::write(door.join("redirect.new"), redirect).unwrap();
                    std::fs::rename(door.join("redirect.new"), door.join("redirect")).unwrap();
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
    }

    /// The text of a page as it is on this machine.
    pub(crate) fn here(&self, text: &str) -> String {
        let root = self.root.path().display().to_string();
        let mut text = text
            .replace("…/config/", &format!("{root}/config/"))
            .replace("-C /etc gatepost", &format!("-C {root}/etc gatepost"))
            .replace("-C /etc\n", &format!("-C {root}/etc\n"));
        for (placeholder, real) in PLACEHOLDERS {
            text = text.replace(placeholder, real);
        }
        for place in PLACES {
            text = text.replace(place, &format!("{root}{place}"));
        }
        let pages = format!("http://{}:8590/", self.address);
        let text = text.replace("https://mail.example.com/gatepost/", &pages);
        let text = text.replace("'Authorization: Bearer gpk_…'", "\"Authorization: Bearer $(api_key)\"");
        let text = text.replace("/etc/ssl/certs/ca-certificates.crt", &format!("{root}/local-ca.pem"));
        ["127.0.0.1", "localhost", "mail.example.com"].iter().fold(text, |text, name| text.replace(name, &self.address))
    }

    /// Types a script.
    pub(crate) async fn run(&self, script: &str) -> Ran {
        let stubs = house().join("tests/handbook/stubs");
        let script = format!("{}\n{script}", self.prologue());
        self.write("script", &script);
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{}:{path}", stubs.display(), self.path("usr/local/bin").display());
        let mut bash = Command::new("bash");
        bash.arg(self.path("script")).env("PATH", path).env("HOME", self.path("home"));
        bash.env("HANDBOOK_ROOT", self.root.path()).env("HANDBOOK_GATEPOST", env!("CARGO_BIN_EXE_gatepost"));
        bash.env("GATEPOST_CONFIG", self.path("etc/gatepost/gatepost.toml"));
        let output = self.path("output");
        let file = || std::fs::File::options().create(true).append(true).open(&output).unwrap();
        bash.stdin(std::process::Stdio::null()).stdout(file()).stderr(file());
        // A group of its own, so that nothing of it outlives the test.
        let mut bash = bash.process_group(0).spawn().unwrap();
        std::fs::write(self.path("group"), bash.id().unwrap().to_string()).unwrap();
        let ended = tokio::time::timeout(PATIENCE, bash.wait()).await;
        let told = String::from_utf8_lossy(&std::fs::read(&output).unwrap()).into_owned();
        match ended {
            Ok(status) if status.as_ref().is_ok_and(std::process::ExitStatus::success) => Ran { well: true, told },
            _ => Ran { well: false, told: format!("{told}--- its log\n{}", self.log()) },
        }
    }

    fn prologue(&self) -> String {
        let root = self.root.path().display();
        let accounts =
            ["evmail", "office"].map(|name| format!("gatepost account add {name} --token support <<<{PASSWORD}\n"));
        let all = format!("{TOKEN}{}", accounts.concat());
        let serve = "systemctl start gatepost\n";
        let start = match self.scene {
            Scene::Bare => return format!("{PROLOGUE}\nunset GATEPOST_CONFIG\ncd {root}\nset -x"),
            Scene::Empty => serve.to_owned(),
            Scene::Token => format!("{TOKEN}{serve}"),
            Scene::Running => format!("{all}{serve}"),
        };
        format!("{PROLOGUE}\n{{\n{start}}} >/dev/null\ncd {root}/etc/gatepost\nset -x")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }

    pub(crate) fn directory(&self) -> &Path {
        self.root.path()
    }
}

const PROLOGUE: &str = r#"set -euo pipefail
PS4='$ '
api_key() { grep -o 'gpk_.*' "$HANDBOOK_ROOT/api-key" | tail -n 1; }"#;

/// As whom the address asks to sign in.
fn mailbox_of(url: &str) -> &'static str {
    let hinted = |mailbox: &&&str| url.contains(&format!("login_hint={}", mailbox.replace('@', "%40")));
    MAILBOXES.iter().find(hinted).unwrap_or(&MAILBOXES[0])
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Ok(group) = std::fs::read_to_string(self.path("group")) {
            drop(std::process::Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).output());
        }
        gatepost_kit::keep_log("handbook", &self.path("log"));
    }
}
