//! The token endpoint.

use std::time::Duration;

use gatepost_kit::{Answer, Client, Dialect, Provider, Rotation, Settings};

use crate::scene::{USER, client, endpoint, escaped, post, response, xoauth2};

const REFRESH: &str = "grant_type=refresh_token&client_id=c&client_secret=s%2B%C3%A9+s&refresh_token=";
const APP_ONLY: &str = "grant_type=client_credentials&client_id=c&client_secret=s%2B%C3%A9+s";

async fn provider() -> Provider {
    let provider = Provider::start().await;
    provider.add_client("c", Some("s+é s"), USER);
    provider
}

#[tokio::test]
async fn clients_authenticate_by_post_or_basic_on_one_connection() {
    let provider = provider().await;
    let mut peer = endpoint(&provider).await;
    let (status, answer) = post(&mut peer, APP_ONLY, "").await;
    assert_eq!(
        (status, answer["token_type"].as_str(), answer["expires_in"].as_u64()),
        (200, Some("Bearer"), Some(3600))
    );
    assert!(answer["refresh_token"].is_null());
    // RFC 6749, 2.3.1: id and secret are form-urlencoded before they are joined.
    let basic = "Authorization: Basic YzpzJTJCJUMzJUE5K3M=\r\n";
    assert_eq!(post(&mut peer, "grant_type=client_credentials&scope=a+b", basic).await.1["scope"], "a b");
    let (status, answer) = post(&mut peer, "grant_type=client_credentials&client_id=c&client_secret=x", "").await;
    assert_eq!((status, answer["error"].as_str()), (401, Some("invalid_client")));
    assert_eq!(answer["error_codes"][0], 7_000_215);
    assert_eq!(post(&mut peer, "grant_type=client_credentials&client_id=c", "").await.0, 401);
    assert_eq!(
        post(&mut peer, "grant_type=client_credentials&client_id=d", "").await.1["error"],
        "unauthorized_client"
    );
    let ciba = "grant_type=urn:openid:params:grant-type:ciba&client_id=c&client_secret=s%2B%C3%A9+s";
    assert_eq!(post(&mut peer, ciba, "").await.1["error"], "unsupported_grant_type");
    assert_eq!(post(&mut peer, "", "Connection: close\r\n").await.0, 400);
    peer.expect_end().await;
    let requests = provider.token_requests();
    assert_eq!(requests.len(), 7);
    assert!(requests[..4].iter().all(|request| request.client == "c" && request.grant == "client_credentials"));
}

#[tokio::test]
async fn other_requests_are_refused() {
    let provider = provider().await;
    let mut peer = endpoint(&provider).await;
    for (request, status) in [
        ("GET /token HTTP/1.1\r\n\r\n", 405),
        ("POST /other HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 404),
        ("POST /token HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 400),
    ] {
        peer.send(request).await;
        assert_eq!(response(&mut peer).await.0, status, "{request}");
    }
    peer.send("POST /token HTTP/1.0\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(response(&mut peer).await.0, 400);
    peer.expect_end().await;
}

#[tokio::test]
async fn without_rotation_a_refresh_token_stays() {
    let provider = provider().await;
    let mut peer = endpoint(&provider).await;
    let form = REFRESH.to_owned() + &escaped(&provider.issue_refresh_token(USER));
    for _ in 0..2 {
        let (status, answer) = post(&mut peer, &form, "").await;
        assert_eq!((status, answer["refresh_token"].is_null()), (200, true));
    }
    provider.revoke_refresh_tokens_of(USER);
    assert_eq!(post(&mut peer, &form, "").await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn a_spent_refresh_token_that_comes_again_ends_its_family_and_no_other() {
    let provider = provider().await;
    provider.set_rotation(true);
    let mut peer = endpoint(&provider).await;
    let (first, other) = (provider.issue_refresh_token(USER), provider.issue_refresh_token(USER));
    let refresh = |token: &str| REFRESH.to_owned() + &escaped(token);
    let second = post(&mut peer, &refresh(&first), "").await.1["refresh_token"].as_str().unwrap().to_owned();
    let third = post(&mut peer, &refresh(&second), "").await.1["refresh_token"].as_str().unwrap().to_owned();
    assert!(first != second && second != third);
    assert_eq!(provider.token_requests()[1].refresh_token.as_deref(), Some(&second[..]));
    for ended in [&first, &third] {
        let (status, answer) = post(&mut peer, &refresh(ended), "").await;
        assert_eq!((status, answer["error"].as_str()), (400, Some("invalid_grant")));
    }
    assert_eq!(post(&mut peer, &refresh(&other), "").await.0, 200);
}

#[tokio::test]
async fn clients_have_rules_of_their_own() {
    let provider = Provider::with(Settings { dialect: Dialect::Google, ..Settings::default() }).await;
    let ours = Client::new("c", USER).secret("s+é s").rotation(Rotation::Lenient).life(Duration::from_secs(7));
    provider.register(ours.mailbox("shared@example.com"));
    provider.register(Client::new("public", USER));
    let mut peer = endpoint(&provider).await;
    let token = provider.issue_refresh_token_to("c", USER);
    let form = REFRESH.to_owned() + &escaped(&token);
    for _ in 0..2 {
        let (status, answer) = post(&mut peer, &form, "").await;
        assert_eq!((status, answer["expires_in"].as_u64()), (200, Some(7)));
        assert_ne!(answer["refresh_token"], token);
    }
    let stolen = format!("grant_type=refresh_token&client_id=public&refresh_token={}", escaped(&token));
    assert_eq!(post(&mut peer, &stolen, "").await.1["error_description"], "Token has been expired or revoked.");

    let access = post(&mut peer, APP_ONLY, "").await.1["access_token"].as_str().unwrap().to_owned();
    for (user, reply) in [("shared@example.com", "a OK"), ("other@example.com", "+ ")] {
        let mut peer = client(&provider, provider.ports.imaps).await;
        peer.send(format!("a AUTHENTICATE XOAUTH2 {}\r\n", xoauth2(user, &access))).await;
        if reply == "a OK" {
            peer.tagged(reply).await
        } else {
            peer.expect(reply).await
        };
    }
}

#[tokio::test]
async fn every_scripted_answer_comes_once() {
    let provider = provider().await;
    let script = [
        Answer::throttled(7),
        Answer::error(400, "invalid_grant"),
        Answer::Html,
        Answer::EmptyBody,
        Answer::Redirect("https://elsewhere.example/".into()),
        Answer::Slow(Duration::from_millis(20)),
        Answer::CloseEarly,
        Answer::Truncated,
        Answer::from("HTTP/1.1 500 Oops\r\n\r\n"),
        Answer::from(""),
    ];
    provider.faults(|faults| faults.token_answers.extend(script));
    let mut peer = endpoint(&provider).await;
    for (status, error) in
        [(429, None), (400, Some("invalid_grant")), (200, None), (200, None), (307, None), (200, None)]
    {
        let (got, answer) = post(&mut peer, APP_ONLY, "").await;
        assert_eq!((got, answer["error"].as_str()), (status, error));
    }
    let request = format!(
        "POST /token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{APP_ONLY}",
        APP_ONLY.len()
    );
    peer.send(&request).await;
    peer.expect_end().await;
    let mut peer = endpoint(&provider).await;
    peer.send(&request).await;
    let head = peer.read_until("\r\n").await;
    let announced: usize =
        head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap().parse().unwrap();
    let got = peer.rest().await.len();
    assert!(got > 0 && got < announced, "{got} of {announced}");
    let mut peer = endpoint(&provider).await;
    peer.send(&request).await;
    assert_eq!(peer.rest().await, b"HTTP/1.1 500 Oops\r\n\r\n");
    let mut peer = endpoint(&provider).await;
    peer.send(&request).await;
    tokio::time::timeout(Duration::from_millis(100), peer.line()).await.unwrap_err();
    let mut peer = endpoint(&provider).await;
    assert_eq!(post(&mut peer, APP_ONLY, "").await.0, 200);
}
