//! The program's life: signals, systemd, reloads in a row, an upgrade under load.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gatepost::model::Protocol;
use gatepost_kit::Peer;

use crate::activation::{Tidy, serve};
use crate::reuse::until;
use crate::scene::{MAILBOX, PLAIN, Setting, goes_on, greeting, log_in, stage, yes};

/// Long enough for a machine on which eight compilers run.
const PATIENCE: Duration = Duration::from_mins(1);

/// A stage, and listening sockets that outlive each program.
struct House {
    stage: (gatepost_kit::Provider, gatepost_kit::Authority, tempfile::TempDir),
    sockets: [TcpListener; 3],
}

impl House {
    async fn new(limits: &'static str) -> Self {
        let setting = Setting { address: r#""systemd:PROTOCOL""#, limits, ..Setting::default() };
        let sockets = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        Self { stage: stage(setting).await, sockets }
    }

    fn directory(&self) -> &Path {
        self.stage.2.path()
    }

    fn address(&self, protocol: Protocol) -> SocketAddr {
        let index = Protocol::ALL.iter().position(|one| *one == protocol).unwrap();
        self.sockets[index].local_addr().unwrap()
    }

    /// Starts the program as systemd does.
    fn program(&self) -> Tidy {
        let sockets = self.sockets.each_ref().map(|socket| OwnedFd::from(socket.try_clone().unwrap()));
        let names = Protocol::ALL.map(|protocol| protocol.to_string()).join(":");
        Tidy(serve(self.directory(), &names, sockets))
    }

    async fn logged_in(&self, protocol: Protocol) -> Peer {
        let mut peer = Peer::connect(self.address(protocol)).await;
        peer.expect(greeting(protocol)).await;
        log_in(&mut peer, protocol, PLAIN).await;
        peer.expect(yes(protocol)).await;
        peer
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory().join("log")).unwrap()
    }

    async fn logs(&self, event: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.log().contains(event) {
            assert!(Instant::now() < end, "{event} never came:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn signal(program: &Tidy, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &program.0.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// What it ends with.
async fn code(program: &mut Child) -> Option<i32> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = program.try_wait().unwrap() {
            return status.code();
        }
        assert!(Instant::now() < end, "it never ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A client in the middle of a message.
async fn in_a_message(house: &House) -> Peer {
    let mut peer = house.logged_in(Protocol::Smtp).await;
    for (command, reply) in [
        (format!("MAIL FROM:<{MAILBOX}>"), "250 "),
        ("RCPT TO:<a@example.com>".into(), "250 "),
        ("DATA".into(), "354 "),
    ] {
        peer.send(format!("{command}\r\n")).await;
        peer.expect(reply).await;
    }
    peer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_messages_says_goodbye_and_ends_well() {
    let house = House::new("shutdown_seconds = 30").await;
    let mut program = house.program();
    let mut sender = in_a_message(&house).await;
    let mut reader = house.logged_in(Protocol::Imap).await;
    let mut fetcher = house.logged_in(Protocol::Pop3).await;
    signal(&program, "TERM");
    reader.expect("* BYE Service is stopping").await;
    reader.expect_end().await;
    fetcher.expect("-ERR [SYS/TEMP] Service is stopping").await;
    fetcher.expect_end().await;
    sender.send("Subject: x\r\n\r\nwhole\r\n.\r\n").await;
    sender.expect("250 2.0.0 OK").await;
    sender.expect("421 4.3.2 Service is stopping").await;
    sender.expect_end().await;
    assert_eq!(code(&mut program.0).await, Some(0), "{}", house.log());
    assert_eq!(house.stage.0.mail("a@example.com").len(), 1);
    assert!(house.log().contains("service.draining sessions=3"), "{}", house.log());
}

/// Between the signal and the closed door a load balancer hears that it is to send nobody more, and those whom it sends are served.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_announced_before_the_doors_are_closed() {
    let house = House::new("notice_seconds = 3600").await;
    let mut program = house.program();
    let mut reader = house.logged_in(Protocol::Imap).await;
    signal(&program, "TERM");
    house.logs("service.leaving seconds=3600").await;
    let status = Command::new(env!("CARGO_BIN_EXE_gatepost"))
        .args(["status", "--json", "--config"])
        .arg(house.directory().join("gatepost.toml"))
        .output()
        .unwrap();
    assert_eq!(status.status.code(), Some(1), "{status:?}");
    assert!(String::from_utf8_lossy(&status.stdout).contains("the service is stopping"), "{status:?}");
    reader.send("b NOOP\r\n").await;
    reader.expect("b OK").await;
    let mut late = house.logged_in(Protocol::Pop3).await;
    late.send("QUIT\r\n").await;
    late.expect("+OK").await;
    assert!(!house.log().contains("service.draining"), "{}", house.log());
    // Nobody waits that long.
    signal(&program, "TERM");
    assert!(code(&mut program.0).await.is_some(), "{}", house.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_off_is_no_success() {
    let house = House::new("shutdown_seconds = 3600").await;
    let mut program = house.program();
    let _sender = in_a_message(&house).await;
    signal(&program, "TERM");
    house.logs("service.draining").await;
    // Somebody is in a hurry.
    signal(&program, "TERM");
    assert_eq!(code(&mut program.0).await, Some(1), "{}", house.log());
    let log = house.log();
    assert!(log.contains("service.stopped unfinished=1 sessions_cut=1"), "{log}");
    assert!(log.contains("stopped in the middle: 1 messages or grants and 1 sessions"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_reloads_in_a_row_lose_nothing_and_leak_nothing() {
    let house = House::new("").await;
    let mut program = house.program();
    let mut peers = Vec::new();
    for protocol in Protocol::ALL {
        peers.push((protocol, house.logged_in(protocol).await));
    }
    let file = house.directory().join("gatepost.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", program.0.id())).unwrap().count();
    let mut before = 0;
    for round in 0..30 {
        let more =
            if round % 2 == 0 { "\n[[listeners]]\nprotocol = \"imap\"\naddress = \"127.0.0.1:0\"\n" } else { "" };
        std::fs::write(&file, good.clone() + more).unwrap();
        if round % 10 == 5 {
            let told = house.log().matches("config.reloaded").count();
            signal(&program, "HUP");
            until(|| house.log().matches("config.reloaded").count() > told).await;
        } else {
            let told = reload(&house);
            assert!(told.0 == Some(0) && told.1.contains("listening: imap 127.0.0.1:"), "{told:?}");
        }
        for (protocol, peer) in &mut peers {
            goes_on(peer, *protocol).await;
        }
        if round == 1 {
            before = descriptors();
        }
    }
    // A listener that was closed has gone when those before it were let in.
    let end = Instant::now() + PATIENCE;
    while descriptors() > before + 1 {
        assert!(Instant::now() < end, "{} descriptors, {before} before", descriptors());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(house.logged_in(Protocol::Imap).await);
    // What is broken is said by the command as by a start, and changes nothing.
    std::fs::write(&file, good.replace("[limits]", "[limits]\nsesions = 3")).unwrap();
    let (code, text) = reload(&house);
    assert!(code == Some(78) && text.contains("did you mean `sessions`?"), "{text}");
    // Nor can sockets of systemd be left to nobody, while the same ones can be served otherwise.
    let (head, last) = good.rsplit_once("[[listeners]]").unwrap();
    let (_, tail) = last.split_once("\n[providers").unwrap();
    std::fs::write(&file, format!("{head}\n[providers{tail}")).unwrap();
    let (code, text) = reload(&house);
    assert!(code == Some(1) && text.contains("systemd gave sockets that no listener names"), "{text}");
    std::fs::write(&file, good.replace("tls = \"none\"", "tls = \"starttls\"")).unwrap();
    let (code, text) = reload(&house);
    assert!(code == Some(0) && text.contains("listeners changed"), "{text}");
    signal(&program, "TERM");
    for (_, peer) in &mut peers {
        while !peer.line().await.is_empty() {}
    }
    assert_eq!(self::code(&mut program.0).await, Some(0), "{}", house.log());
}

fn reload(house: &House) -> (Option<i32>, String) {
    let file = house.directory().join("gatepost.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    let output = command.arg("reload").arg("--config").arg(file).stdin(Stdio::null()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// The old program drains while the new one is let in to the same sockets.
#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_refuses_nobody_and_cuts_no_session() {
    let house = Arc::new(House::new("shutdown_seconds = 30").await);
    let mut old = house.program();
    drop(house.logged_in(Protocol::Imap).await);
    let mut idle = house.logged_in(Protocol::Imap).await;
    let (over, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut clients = Vec::new();
    for protocol in Protocol::ALL.into_iter().chain(Protocol::ALL) {
        let (house, over, rounds) = (Arc::clone(&house), Arc::clone(&over), Arc::clone(&rounds));
        clients.push(tokio::spawn(async move {
            // Each connects, logs in, does something and leaves: whatever is refused or cut panics.
            while !over.load(Ordering::Relaxed) {
                let mut peer = house.logged_in(protocol).await;
                goes_on(&mut peer, protocol).await;
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    let more = async |some: usize| {
        let (before, end) = (rounds.load(Ordering::Relaxed), Instant::now() + PATIENCE);
        while rounds.load(Ordering::Relaxed) < before + some && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(rounds.load(Ordering::Relaxed) >= before + some, "{}", house.log());
    };
    more(20).await;
    std::fs::rename(house.directory().join("log"), house.directory().join("log.old")).unwrap();
    let mut new = house.program();
    until(|| house.directory().join("log").exists()).await;
    house.logs("service.listening").await;
    signal(&old, "TERM");
    assert_eq!(code(&mut old.0).await, Some(0), "the old one ends well");
    idle.expect("* BYE Service is stopping").await;
    idle.expect_end().await;
    more(20).await;
    over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    signal(&new, "TERM");
    assert_eq!(code(&mut new.0).await, Some(0), "{}", house.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_told_of_each_step() {
    let (provider, authority, directory) = stage(Setting::default()).await;
    let place = directory.path().join("notify");
    let told = UnixDatagram::bind(&place).unwrap();
    told.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.arg("serve").arg("--config").arg(directory.path().join("gatepost.toml"));
    command.env("NOTIFY_SOCKET", &place).env("WATCHDOG_USEC", "4000000").env_remove("WATCHDOG_PID");
    let mut program = Tidy(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let next = |wanted: &str| loop {
        let mut text = [0; 4096];
        let length = told.recv(&mut text).unwrap_or_else(|fault| panic!("{wanted}: {fault}"));
        let text = String::from_utf8_lossy(&text[..length]).into_owned();
        if text.lines().any(|line| line.starts_with(wanted)) {
            return text;
        }
    };
    next("READY=1");
    next("WATCHDOG=1");
    next("WATCHDOG=1");
    signal(&program, "HUP");
    assert!(next("RELOADING=1").contains("MONOTONIC_USEC="));
    assert!(next("READY=1").contains("STATUS=Serving"));
    std::fs::write(directory.path().join("gatepost.toml"), "broken").unwrap();
    signal(&program, "HUP");
    assert!(next("READY=1").contains("STATUS=Serving by the configuration from before"));
    signal(&program, "TERM");
    next("STOPPING=1");
    next("EXTEND_TIMEOUT_USEC=");
    assert_eq!(code(&mut program.0).await, Some(0));
    drop((provider, authority));
}

/// How often the threads of a program were given the processor. One that ends counts no more, so that the sum may fall.
fn runs(program: &Tidy) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{}/task", program.0.id())).unwrap();
    let status = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("status")).ok());
    let count = |status: String| {
        let counts =
            status.lines().filter(|line| line.contains("ctxt_switches")).filter_map(|line| line.split('\t').nth(1));
        counts.map(|count| count.parse::<u64>().unwrap()).sum::<u64>()
    };
    status.map(count).sum()
}

/// What is due comes at its time, and everything else when it happens.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_with_nothing_to_do_sleeps() {
    let house = House::new("").await;
    let program = house.program();
    let _session = house.logged_in(Protocol::Imap).await;
    let end = Instant::now() + PATIENCE;
    let mut before = 0;
    loop {
        let now = runs(&program);
        if now == before {
            return;
        }
        assert!(Instant::now() < end, "its threads were woken {} times within 7 s", now.abs_diff(before));
        before = now;
        // Longer than from one sign of life of a replica to the next: there is none where nobody could hear it.
        tokio::time::sleep(Duration::from_secs(7)).await;
    }
}
