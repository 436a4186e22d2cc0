//! Python's own mail libraries, which were written by people who never saw this provider.

use std::path::PathBuf;
use std::process::Stdio;

use gatepost_kit::{Dialect, Provider, Settings};

use crate::scene::{HOUR, USER};

const PROGRAM: &str = r#"
import imaplib, poplib, smtplib, ssl, sys
smtp, imap, imaps, pop3s, user, token, ca = sys.argv[1:]
tls = ssl.create_default_context(cafile=ca)
message = b"Subject: Gr\xc3\xbc\xc3\x9fe\r\n\r\n.\r\n..\r\n\xe9\xff\r\nno newline"
xoauth2 = lambda challenge=None: f"user={user}\x01auth=Bearer {token}\x01\x01"

s = smtplib.SMTP("localhost", int(smtp))
s.starttls(context=tls)
s.ehlo()
s.auth("XOAUTH2", xoauth2, initial_response_ok=False)
s.sendmail(user, [user], message, ["BODY=8BITMIME"])
s.quit()
expected = message + b"\r\n"

for m in (imaplib.IMAP4_SSL("localhost", int(imaps), ssl_context=tls), imaplib.IMAP4("localhost", int(imap))):
    if not isinstance(m, imaplib.IMAP4_SSL):
        m.starttls(tls)
    m.authenticate("XOAUTH2", lambda challenge: xoauth2().encode())
    assert m.select("INBOX") == ("OK", [b"1"])
    assert m.search(None, "SUBJECT", '"gr"') == ("OK", [b"1"])
    assert m.fetch("1", "(BODY.PEEK[])")[1][0][1] == expected
    assert m.uid("FETCH", "1", "(RFC822.SIZE)")[1] == [b"1 (UID 1 RFC822.SIZE %d)" % len(expected)]
    m.close(); m.logout()

p = poplib.POP3_SSL("localhost", int(pop3s), context=tls)
p._putline(b"AUTH XOAUTH2")
assert p._getline()[0].startswith(b"+ ")
import base64
p._shortcmd(base64.b64encode(xoauth2().encode()).decode())
assert p.stat() == (1, len(expected))
assert b"\r\n".join(p.retr(1)[1]) + b"\r\n" == expected
p.dele(1); p.quit()
m = imaplib.IMAP4_SSL("localhost", int(imaps), ssl_context=tls)
m.authenticate("XOAUTH2", lambda challenge: xoauth2().encode())
assert m.select("INBOX") == ("OK", [b"0"])
assert m.append("INBOX", "\\Seen", None, expected)[0] == "OK"
assert m.fetch("1", "(FLAGS BODY[])")[1][0][1] == expected
m.logout()
"#;

/// Whether the test may run; says loudly when not.
fn has_python() -> bool {
    let found = std::process::Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_ok();
    assert!(found || std::env::var("CI").is_err(), "python3 is missing, and CI skips nothing");
    if !found {
        eprintln!(
            "SKIPPED: python3 is missing, so Python's mail libraries were not run against the simulated provider"
        );
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn pythons_libraries_send_and_read() {
    if !has_python() {
        return;
    }
    for dialect in [Dialect::Microsoft, Dialect::Google] {
        let provider = Provider::with(Settings { dialect, ..Settings::default() }).await;
        let token = provider.issue_access_token(USER, HOUR);
        let ca = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{dialect:?}.pem"));
        std::fs::write(&ca, provider.authority.ca_pem()).unwrap();
        let ports = provider.ports;
        let arguments = [ports.smtp, ports.imap, ports.imaps, ports.pop3s].map(|port| port.to_string());
        let run = tokio::task::spawn_blocking(move || {
            let mut python = std::process::Command::new("python3");
            python.args(["-c", PROGRAM]).args(arguments).args([USER, &token]).arg(ca).output()
        });
        let output = run.await.unwrap().unwrap();
        assert!(output.status.success(), "{dialect:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(provider.logins().iter().all(|login| login.granted));
    }
}
