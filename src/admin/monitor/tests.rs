use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use secrecy::ExposeSecret as _;
use tower::ServiceExt as _;

use super::super::keys::Scope;
use super::super::router;
use super::super::tests::desk_with;
use super::*;
use crate::clock;
use crate::model::{AccessToken, Granted, Token};
use crate::net::Peer;
use crate::registry::Actor;
use crate::store::{Saved, Stored};

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

const HERE: &str = "127.0.0.1:4711";
const ELSEWHERE: &str = "192.0.2.7:4711";

const ACCOUNTS: &str = r#"
[tokens.support]
provider = "microsoft"
grant = "authorization_code"
mailbox = "support@example.com"
tenant = "6f1b0000-0000-0000-0000-000000000000"
client_id = "0c4e"
[accounts.evmail]
password_hash = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$cGFzc3dvcmRwYXNzd29yZHBhc3N3b3JkcGFzc3dvcmQ"
token = "support"
"#;

async fn desk(more: &str) -> (Desk, tempfile::TempDir) {
    desk_with("http://localhost:8590/gate/", more).await
}

async fn ask_of(pages: Router, from: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(target).header("host", "localhost:8590");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer::Tcp(from.parse().unwrap()));
    let response = pages.oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let text = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    Answer { status, headers, text: String::from_utf8(text.to_vec()).unwrap() }
}

async fn ask(desk: &Desk, from: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
    ask_of(router(desk), from, target, headers).await
}

/// As if somebody had authorized it.
async fn authorize(desk: &Desk) {
    let declared = desk.registry.declared();
    let token: &Token = declared.find("support").unwrap();
    let now = clock::now();
    let granted = Granted {
        access: AccessToken::new("access s3cret".into(), now + chrono::TimeDelta::hours(1)),
        refresh: Some("refresh s3cret".into()),
        scopes: None,
        refresh_ends_at: None,
        identity: None,
    };
    let Stored { state, version } = desk.store.token("support").await.unwrap();
    let state = state.authorized(granted, token.binding(), now);
    assert!(matches!(desk.store.save("support", version, &state).await.unwrap(), Saved::Done(_)));
}

#[tokio::test]
async fn it_lives_whatever_else_is_wrong() {
    let (desk, _directory) = desk(ACCOUNTS).await;
    desk.stop.cancel();
    for target in ["/healthz", "/gate/healthz"] {
        let answer = ask(&desk, ELSEWHERE, target, &[("host", "10.0.0.9")]).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "ok\n"));
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn it_is_ready_once_every_account_has_a_token_that_can_be_used() {
    let (desk, _directory) = desk(ACCOUNTS).await;
    let before = ask(&desk, HERE, "/readyz", &[]).await;
    assert_eq!(before.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        before.text,
        "not ready\nok   serving\nok   listeners\nok   store\nFAIL tokens\n     account \"evmail\": token \"support\": nobody has \
         authorized it yet; run `gatepost token authorize support`\n"
    );
    let without = ask(&desk, HERE, "/readyz?exclude=tokens", &[]).await;
    assert_eq!((without.status, without.text.contains("tokens")), (StatusCode::OK, false), "{}", without.text);

    authorize(&desk).await;
    let (desk, health) = fresh(desk).await;
    let after = ask(&desk, HERE, "/readyz", &[("accept", "application/json")]).await;
    assert_eq!(after.status, StatusCode::OK, "{}", after.text);
    let told: serde_json::Value = serde_json::from_str(&after.text).unwrap();
    assert_eq!((&told["ready"], &told["checks"][3]["ok"]), (&true.into(), &true.into()), "{told}");
    assert_eq!(health.look().await.verdict, "All mail is flowing.");
}

/// The same desk, as if a while had passed since the last look.
async fn fresh(desk: Desk) -> (Desk, Arc<Health>) {
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let health = Arc::clone(&desk.health);
    (desk, health)
}

#[tokio::test]
async fn whoever_may_not_read_names_is_told_how_many() {
    let (desk, _directory) = desk(ACCOUNTS).await;
    let answer = ask(&desk, ELSEWHERE, "/readyz", &[]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text.contains("accounts that cannot be served: 1"), "{}", answer.text);
    assert!(!answer.text.contains("evmail") && !answer.text.contains("support"), "{}", answer.text);
}

#[tokio::test]
async fn it_is_not_ready_while_it_stops() {
    let (desk, _directory) = desk("").await;
    assert_eq!(ask(&desk, HERE, "/readyz", &[]).await.status, StatusCode::OK);
    desk.stop.cancel();
    let (desk, health) = fresh(desk).await;
    let answer = ask(&desk, HERE, "/readyz", &[]).await;
    assert!(
        answer.status == 503 && answer.text.contains("FAIL serving\n     the service is stopping"),
        "{}",
        answer.text
    );
    assert_eq!(health.look().await.verdict, "No mail is safe to flow: the service is stopping.");
}

#[tokio::test]
async fn metrics_are_for_known_networks_and_keys() {
    let (desk, _directory) = desk("[metrics]\nnetworks = [\"127.0.0.0/8\", \"10.0.0.0/8\"]\n").await;
    let somebody = Actor { who: "administrator".into(), from: "127.0.0.1".into() };
    let read = desk.ring.add(&somebody, "prometheus", &[Scope::Read], None).await.unwrap();
    let other = desk.ring.add(&somebody, "other", &[Scope::Manage], None).await.unwrap();
    let bearer = |key: &secrecy::SecretString| format!("Bearer {}", key.expose_secret());
    let (read, other) = (bearer(&read), bearer(&other));
    for (from, headers, status) in [
        (HERE, vec![], 200),
        ("10.1.2.3:4711", vec![], 200),
        (ELSEWHERE, vec![], 401),
        (ELSEWHERE, vec![("authorization", read.as_str())], 200),
        (ELSEWHERE, vec![("authorization", other.as_str())], 401),
        (ELSEWHERE, vec![("authorization", "Bearer gpk_wrong")], 401),
        // A proxy on this machine that nobody declared, and a page whose name leads to this machine.
        (HERE, vec![("x-forwarded-for", "192.0.2.7")], 401),
        (HERE, vec![("forwarded", "for=192.0.2.7")], 401),
    ] {
        let answer = ask(&desk, from, "/metrics", &headers).await;
        assert_eq!(answer.status, status, "{from} {}: {}", headers.len(), answer.text);
    }
    let mut request = Request::get("/metrics").header("host", "evil.example").body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer::Tcp(HERE.parse().unwrap()));
    assert_eq!(router(&desk).oneshot(request).await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn metrics_come_in_the_format_that_is_wanted_and_without_secrets() {
    let (desk, _directory) = desk(ACCOUNTS).await;
    authorize(&desk).await;
    let new = ask(&desk, HERE, "/metrics", &[]).await;
    assert_eq!(new.headers["content-type"], Format::OpenMetrics.content_type());
    for line in [
        "gatepost_ready 1.0",
        r#"gatepost_check{check="tokens"} 1.0"#,
        r#"gatepost_token_state{token="support",provider="microsoft",state="good"} 1.0"#,
        r#"gatepost_token_usable{token="support"} 1.0"#,
        r#"gatepost_tokens{state="good"} 1.0"#,
        r#"gatepost_accounts{state="usable"} 1.0"#,
        r#"gatepost_listeners{protocol="imap"} 1.0"#,
        "# EOF",
    ] {
        assert!(new.text.lines().any(|told| told == line), "{line}: {}", new.text);
    }
    assert!(new.text.contains(r#"gatepost_token_expires_in_seconds{token="support",what="access_token"} 35"#));
    assert!(!new.text.contains("s3cret"));
    let old = ask(&desk, HERE, "/metrics", &[("accept", "text/plain;version=0.0.4")]).await;
    assert_eq!(old.headers["content-type"], Format::Text.content_type());
    assert!(old.text.contains("# TYPE gatepost_logins_total counter") && !old.text.contains("# EOF"));
}

#[tokio::test]
async fn an_address_of_its_own_has_nothing_else() {
    let (desk, _directory) = desk(ACCOUNTS).await;
    let station = || Station::new(Arc::clone(&desk.health), &desk.config.metrics.networks, "mail.example.com");
    for (from, target, status) in [
        (HERE, "/metrics", 200),
        (ELSEWHERE, "/metrics", 401),
        (ELSEWHERE, "/healthz", 200),
        (HERE, "/readyz", 503),
        (HERE, "/tokens", 404),
    ] {
        assert_eq!(ask_of(alone(station()), from, target, &[]).await.status, status, "{from} {target}");
    }
}
