use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use gatepost_kit::bench::TOKEN;

use super::{Kind, Plan, found, free};
use crate::stage::{Ground, PASSWORD, USERS, user};

pub(super) fn missing() -> Option<&'static str> {
    let parts = ["imap-login", "pop3-login", "submission-login"];
    if found("dovecot").is_none() {
        Some("dovecot is not installed")
    } else if !parts.iter().all(|part| Path::new("/usr/lib/dovecot").join(part).exists()) {
        Some("dovecot's IMAP, POP3 or submission is not installed")
    } else if !nix::unistd::geteuid().is_root() {
        Some("only root can start it")
    } else {
        None
    }
}

/// One process a core for each protocol, which serves many; the token stands in the file of passwords.
pub(super) fn plan(ground: &Ground<'_>) -> Plan {
    let directory = ground.own(Kind::Dovecot);
    let [smtp, imap, pop3] = free();
    let (own, ca, ports) = (directory.display(), ground.file("ca.pem"), ground.ports);
    for (service, port, tls) in
        [("imap", ports.imaps, "ssl=yes"), ("pop3", ports.pop3s, "ssl=yes"), ("submission", ports.smtp, "starttls=yes")]
    {
        let mut lines = String::new();
        for number in 0..USERS {
            let user = user(number);
            let _ = writeln!(
                lines,
                "{user}:{{PLAIN}}{PASSWORD}::::::proxy=y host=127.0.0.1 port={port} {tls} proxy_mech=xoauth2 proxy_timeout=30 pass={TOKEN}"
            );
        }
        std::fs::write(directory.join(format!("passwd.{service}")), lines).unwrap();
    }
    std::fs::create_dir_all(directory.join("state")).unwrap();
    let mut text = format!(
        "base_dir = {own}/run\nstate_dir = {own}/state\ninstance_name = gatepost-bench\nlog_path = /dev/stderr\n\
         protocols = imap pop3 submission\nlisten = 127.0.0.1\nhostname = relay.example\nssl = no\n\
         ssl_client_ca_file = {ca}\nimport_environment = TZ CORE_OUTOFMEM CORE_ERROR LISTEN_PID LISTEN_FDS SSL_CERT_FILE={ca}\n\
         disable_plaintext_auth = no\nauth_mechanisms = plain login\nauth_username_format = %Lu\n\
         submission_relay_host = 127.0.0.1\nlogin_proxy_max_disconnect_delay = 0\n\
         passdb {{\n  driver = passwd-file\n  args = scheme=PLAIN username_format=%u {own}/passwd.%s\n}}\n\
         userdb {{\n  driver = static\n  args = uid=65534 gid=65534 home=/tmp\n}}\ndefault_client_limit = 20000\n"
    );
    for (service, name, port, other) in [
        ("imap", "imap", imap.port(), "imaps"),
        ("pop3", "pop3", pop3.port(), "pop3s"),
        ("submission", "submission", smtp.port(), "submissions"),
    ] {
        let _ = write!(
            text,
            "service {service}-login {{\n  chroot =\n  service_count = 0\n  process_min_avail = {cores}\n  \
             process_limit = {cores}\n  client_limit = 9900\n  vsz_limit = 4G\n  \
             inet_listener {name} {{\n    port = {port}\n  }}\n  inet_listener {other} {{\n    port = 0\n  }}\n}}\n",
            cores = super::cores()
        );
    }
    let file = directory.join("dovecot.conf");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(found("dovecot").unwrap());
    command.args(["-F", "-c"]).arg(file);
    Plan { command, directory, smtp, imap, imaps: None, pop3: Some(pop3), password: true }
}
