//! What only clouds have, and what real peers cannot be made to do, before the simulated provider.

use std::io::{BufRead as _, BufReader, Write as _};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatepost_kit::{Answer, Client, Peer, Provider};

use super::scene::{account, eventually};
use crate::gatepost::{Gatepost, PLAIN, foundation};
use crate::mail::relays;
use crate::peers::peers;
use crate::talk::Talk;

/// How its tokens and codes begin.
const ISSUED: [&str; 3] = ["simulated.access", "simulated.refresh", "4/0simulated"];
const APP_PASSWORD: &str = "abcd efgh ijkl mnop";

/// Gatepost before it; the tokens ask for `mail` and not for who signed in.
fn gatepost(kit: &Provider, variables: &[(&str, &str)]) -> Gatepost {
    let ports = &kit.ports;
    let server = |name, port| format!("{name} = {{ host = \"localhost\", port = {port}, tls = \"implicit\" }}\n");
    let servers = [("imap", ports.imaps), ("pop3", ports.pop3s), ("smtp", ports.smtps)];
    let provider = format!(
        "[providers.kit]\nauthorization_url = \"{}\"\ntoken_url = \"{}\"\nscopes = [\"mail\", \"offline_access\"]\nca = \"ca.pem\"\n{}",
        kit.authorize_url(),
        kit.token_url(),
        servers.map(|(name, port)| server(name, port)).concat()
    );
    let files = [("ca.pem", kit.authority.ca_pem()), ("app.secret", "app-s3cret"), ("app.password", APP_PASSWORD)];
    Gatepost::with(&(foundation("none") + &provider), &files, variables)
}

/// Declares a token and an account of that name, which then sends and reads.
fn works(gatepost: &Gatepost, name: &str, mailbox: &str, arguments: &[&str]) {
    gatepost.run(&[&["token", "add", name, "--provider", "kit", "--mailbox", mailbox], arguments].concat(), "");
    account(gatepost, name, &["--token", name]);
    relays(gatepost, name, mailbox);
    gatepost.tells_none_of(ISSUED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_federated_assertion_is_read_anew_each_time() {
    if peers().is_none() {
        return;
    }
    let kit = Provider::start().await;
    kit.register(Client::new("federated", "federated@example.test").federated("https://issuer.example", "pod"));
    let gatepost = gatepost(&kit, &[]);
    let assertion = |subject| std::fs::write(gatepost.directory.path().join("assertion"), jwt(subject)).unwrap();
    assertion("pod");
    let grant = ["--grant", "client_credentials", "--client-id", "federated", "--client-assertion-file", "assertion"];
    works(&gatepost, "federated", "federated@example.test", &grant);
    assertion("stranger");
    let (_, said) = gatepost.refuses(&["token", "refresh", "federated"], "");
    assert!(said.contains("invalid_client"), "{said}");
    assertion("pod");
    gatepost.run(&["token", "refresh", "federated"], "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_has_an_identity_of_its_own_and_others() {
    if peers().is_none() {
        return;
    }
    let kit = Provider::start().await;
    kit.machine(Client::new("the-machine", "machine@example.test"));
    kit.register(Client::new("assigned", "assigned@example.test"));
    let endpoint = format!("{}/metadata/identity/oauth2/token", kit.identity_url());
    let gatepost = gatepost(&kit, &[("IDENTITY_ENDPOINT", &endpoint)]);
    let grant = ["--grant", "client_credentials", "--scope", "https://outlook.office365.com/.default"];
    for (name, identity) in [("machine", "system"), ("assigned", "assigned")] {
        let mailbox = format!("{name}@example.test");
        works(&gatepost, name, &mailbox, &[&grant[..], &["--managed-identity", identity]].concat());
    }
}

/// The machine's identity service, that gives an assertion for the app which trusts the machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_proves_an_app() {
    if peers().is_none() {
        return;
    }
    let kit = Provider::start().await;
    kit.register(Client::new("trusting", "trusting@example.test").federated("https://issuer.example", "machine"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/token", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        let head = BufReader::new(&tcp).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
        let head = head.collect::<Vec<_>>().join("\n").to_lowercase();
        let body =
            format!("{{\"access_token\":\"{}\",\"expires_in\":\"60\",\"token_type\":\"Bearer\"}}", jwt("machine"));
        let head_of_answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
        write!(&tcp, "{head_of_answer}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        head
    });
    let gatepost = gatepost(&kit, &[("IDENTITY_ENDPOINT", &endpoint), ("IDENTITY_HEADER", "h3ader")]);
    let grant = ["--grant", "client_credentials", "--client-id", "trusting", "--managed-identity", "system"];
    works(&gatepost, "trusting", "trusting@example.test", &grant);
    let asked = asked.join().unwrap();
    assert!(asked.contains("resource=api%3a%2f%2fazureadtokenexchange"), "{asked}");
    assert!(asked.contains("x-identity-header: h3ader"), "{asked}");
    gatepost.tells_none_of([jwt("machine").as_str(), "h3ader"]);
}

/// An assertion of another provider.
fn jwt(subject: &str) -> String {
    let header = serde_json::json!({ "alg": "RS256", "typ": "JWT" });
    let claims = serde_json::json!({
        "iss": "https://issuer.example", "sub": subject, "aud": "api://AzureADTokenExchange",
        "iat": 1_700_000_000, "exp": 4_000_000_000_u64,
    });
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    format!("{header}.{claims}.c2ln")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_password_is_the_last_resort() {
    if peers().is_none() {
        return;
    }
    let kit = Provider::start().await;
    kit.app_password("app@example.test", APP_PASSWORD);
    let gatepost = gatepost(&kit, &[]);
    works(&gatepost, "app", "app@example.test", &["--grant", "app_password", "--password-file", "app.password"]);
    gatepost.tells_none_of([APP_PASSWORD]);
    let (_, said) = gatepost.refuses(&["token", "refresh", "app"], "");
    assert!(said.contains("never expires"), "{said}");
}

/// The provider gives no id token here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_says_who_signed_in_the_mailbox_is_tried() {
    if peers().is_none() {
        return;
    }
    let kit = Provider::start().await;
    kit.register(Client::new("native", "nobody@example.test"));
    let gatepost = gatepost(&kit, &[]);
    let arguments = ["--grant", "authorization_code", "--client-id", "native", "--mailbox", "probed@example.test"];
    gatepost.run(&[&["token", "add", "probed", "--provider", "kit"], &arguments[..]].concat(), "");
    account(&gatepost, "probed", &["--token", "probed"]);
    let shown = || gatepost.run(&["token", "show", "probed", "--json"], "");
    let before = shown();
    let consents = |mailbox: &str| {
        let mut talk = Talk::begin(&gatepost, &["token", "authorize", "probed", "--paste"]);
        let address = talk.address();
        talk.say(&kit.consent(&address, mailbox));
        talk
    };
    let said = consents("stranger@example.test").fails("probed@example.test cannot be opened with the new token");
    assert!(said.contains("nothing was changed"), "{said}");
    assert_eq!(shown(), before);
    consents("probed@example.test").succeeds();
    relays(&gatepost, "probed", "probed@example.test");
    gatepost.tells_none_of(ISSUED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_token_endpoint_delays_nobody_else() {
    if peers().is_none() {
        return;
    }
    let kit = Provider::start().await;
    let gatepost = gatepost(&kit, &[]);
    let add = |name: &str| {
        let mailbox = format!("{name}@example.test");
        kit.add_client(name, Some("app-s3cret"), &mailbox);
        let arguments = ["--grant", "client_credentials", "--client-id", name, "--client-secret-file", "app.secret"];
        gatepost
            .run(&[&["token", "add", name, "--provider", "kit", "--mailbox", &mailbox], &arguments[..]].concat(), "");
        account(&gatepost, name, &["--token", name]);
    };
    add("quick");
    relays(&gatepost, "quick", "quick@example.test");
    kit.faults(|faults| faults.token_answers.push_back(Answer::Hang));
    add("evmail");
    let mut hung = Peer::connect(Gatepost::address(gatepost.smtp)).await;
    hung.expect("220 ").await;
    hung.send(format!("AUTH PLAIN {PLAIN}\r\n")).await;
    let asked = || kit.token_requests().len();
    eventually("the login asks for no token", || asked() == 2);
    let begun = Instant::now();
    relays(&gatepost, "quick", "quick@example.test");
    add("new");
    relays(&gatepost, "new", "new@example.test");
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    assert_eq!(gatepost.events("token.refresh_failed").len(), 0, "it hangs no more");
}
