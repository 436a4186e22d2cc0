//! The simulated provider by itself, for tests of what is installed: writes DIRECTORY/ca.pem, and last DIRECTORY/provider.toml
//! with a token and its account's place, and serves until it is ended.
//!
//! `cargo run -p gatepost-kit --example provider -- DIRECTORY`

use std::fs;
use std::path::Path;

use gatepost_kit::Provider;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let directory = std::env::args().nth(1).expect("the directory to write to");
    let directory = Path::new(&directory);
    let provider = Provider::start().await;
    provider.add_client("gatepost", Some("a client secret"), "support@example.com");
    fs::write(directory.join("ca.pem"), provider.authority.ca_pem()).unwrap();
    // Whoever waits for it finds it whole.
    fs::write(directory.join("provider.new"), configuration(&provider)).unwrap();
    fs::rename(directory.join("provider.new"), directory.join("provider.toml")).unwrap();
    std::future::pending::<()>().await;
}

fn configuration(provider: &Provider) -> String {
    let (ports, token_url) = (provider.ports, provider.token_url());
    format!(
        r#"[providers.simulated]
token_url = "{token_url}"
scopes = ["mail"]
ca = "ca.pem"
smtp = {{ host = "localhost", port = {smtp}, tls = "starttls" }}
imap = {{ host = "localhost", port = {imap}, tls = "implicit" }}
pop3 = {{ host = "localhost", port = {pop3}, tls = "implicit" }}

[tokens.support]
provider = "simulated"
grant = "client_credentials"
mailbox = "support@example.com"
client_id = "gatepost"
client_secret = "a client secret"
"#,
        smtp = ports.smtp,
        imap = ports.imaps,
        pop3 = ports.pop3s,
    )
}
