//! The program with sockets that were opened before it was started, as systemd does it.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use gatepost::model::Protocol;
use gatepost_kit::Peer;

use crate::scene::{PLAIN, Setting, greeting, log_in, stage, yes};

fn activated() -> Setting {
    Setting { address: r#""systemd:PROTOCOL""#, plaintext_auth: r#"["127.0.0.1", "::1"]"#, ..Setting::default() }
}

/// A program that does not outlive its test.
pub(crate) struct Tidy(pub(crate) Child);

impl Drop for Tidy {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts it with three sockets. The shell puts them where they belong, and becomes the program: `LISTEN_PID` is its own.
pub(crate) fn serve(directory: &Path, names: &str, sockets: [OwnedFd; 3]) -> Child {
    let [first, second, third] = sockets.map(Stdio::from);
    let script =
        r#"LISTEN_PID=$$; export LISTEN_PID; exec 3<&0 4>&1 5>&2 </dev/null >/dev/null 2>"$LOG"; exec "$0" "$@""#;
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", script, env!("CARGO_BIN_EXE_gatepost"), "serve", "--config"])
        .arg(directory.join("gatepost.toml"));
    shell.env("LISTEN_FDS", "3").env("LISTEN_FDNAMES", names).env("LOG", directory.join("log"));
    shell.stdin(first).stdout(second).stderr(third).spawn().unwrap()
}

fn tcp(address: &str) -> TcpListener {
    TcpListener::bind(address).unwrap()
}

#[tokio::test]
async fn sockets_of_systemd_are_served_by_their_names() {
    let (_provider, _authority, directory) = stage(activated()).await;
    let file = directory.path().join("imap.sock");
    let (smtp, six, unix) = (tcp("127.0.0.1:0"), tcp("[::1]:0"), UnixListener::bind(&file).unwrap());
    let addresses = [smtp.local_addr().unwrap(), six.local_addr().unwrap()];
    let text = std::fs::read_to_string(directory.path().join("gatepost.toml")).unwrap();
    std::fs::write(directory.path().join("gatepost.toml"), text.replace("\"systemd:pop3\"", "\"127.0.0.1:0\""))
        .unwrap();
    // Connections wait in the sockets for the program to come up.
    let _service = Tidy(serve(directory.path(), "smtp:smtp:imap", [smtp.into(), six.into(), unix.into()]));
    for address in addresses {
        check(Peer::connect(address).await, Protocol::Smtp).await;
    }
    check(Peer::connect_unix(&file).await, Protocol::Imap).await;
}

async fn check(mut peer: Peer, protocol: Protocol) {
    peer.expect(greeting(protocol)).await;
    log_in(&mut peer, protocol, PLAIN).await;
    peer.expect(yes(protocol)).await;
}

#[tokio::test]
async fn sockets_and_listeners_that_do_not_fit_are_told_of() {
    let (_provider, _authority, directory) = stage(activated()).await;
    let told = |names: &str| {
        let sockets = [(); 3].map(|()| tcp("127.0.0.1:0").into());
        let status = serve(directory.path(), names, sockets).wait().unwrap();
        assert!(!status.success());
        std::fs::read_to_string(directory.path().join("log")).unwrap()
    };
    let log = told("smtp:imap:pop");
    assert!(log.contains("systemd gave no socket named \"pop3\", only \"pop\"; set FileDescriptorName=pop3"), "{log}");
    let text = std::fs::read_to_string(directory.path().join("gatepost.toml")).unwrap();
    std::fs::write(directory.path().join("gatepost.toml"), text.replace("systemd:pop3", "127.0.0.1:0")).unwrap();
    let log = told("smtp:imap:pop3");
    assert!(log.contains("systemd gave sockets that no listener names: \"pop3\"; add a listener"), "{log}");
    let log = told("smtp:imap");
    assert!(log.contains("LISTEN_FDNAMES cannot be right"), "{log}");
}
