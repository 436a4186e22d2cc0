//! Passwords, service accounts, client assertions and machine identities.

use gatepost_kit::{Answer, Client, Dialect, Peer, Provider, Settings};
use serde_json::{Value, json};

use crate::scene::{USER, claims, endpoint, jwt, local, opens, post, response};

#[tokio::test]
async fn a_mailbox_s_own_password_is_a_grant() {
    let provider = Provider::start().await;
    provider.register(Client::new("tool", USER));
    provider.password(USER, "p w+");
    let mut peer = endpoint(&provider).await;
    let form = "grant_type=password&client_id=tool&username=Support@example.com&scope=openid+offline_access";
    let (status, answer) = post(&mut peer, &format!("{form}&password=p+w%2B"), "").await;
    assert_eq!((status, answer["refresh_token"].is_string()), (200, true));
    assert!(opens(&provider, answer["access_token"].as_str().unwrap(), USER).await);
    assert_eq!(post(&mut peer, &format!("{form}&password=wrong"), "").await.1["error_codes"][0], 50_126);
}

#[tokio::test]
async fn a_service_account_opens_its_mailboxes() {
    let provider = Provider::with(Settings { dialect: Dialect::Google, ..Settings::default() }).await;
    provider.register(Client::new("mail@project.example", USER).mailbox("b@example.com"));
    let good = json!({ "iss": "mail@project.example", "sub": USER, "aud": provider.token_url(), "scope": "https://mail.google.com/" });
    let mut peer = endpoint(&provider).await;
    let mut ask = async |change: Value, life| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let form = format!("grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion={}", jwt(claims, life));
        post(&mut peer, &form, "").await
    };
    for mailbox in [USER, "b@example.com"] {
        let (status, answer) = ask(json!({ "sub": mailbox }), 3600).await;
        assert_eq!((status, answer["refresh_token"].is_null()), (200, true));
        assert!(opens(&provider, answer["access_token"].as_str().unwrap(), mailbox).await);
    }
    for (change, life, status, error) in [
        (json!({ "sub": "c@example.com" }), 3600, 401, "unauthorized_client"),
        (json!({ "iss": "other" }), 3600, 400, "invalid_grant"),
        (json!({ "aud": "https://elsewhere.example/token" }), 3600, 400, "invalid_grant"),
        (json!({ "scope": "" }), 3600, 400, "invalid_scope"),
        (json!({}), 3601, 400, "invalid_grant"),
        (json!({}), -1, 400, "invalid_grant"),
    ] {
        let (got, answer) = ask(change.clone(), life).await;
        assert_eq!((got, answer["error"].as_str()), (status, Some(error)), "{change} {life}");
    }
}

#[tokio::test]
async fn assertions_authenticate_clients() {
    let provider = Provider::start().await;
    provider.register(Client::new("cert", USER).assertion());
    provider.register(Client::new("pod", USER).federated("https://cluster.example", "system:serviceaccount:a:b"));
    provider.register(Client::new("secret", USER).secret("s"));
    provider.register(Client::new("public", USER));
    let own = |client: &str| json!({ "iss": client, "sub": client, "aud": provider.token_url(), "jti": "1" });
    let pod = json!({ "iss": "https://cluster.example", "sub": "system:serviceaccount:a:b", "aud": "api://AzureADTokenExchange" });
    let mut peer = endpoint(&provider).await;
    let mut ask = async |client: &str, claims: &Value, life| {
        let assertion = jwt(claims.clone(), life);
        let form = format!(
            "grant_type=client_credentials&client_id={client}&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={assertion}"
        );
        let answer = post(&mut peer, &form, "").await.1;
        assert!(provider.token_requests().pop().unwrap().body.ends_with(&assertion));
        answer["error_codes"][0].as_u64()
    };
    assert_eq!(ask("cert", &own("cert"), 300).await, None);
    assert_eq!(ask("pod", &pod, 86_400).await, None);
    for (client, claims, life, number) in [
        ("cert", own("other"), 300, 700_213),
        ("cert", json!({ "iss": "cert", "sub": "cert", "aud": "x" }), 300, 700_212),
        ("cert", own("cert"), -1, 700_024),
        ("pod", own("pod"), 300, 700_213),
        ("secret", own("secret"), 300, 700_027),
        ("public", own("public"), 300, 700_025),
    ] {
        assert_eq!(ask(client, &claims, life).await, Some(number), "{client} {claims} {life}");
    }
    let bare = "grant_type=client_credentials&client_id=cert";
    assert_eq!(post(&mut peer, bare, "").await.1["error_codes"][0], 7_000_218);
    let rubbish = format!(
        "{bare}&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=a.b.c"
    );
    assert_eq!(post(&mut peer, &rubbish, "").await.1["error_codes"][0], 50_027);
}

#[tokio::test]
async fn a_public_client_has_no_secret_to_send() {
    let provider = Provider::start().await;
    provider.register(Client::new("public", USER));
    let mut peer = endpoint(&provider).await;
    let form = "grant_type=client_credentials&client_id=public&client_secret=s";
    assert_eq!(post(&mut peer, form, "").await.1["error_codes"][0], 700_025);
}

#[tokio::test]
async fn tokens_of_users_tell_who_they_are_when_asked() {
    let provider = Provider::start().await;
    provider.register(Client::new("tool", USER));
    let mut peer = endpoint(&provider).await;
    let token = provider.issue_refresh_token(USER).replace('+', "%2B");
    let form = format!("grant_type=refresh_token&client_id=tool&refresh_token={token}");
    assert!(post(&mut peer, &form, "").await.1["id_token"].is_null());
    let answer = post(&mut peer, &format!("{form}&scope=openid+https://outlook.office365.com/SMTP.Send"), "").await.1;
    let told = claims(answer["id_token"].as_str().unwrap());
    assert_eq!((&told["aud"], &told["preferred_username"]), (&"tool".into(), &USER.into()));
    assert_eq!(answer["scope"], "openid https://outlook.office.com/SMTP.Send");
}

/// Asks the metadata service; status and body.
async fn metadata(provider: &Provider, query: &str, field: &str) -> (u16, Value) {
    let mut peer = Peer::connect(local(provider.ports.identity)).await;
    peer.send(format!("GET /metadata/identity/oauth2/token{query} HTTP/1.1\r\nHost: x\r\n{field}\r\n")).await;
    let (status, body) = response(&mut peer).await;
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

#[tokio::test]
async fn a_machine_has_an_identity() {
    let provider = Provider::start().await;
    let query = "?api-version=2018-02-01&resource=https%3A%2F%2Foutlook.office365.com";
    assert_eq!(metadata(&provider, query, "Metadata: true\r\n").await.1["error_description"], "Identity not found");
    provider.machine(Client::new("system", USER));
    provider.register(Client::new("assigned", "b@example.com"));
    for (more, mailbox) in [("", USER), ("&client_id=assigned", "b@example.com")] {
        let (status, answer) = metadata(&provider, &format!("{query}{more}"), "Metadata: true\r\n").await;
        assert_eq!((status, &answer["expires_in"]), (200, &"3600".into()));
        assert!(answer["expires_on"].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000);
        assert_eq!(answer["resource"], "https://outlook.office365.com");
        assert!(answer["refresh_token"].is_null());
        assert!(opens(&provider, answer["access_token"].as_str().unwrap(), mailbox).await);
    }
    for (query, field) in [
        (query, ""),
        ("?api-version=2018-02-01", "Metadata: true\r\n"),
        ("?resource=x", "Metadata: true\r\n"),
        (&format!("{query}&client_id=nobody"), "Metadata: true\r\n"),
    ] {
        assert_eq!(metadata(&provider, query, field).await.0, 400, "{query} {field}");
    }
    provider.faults(|faults| faults.token_answers.push_back(Answer::throttled(1)));
    assert_eq!(metadata(&provider, query, "Metadata: true\r\n").await.0, 429);
    let recorded = provider.token_requests().pop().unwrap();
    assert_eq!((&recorded.path[..], &recorded.body[..]), ("/metadata/identity/oauth2/token", &query[1..]));

    let mut peer = Peer::connect(local(provider.ports.identity)).await;
    peer.send("POST /token HTTP/1.1\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(response(&mut peer).await.0, 404, "no token endpoint in clear");
}
