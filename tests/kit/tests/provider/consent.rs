//! Authorization codes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gatepost_kit::{Client, Dialect, Provider, Settings};

use crate::scene::{USER, claims, endpoint, escaped, opens, post};

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT: &str = "http://127.0.0.1:4711/";
const SCOPE: &str = "openid offline_access https://outlook.office.com/IMAP.AccessAsUser.All";

async fn provider(dialect: Dialect) -> Provider {
    let provider = Provider::with(Settings { dialect, ..Settings::default() }).await;
    provider.register(Client::new("public", USER));
    provider
}

fn authorize(provider: &Provider, client: &str, redirect: &str, more: &str) -> String {
    format!(
        "{}?response_type=code&client_id={client}&redirect_uri={}&scope={}&state=s%2B1&code_challenge={CHALLENGE}&code_challenge_method=S256{more}",
        provider.authorize_url(),
        escaped(redirect),
        escaped(SCOPE)
    )
}

/// The code of a redirect, as it stands there.
fn code(redirect: &str) -> &str {
    redirect.split(['?', '&']).find_map(|pair| pair.strip_prefix("code=")).unwrap()
}

fn form(code: &str, redirect: &str, verifier: &str) -> String {
    let redirect = escaped(redirect);
    format!(
        "grant_type=authorization_code&client_id=public&code={code}&redirect_uri={redirect}&code_verifier={verifier}"
    )
}

#[tokio::test]
async fn a_code_is_good_once_for_who_asked() {
    let provider = provider(Dialect::Microsoft).await;
    let mut peer = endpoint(&provider).await;
    let fresh = || provider.consent(&authorize(&provider, "public", REDIRECT, ""), USER);
    let redirect = fresh();
    assert!(redirect.starts_with("http://127.0.0.1:4711/?code=4%2F0simulated%2B0%3D%3D&state=s%2B1&"), "{redirect}");
    let good = form(code(&redirect), REDIRECT, VERIFIER);
    let (status, answer) = post(&mut peer, &good, "").await;
    assert_eq!(status, 200);
    assert_eq!(answer["scope"], "openid https://outlook.office365.com/IMAP.AccessAsUser.All");
    assert_eq!(claims(answer["id_token"].as_str().unwrap())["preferred_username"], USER);
    assert!(opens(&provider, answer["access_token"].as_str().unwrap(), USER).await);
    let refresh = escaped(answer["refresh_token"].as_str().unwrap());
    let refresh = format!("grant_type=refresh_token&client_id=public&refresh_token={refresh}");
    assert_eq!(post(&mut peer, &refresh, "").await.0, 200);

    let (first, second, third) = (fresh(), fresh(), fresh());
    for (form, number) in [
        (good, 54_005),
        (form(code(&first), REDIRECT, CHALLENGE), 501_481),
        (form(code(&second), "http://127.0.0.1:4712/", VERIFIER), 500_112),
        (form("invented", REDIRECT, VERIFIER), 70_000),
        (form(code(&third), REDIRECT, VERIFIER).replace("client_id=public", "client_id=other"), 700_016),
    ] {
        let answer = post(&mut peer, &form, "").await.1;
        assert_eq!(answer["error_codes"][0], number, "{form}");
    }
}

#[tokio::test]
async fn google_gives_a_refresh_token_to_who_asks_rightly() {
    let provider = provider(Dialect::Google).await;
    let mut peer = endpoint(&provider).await;
    for (more, refresh) in [
        ("&access_type=online", false),
        ("&access_type=offline", false),
        ("&access_type=offline&prompt=select_account+consent", true),
    ] {
        let redirect = provider.consent(&authorize(&provider, "public", REDIRECT, more), USER);
        let answer = post(&mut peer, &form(code(&redirect), REDIRECT, VERIFIER), "").await.1;
        assert_eq!(answer["refresh_token"].is_string(), refresh, "{more}");
        assert_eq!(answer["scope"], SCOPE);
        assert_eq!(claims(answer["id_token"].as_str().unwrap())["email"], USER);
    }
    let answer = post(&mut peer, &form("invented", REDIRECT, VERIFIER), "").await.1;
    assert_eq!(answer["error_description"], "Malformed auth code.");
}

#[tokio::test]
async fn a_declined_consent_comes_back_with_the_state() {
    let microsoft = provider(Dialect::Microsoft).await;
    let redirect = microsoft.decline(&authorize(&microsoft, "public", REDIRECT, ""));
    assert!(redirect.starts_with("http://127.0.0.1:4711/?error=access_denied&state=s%2B1&error_subcode=cancel&"));
    assert!(redirect.contains("AADSTS65004"));
    let google = provider(Dialect::Google).await;
    let redirect = google.decline(&authorize(&google, "public", REDIRECT, ""));
    assert_eq!(redirect, "http://127.0.0.1:4711/?error=access_denied&state=s%2B1");
}

/// Whether the browser gets beyond the first page.
fn is_opened(provider: &Provider, url: &str) -> bool {
    catch_unwind(AssertUnwindSafe(|| provider.consent(url, USER))).is_ok()
}

#[tokio::test]
async fn redirect_uris_are_compared() {
    let provider = provider(Dialect::Microsoft).await;
    let hosted = "https://gatepost.example/mail/oauth/callback";
    provider.register(Client::new("web", USER).secret("s").redirect(hosted).redirect("http://localhost/back"));
    for (client, redirect, good) in [
        ("web", hosted, true),
        ("web", "http://localhost:99/back", true),
        ("web", "http://localhost:99/", false),
        ("web", "https://gatepost.example:444/mail/oauth/callback", false),
        ("web", "http://127.0.0.1/back", false),
        ("public", "http://[::1]:99/any", true),
        ("public", "http://localhost", true),
        ("public", "http://localhost.example/", false),
        ("public", "http://127.0.0.1:99999/", false),
        ("public", hosted, false),
    ] {
        assert_eq!(is_opened(&provider, &authorize(&provider, client, redirect, "")), good, "{client} {redirect}");
    }
}

#[tokio::test]
async fn what_an_authorize_url_lacks_is_not_overlooked() {
    let provider = provider(Dialect::Microsoft).await;
    let url = authorize(&provider, "public", REDIRECT, "");
    for (part, replacement) in [
        ("response_type=code&", ""),
        ("client_id=public", "client_id=other"),
        ("state=s%2B1", "state="),
        ("&code_challenge_method=S256", "&code_challenge_method=plain"),
        (CHALLENGE, "short"),
        ("/authorize", "/elsewhere"),
        ("&state=", "&state=twice&state="),
    ] {
        assert!(url.contains(part));
        let bad = url.replace(part, replacement);
        assert!(!is_opened(&provider, &bad), "{bad}");
    }
}
