//! What the tests share.

use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gatepost_kit::{Peer, Provider, tls_peer};
use serde_json::{Value, json};

pub(crate) const USER: &str = "support@example.com";
pub(crate) const HOUR: Duration = Duration::from_hours(1);
/// Dots where they hurt, octets that are no UTF-8, a line without an end.
pub(crate) const MESSAGE: &[u8] =
    b"Subject: Gr\xc3\xbc\xc3\x9fe\r\nFrom: a@example.com\r\n\r\n.\r\n..\r\n.x\r\n\xe9\xff\r\n\r\nno newline";

pub(crate) fn local(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

pub(crate) fn xoauth2(user: &str, token: &str) -> String {
    STANDARD.encode(format!("user={user}\x01auth=Bearer {token}\x01\x01"))
}

pub(crate) fn oauthbearer(user: &str, token: &str) -> String {
    let user = user.replace('=', "=3D").replace(',', "=2C");
    STANDARD.encode(format!("n,a={user},\x01host=localhost\x01port=993\x01auth=Bearer {token}\x01\x01"))
}

/// A client under TLS that has read the greeting.
pub(crate) async fn client(provider: &Provider, port: u16) -> Peer {
    let mut peer = tls_peer(local(port), &provider.authority.client()).await;
    let greeting = peer.line().await;
    assert!(["220 ", "* OK ", "+OK "].iter().any(|start| greeting.starts_with(start)), "{greeting}");
    peer
}

/// Logs in by SMTP.
pub(crate) async fn submit(provider: &Provider) -> Peer {
    let token = provider.issue_access_token(USER, HOUR);
    let mut peer = client(provider, provider.ports.smtps).await;
    peer.send("AUTH XOAUTH2\r\n").await;
    assert_eq!(peer.expect("334").await, "334 \r\n");
    peer.send(format!("{}\r\n", xoauth2(USER, &token))).await;
    peer.expect("235 2.7.0 ").await;
    peer
}

/// Logs in by IMAP and selects INBOX.
pub(crate) async fn inbox(provider: &Provider) -> Peer {
    let token = provider.issue_access_token(USER, HOUR);
    let mut peer = client(provider, provider.ports.imaps).await;
    peer.send(format!("l AUTHENTICATE XOAUTH2 {}\r\n", xoauth2(USER, &token))).await;
    peer.tagged("l OK").await;
    peer.send("s SELECT INBOX\r\n").await;
    peer.tagged("s OK [READ-WRITE]").await;
    peer
}

/// Logs in by POP3.
pub(crate) async fn maildrop(provider: &Provider) -> Peer {
    let token = provider.issue_access_token(USER, HOUR);
    let mut peer = client(provider, provider.ports.pop3s).await;
    peer.send("AUTH XOAUTH2\r\n").await;
    peer.expect("+ ").await;
    peer.send(format!("{}\r\n", xoauth2(USER, &token))).await;
    peer.expect("+OK").await;
    peer
}

pub(crate) async fn endpoint(provider: &Provider) -> Peer {
    tls_peer(local(provider.ports.token), &provider.authority.client()).await
}

/// Posts a form on a connection that is kept; status and body.
pub(crate) async fn post(peer: &mut Peer, form: &str, fields: &str) -> (u16, Value) {
    post_to(peer, "/token", form, fields).await
}

/// Posts a form anywhere.
pub(crate) async fn post_to(peer: &mut Peer, path: &str, form: &str, fields: &str) -> (u16, Value) {
    let length = form.len();
    peer.send(format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n{fields}\r\n{form}"
    ))
    .await;
    let (status, body) = response(peer).await;
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// Escapes what a form or a query cannot hold.
pub(crate) fn escaped(text: &str) -> String {
    let escape = |octet: u8| match octet {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' => char::from(octet).to_string(),
        octet => format!("%{octet:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// The claims of a JWT.
pub(crate) fn claims(token: &str) -> Value {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

/// A JWT with these claims, made now and good for so many seconds, whose signature is rubbish.
pub(crate) fn jwt(mut claims: Value, life: i64) -> String {
    let now = i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    (claims["iat"], claims["exp"]) = (now.into(), (now + life).into());
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", part(json!({ "alg": "PS256", "x5t#S256": "thumbprint" })), part(claims))
}

/// Whether an access token opens this mailbox.
pub(crate) async fn opens(provider: &Provider, access: &str, mailbox: &str) -> bool {
    let mut peer = client(provider, provider.ports.imaps).await;
    peer.send(format!("a AUTHENTICATE XOAUTH2 {}\r\n", xoauth2(mailbox, access))).await;
    let answer = peer.line().await;
    answer.starts_with("* CAPABILITY") || answer.starts_with("a OK")
}

/// Status and body of a response.
pub(crate) async fn response(peer: &mut Peer) -> (u16, Vec<u8>) {
    let head = peer.read_until("\r\n").await.to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    (status, peer.take(length).await)
}
