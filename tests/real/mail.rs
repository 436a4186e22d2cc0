//! A message that goes out by SMTP and comes back by IMAP and POP3, with curl.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::gatepost::{Gatepost, PASSWORD, run};

/// The account can send as the mailbox and read what came, without TLS.
pub(crate) fn relays(gatepost: &Gatepost, user: &str, mailbox: &str) {
    relays_by(gatepost, user, mailbox, "none", None);
}

/// The same by a kind of TLS, with the authority that signed the certificate.
pub(crate) fn relays_by(gatepost: &Gatepost, user: &str, mailbox: &str, tls: &str, ca: Option<&Path>) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let mark = format!("curl-{}-mark", NUMBER.fetch_add(1, Ordering::Relaxed));
    let (file, content) = (gatepost.directory.path().join(&mark), message(mailbox, &mark));
    std::fs::write(&file, &content).unwrap();
    let s = if tls == "implicit" { "s" } else { "" };
    let curl = |url: String| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-m", "60", "-u", &format!("{user}:{PASSWORD}")]).arg(url);
        if let Some(ca) = ca {
            curl.arg("--cacert").arg(ca);
        }
        if tls == "starttls" {
            curl.arg("--ssl-reqd");
        }
        curl
    };
    let mut sending = curl(format!("smtp{s}://localhost:{}", gatepost.smtp));
    run(sending.args(["--mail-from", mailbox, "--mail-rcpt", mailbox, "-T"]).arg(&file), "");
    let inbox = format!("imap{s}://localhost:{}/INBOX", gatepost.imap);
    let number = delivered(&mut || run(&mut curl(format!("{inbox}?SUBJECT%20{mark}")), ""));
    let content = content + "\r\n"; // no line can be sent without its end
    let fetched = run(&mut curl(format!("{inbox};MAILINDEX={number}")), "");
    assert!(fetched.ends_with(&content), "{fetched}");
    let fetched = run(&mut curl(format!("pop3{s}://localhost:{}/{number}", gatepost.pop3)), "");
    assert!(fetched.ends_with(&content), "{fetched}");
}

/// What POP3 answers to the account's login.
pub(crate) fn login(gatepost: &Gatepost, user: &str) -> String {
    let tcp = TcpStream::connect(Gatepost::address(gatepost.pop3)).unwrap();
    let mut lines = BufReader::new(tcp.try_clone().unwrap()).lines().map(Result::unwrap);
    lines.next().unwrap();
    for command in [format!("USER {user}"), format!("PASS {PASSWORD}")] {
        (&tcp).write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let answer = lines.next().unwrap();
        if command.starts_with("PASS") || answer.starts_with("-ERR") {
            return answer;
        }
    }
    unreachable!("PASS comes last")
}

/// A message that does not end its last line; the mark finds it again.
fn message(mailbox: &str, mark: &str) -> String {
    format!(
        "From: {mailbox}\r\nTo: {mailbox}\r\nSubject: {mark}\r\nDate: Sat, 21 Nov 2026 07:00:00 +0000\r\nMessage-ID: <{mark}@example.test>\r\n\r\n.leading dot\r\n{mark} end"
    )
}

/// Waits until a search finds a message; returns its number.
fn delivered(search: &mut dyn FnMut() -> String) -> u32 {
    for _ in 0..300 {
        let found = search();
        let number = found.split_once("SEARCH ").and_then(|(_, numbers)| numbers.trim().parse().ok());
        if let Some(number) = number {
            return number;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("not delivered");
}
