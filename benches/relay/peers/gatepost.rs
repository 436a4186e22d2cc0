use std::fmt::Write as _;
use std::process::Command;
use std::sync::OnceLock;

use gatepost::account::hash_password;

use super::{Kind, Plan, free};
use crate::stage::{Ground, PASSWORD, user};

/// As it comes: accounts with an Argon2id hash, a token each, the limits as they are shipped.
pub(super) fn plan(ground: &Ground<'_>) -> Plan {
    let directory = ground.own(Kind::Gatepost);
    let [smtp, imap, imaps, pop3, admin] = free();
    let (cert, key, ca) = (ground.file("cert.pem"), ground.file("key.pem"), ground.file("ca.pem"));
    let ports = ground.ports;
    let mut text = format!(
        r#"hostname = "relay.example"
[store]
url = "sqlite:{directory}/gatepost.db"
key = "gpk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
[admin]
address = "{admin}"
public_url = "http://{admin}/"
[tls]
certificate = "{cert}"
key = "{key}"
[providers.simulated]
token_url = "https://localhost:{token}/token"
scopes = ["mail"]
ca = "{ca}"
smtp = {{ host = "localhost", port = {smtp}, tls = "starttls" }}
imap = {{ host = "localhost", port = {imaps}, tls = "implicit" }}
pop3 = {{ host = "localhost", port = {pop3s}, tls = "implicit" }}
"#,
        directory = directory.display(),
        token = ports.token,
        smtp = ports.smtp,
        imaps = ports.imaps,
        pop3s = ports.pop3s,
    );
    for (protocol, address, tls) in
        [("smtp", smtp, "none"), ("imap", imap, "none"), ("imap", imaps, "implicit"), ("pop3", pop3, "none")]
    {
        let _ = write!(text, "[[listeners]]\nprotocol = \"{protocol}\"\naddress = \"{address}\"\ntls = \"{tls}\"\n");
    }
    for number in 0..ground.accounts {
        let (user, hash) = (user(number), hash());
        let _ = write!(
            text,
            "[tokens.t{number}]\nprovider = \"simulated\"\ngrant = \"client_credentials\"\nmailbox = \"{user}\"\n\
             client_id = \"client\"\nclient_secret = \"bench client secret\"\n\
             [accounts.\"{user}\"]\npassword_hash = \"{hash}\"\ntoken = \"t{number}\"\n"
        );
    }
    let file = directory.join("gatepost.toml");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.args(["serve", "--config"]).arg(file);
    Plan { command, directory, smtp, imap, imaps: Some(imaps), pop3: Some(pop3), password: true }
}

fn hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| hash_password(&PASSWORD.into()).unwrap().as_str().to_owned())
}
