use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Kind, Plan, found, free};
use crate::stage::{Ground, USERS, user};

/// Where tests/bench-setup installs it.
const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench/emailproxy/bin/emailproxy");

pub(super) fn missing() -> Option<&'static str> {
    program().is_none().then_some("email-oauth2-proxy is not installed")
}

fn program() -> Option<PathBuf> {
    Some(PathBuf::from(OWN)).filter(|file| file.is_file()).or_else(|| found("emailproxy"))
}

pub(super) fn plan(ground: &Ground<'_>) -> Plan {
    let directory = ground.own(Kind::Emailproxy);
    let [smtp, imap, pop3] = free();
    let ports = ground.ports;
    let mut text = String::new();
    for (protocol, address, port, more) in [
        ("SMTP", smtp, ports.smtp, "server_starttls = True\n"),
        ("IMAP", imap, ports.imaps, ""),
        ("POP", pop3, ports.pop3s, ""),
    ] {
        let _ = write!(
            text,
            "[{protocol}-{}]\nlocal_address = 127.0.0.1\nserver_address = localhost\nserver_port = {port}\n{more}",
            address.port()
        );
    }
    for number in 0..USERS {
        let _ = write!(
            text,
            "[{}]\ntoken_url = https://localhost:{}/token\noauth2_scope = mail\noauth2_flow = password\n\
             client_id = client\nclient_secret = bench client secret\n",
            user(number),
            ports.token
        );
    }
    let file = directory.join("emailproxy.config");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(program().unwrap());
    command.env("SSL_CERT_FILE", ground.file("ca.pem")).arg("--no-gui").arg("--config-file").arg(file);
    command.arg("--log-file").arg(Path::new(&directory).join("own.log"));
    Plan { command, directory, smtp, imap, imaps: None, pop3: Some(pop3), password: true }
}
