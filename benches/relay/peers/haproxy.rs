use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Command;

use super::{Kind, Plan, cores, found, free};
use crate::stage::Ground;

pub(super) fn missing() -> Option<&'static str> {
    found("haproxy").is_none().then_some("haproxy is not installed")
}

pub(super) fn plan(kind: Kind, ground: &Ground<'_>) -> Plan {
    let directory = ground.own(kind);
    let [smtp, imap, imaps, pop3] = free();
    let mut text = format!(
        "global\n  nbthread {}\n  maxconn 9800\n  tune.ssl.default-dh-param 2048\ndefaults\n  mode tcp\n  \
         timeout connect 30s\n  timeout client 1h\n  timeout server 1h\n",
        cores()
    );
    let reuse = if kind == Kind::Haproxy { "no-ssl-reuse" } else { "" };
    let mut listen = |address: SocketAddr, options: &str, port: u16| {
        let _ = write!(
            text,
            "listen l{address}\n  bind {address} backlog 4096 {options}\n  server s 127.0.0.1:{port} ssl verify required \
             ca-file {} verifyhost localhost {reuse}\n",
            ground.file("ca.pem")
        );
    };
    let ports = ground.ports;
    listen(smtp, "", ports.smtps);
    listen(imap, "", ports.imaps);
    listen(imaps, &format!("ssl crt {}", ground.file("pair.pem")), ports.imaps);
    listen(pop3, "", ports.pop3s);
    let file = directory.join("haproxy.cfg");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(found("haproxy").unwrap());
    command.args(["-db", "-f"]).arg(file);
    Plan { command, directory, smtp, imap, imaps: Some(imaps), pop3: Some(pop3), password: false }
}
