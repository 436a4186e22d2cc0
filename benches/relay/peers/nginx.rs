use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::{Kind, Plan, cores, found, free};
use crate::stage::Ground;

/// Where Debian has it.
const STREAM: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

pub(super) fn missing() -> Option<&'static str> {
    match found("nginx") {
        None => Some("nginx is not installed"),
        Some(_) if !Path::new(STREAM).exists() => Some("nginx's module stream is not installed"),
        Some(_) => None,
    }
}

pub(super) fn plan(kind: Kind, ground: &Ground<'_>) -> Plan {
    let directory = ground.own(kind);
    let [smtp, imap, imaps, pop3] = free();
    let reuse = if kind == Kind::Nginx { "off" } else { "on" };
    let (own, cores, ca) = (directory.display(), cores(), ground.file("ca.pem"));
    let mut text = format!(
        "load_module {STREAM};\npid {own}/pid;\nerror_log stderr;\ndaemon off;\nworker_processes {cores};\n\
         worker_rlimit_nofile 19900;\nevents {{ worker_connections 19900; }}\nstream {{\n  proxy_ssl on;\n  \
         proxy_ssl_verify on;\n  proxy_ssl_trusted_certificate {ca};\n  proxy_ssl_name localhost;\n  \
         proxy_ssl_session_reuse {reuse};\n  proxy_ssl_protocols TLSv1.2 TLSv1.3;\n  proxy_timeout 1h;\n"
    );
    let mut listen = |address: SocketAddr, options: &str, port: u16| {
        let _ = writeln!(text, "  server {{ listen {address} {options} backlog=4096; proxy_pass 127.0.0.1:{port}; }}");
    };
    let ports = ground.ports;
    listen(smtp, "", ports.smtps);
    listen(imap, "", ports.imaps);
    listen(pop3, "", ports.pop3s);
    let _ = write!(
        text,
        "  server {{ listen {imaps} ssl backlog=4096; ssl_certificate {}; ssl_certificate_key {}; \
         proxy_pass 127.0.0.1:{}; }}\n}}\n",
        ground.file("cert.pem"),
        ground.file("key.pem"),
        ports.imaps
    );
    let file = directory.join("nginx.conf");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(found("nginx").unwrap());
    command.arg("-p").arg(&directory).args(["-e", "stderr", "-c"]).arg(file);
    Plan { command, directory, smtp, imap, imaps: Some(imaps), pop3: Some(pop3), password: false }
}
