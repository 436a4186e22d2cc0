//! The whole job, on a machine with nothing but Rust: a simulated provider that takes only OAuth tokens, Gatepost before it,
//! and a mail program that knows only a password.
//!
//! `cargo run --release --example demo`; with `-- --keep` it stays up for a mail program of your own.

#![expect(clippy::print_stdout, reason = "a demo is there to be read")]

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use gatepost::account::hash_password;
use gatepost::cli::serve::Running;
use gatepost::config::Config;
use gatepost::model::Protocol;
use gatepost_kit::Provider;
use gatepost_kit::legacy::Program;

const MAILBOX: &str = "support@example.com";
const USER: &str = "evmail";
const PASSWORD: &str = "an ordinary password";

#[tokio::main]
async fn main() -> ExitCode {
    match demo(std::env::args().any(|argument| argument == "--keep")).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("FAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn demo(keep: bool) -> anyhow::Result<()> {
    let mut clock = Clock(Instant::now());
    let provider = Provider::start().await;
    provider.add_client("gatepost", Some("a client secret"), MAILBOX);
    provider.set_rotation(true);
    clock
        .step("a simulated provider: OAuth token endpoint; SMTP, IMAP and POP3 that take only XOAUTH2 and OAUTHBEARER");

    let directory = std::env::temp_dir().join(format!("gatepost-demo-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let _tidy = Tidy(&directory);
    let config = configure(&directory, &provider)?;
    clock.step("a configuration: one token, one account, three listeners");

    let gatepost = Running::start(config).await?;
    let address =
        |protocol| gatepost.listeners().iter().find(|(served, _)| *served == protocol).and_then(|(_, at)| at.tcp());
    let smtp = address(Protocol::Smtp).context("no SMTP listener")?;
    let imap = address(Protocol::Imap).context("no IMAP listener")?;
    let pop3 = address(Protocol::Pop3).context("no POP3 listener")?;
    clock.step(&format!("Gatepost, as `gatepost serve` runs it: SMTP {smtp}, IMAP {imap}, POP3 {pop3}"));

    let message = message();
    let program = Program { user: USER, password: PASSWORD };
    program.send_mail(smtp, MAILBOX, &[MAILBOX], &message).await;
    clock.step(&format!("sent by SMTP with user {USER:?} and its password: {} octets", message.len()));
    let by_imap = program.read_by_imap(imap, 1).await;
    clock.step(&format!("read back by IMAP with the same password: {} octets", by_imap.len()));
    let by_pop3 = program.read_by_pop3(pop3, 1).await;
    clock.step(&format!("read back by POP3 with the same password: {} octets", by_pop3.len()));

    ensure!(by_imap == message, "IMAP brought other bytes than were sent");
    ensure!(by_pop3 == message, "POP3 brought other bytes than were sent");
    let logins = provider.logins();
    ensure!(logins.iter().all(|login| login.granted && login.user == MAILBOX), "an upstream login failed: {logins:?}");
    println!(
        "The bytes read equal the bytes sent. The provider saw only tokens, for {MAILBOX}; the program knew only a password."
    );
    if keep {
        println!("\nKept running. Point a mail program at it, without TLS:");
        println!("  SMTP {smtp}\n  IMAP {imap}\n  POP3 {pop3}\n  user {USER}\n  password {PASSWORD}\nCtrl-C ends it.");
        tokio::signal::ctrl_c().await?;
    }
    gatepost.stop().await;
    Ok(())
}

/// Prints each step with the time it took.
struct Clock(Instant);

impl Clock {
    fn step(&mut self, what: &str) {
        println!("{:>8.1} ms  {what}", self.0.elapsed().as_secs_f64() * 1000.0);
        self.0 = Instant::now();
    }
}

/// Removes the demo's files at its end, however it ends.
struct Tidy<'a>(&'a Path);

impl Drop for Tidy<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0);
    }
}

fn configure(directory: &Path, provider: &Provider) -> anyhow::Result<Config> {
    let ports = provider.ports;
    let hash = hash_password(&PASSWORD.into())?;
    let key = gatepost::store::generate_key()?;
    std::fs::write(directory.join("ca.pem"), provider.authority.ca_pem())?;
    let listeners = ["smtp", "imap", "pop3"]
        .map(|protocol| format!("[[listeners]]\nprotocol = {protocol:?}\naddress = \"127.0.0.1:0\"\n"));
    let text = format!(
        r#"
[store]
key = "{key}"
{listeners}
[providers.simulated]
token_url = "{token_url}"
scopes = ["mail"]
ca = "ca.pem"
smtp = {{ host = "localhost", port = {smtp}, tls = "starttls" }}
imap = {{ host = "localhost", port = {imap}, tls = "implicit" }}
pop3 = {{ host = "localhost", port = {pop3}, tls = "implicit" }}

[tokens.support]
provider = "simulated"
grant = "client_credentials"
mailbox = "{MAILBOX}"
client_id = "gatepost"
client_secret = "a client secret"

[accounts.{USER}]
password_hash = "{hash}"
token = "support"
"#,
        key = secrecy::ExposeSecret::expose_secret(&key),
        listeners = listeners.concat(),
        token_url = provider.token_url(),
        smtp = ports.smtp,
        imap = ports.imaps,
        pop3 = ports.pop3s,
        hash = hash.as_str(),
    );
    let file = directory.join("gatepost.toml");
    std::fs::write(&file, text)?;
    Ok(Config::load(&file, std::iter::empty())?)
}

/// Dots at line starts, 8-bit text, a long line.
fn message() -> Vec<u8> {
    let head = format!(
        "From: Demo <{MAILBOX}>\r\nTo: {MAILBOX}\r\nSubject: It works\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    );
    let body = format!("Grüße.\r\n.\r\n..two dots\r\n.leading\r\n{}\r\n", "x".repeat(900));
    [head, body].concat().into_bytes()
}
