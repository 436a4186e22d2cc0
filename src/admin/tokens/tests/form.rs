//! The form by which tokens are added and edited, as people send it.

use axum::http::StatusCode;
use serde_json::json;

use super::super::super::tests::browser::{Answer, Browser};
use super::super::super::tests::{desk, desk_with};
use super::super::{address, keys};
use super::PUBLIC;

/// A form as a person who uses Microsoft fills it in.
const MICROSOFT: [(&str, &str); 10] = [
    ("name", "support"),
    ("provider", "microsoft"),
    ("grant", "authorization_code"),
    ("mailbox", "support@example.com"),
    ("tenant", "6f1b0000-0000-0000-0000-000000000000"),
    ("client_id", "0c4e0000-0000-0000-0000-000000000000"),
    ("proof", "client_secret"),
    ("client_secret", "s3cret-of-the-client"),
    ("protocols", "smtp"),
    ("protocols", "imap"),
];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields: Vec<_> =
        MICROSOFT.iter().copied().filter(|(name, _)| !more.iter().any(|(other, _)| other == name)).collect();
    fields.extend(more);
    fields
}

#[tokio::test]
async fn a_token_is_added_and_edited_and_its_secret_stays_where_it_is() {
    let (desk, _directory) = desk(PUBLIC).await;
    let mut browser = Browser::signed_in(&desk).await;
    let form = browser.get("/tokens/add").await.text;
    for said in [
        "https://mail.example.com/gatepost/oauth/callback",
        "https://login.microsoftonline.com/TENANT-ID/oauth2/v2.0/token",
        "Overview › Directory (tenant) ID",
        "copy the Value, not the Secret ID",
        "data-lint=\"/gatepost/tokens/lint\"",
        "data-when=\"grant=authorization_code device_code client_credentials refresh_token password|proof=client_secret\"",
    ] {
        assert!(form.contains(said), "{said}: {form}");
    }
    let added = browser.post("/tokens/add", &MICROSOFT).await;
    assert_eq!(
        (added.status, added.header("location")),
        (StatusCode::SEE_OTHER, "/gatepost/tokens/support"),
        "{}",
        added.text
    );
    let page = browser.get("/tokens/support").await.text;
    assert!(page.contains("is added") && page.contains("https://outlook.office.com/IMAP.AccessAsUser.All"), "{page}");
    assert!(!page.contains("POP.AccessAsUser.All"), "{page}");
    let form = browser.get("/tokens/support/edit").await.text;
    assert!(
        form.contains("value=\"6f1b0000-0000-0000-0000-000000000000\"") && form.contains("One is stored."),
        "{form}"
    );
    assert!(!form.contains("s3cret"), "{form}");
    let version = version(&form);
    let changed = with(&[("client_secret", ""), ("mailbox", "other@example.com"), ("version", &version)]);
    let saved = browser.post("/tokens/support/edit", &changed).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let (_, settings) = desk.registry.token_settings("support").await.unwrap().unwrap();
    assert_eq!(
        (&settings["client_secret"], &settings["mailbox"]),
        (&json!("s3cret-of-the-client"), &json!("other@example.com"))
    );
    assert_eq!(settings["protocols"], json!(["smtp", "imap"]));
}

fn version(form: &str) -> String {
    let (_, after) = form.split_once("name=\"version\" value=\"").unwrap();
    after.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost() {
    let (desk, _directory) = desk(PUBLIC).await;
    let mut browser = Browser::signed_in(&desk).await;
    let scope = "https://outlook.office.com/EWS.AccessAsUser.All";
    let sent = with(&[("tenant", ""), ("scopes", scope), ("client_secret", "typed s3cret"), ("mailbox", "<b>\"@x")]);
    let answer = browser.post("/tokens/add", &sent).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for said in [
        "Nothing was saved.",
        "href=\"#f-tenant\"",
        "Type the Directory (tenant) ID of the app registration.",
        "Exchange Web Services are being switched off",
        "Type it again: secrets are never sent back to a page.",
        "0c4e0000-0000-0000-0000-000000000000",
        scope,
    ] {
        assert!(answer.text.contains(said), "{said}: {}", answer.text);
    }
    assert!(!answer.text.contains("typed s3cret") && !answer.text.contains("<b>"), "{}", answer.text);
    assert!(browser.get("/tokens").await.text.contains("There is no token yet"));
    browser.post("/tokens/add", &MICROSOFT).await;
    let twice = browser.post("/tokens/add", &MICROSOFT).await;
    assert!(
        twice.status == StatusCode::UNPROCESSABLE_ENTITY
            && twice.text.contains("There is a token &#34;support&#34; already")
    );
}

#[tokio::test]
async fn every_grant_can_be_added() {
    let (desk, _directory) = desk(PUBLIC).await;
    let mut browser = Browser::signed_in(&desk).await;
    let key = json!({
        "type": "service_account", "client_email": "a@p.iam.gserviceaccount.com", "private_key": "-----BEGIN", "private_key_id": "7"
    });
    let client = json!({ "web": { "client_id": "c.apps.googleusercontent.com", "client_secret": "s" } });
    let (key, client) = (key.to_string(), client.to_string());
    let google = [("provider", "google"), ("tenant", ""), ("client_id", "")];
    for (name, fields) in [
        (
            "authorization_code",
            [google[0], google[1], google[2], ("proof", "client_json"), ("client_json", client.as_str())],
        ),
        ("device_code", [("proof", "public"), ("client_secret", ""), ("testing", "true"), ("x", ""), ("y", "")]),
        ("client_credentials", [("mailbox", ""), ("x", ""), ("y", ""), ("z", ""), ("protocols", "smtp")]),
        ("service_account", [google[0], google[1], google[2], ("service_account", key.as_str()), ("mailbox", "")]),
        ("refresh_token", [("refresh_token", "1//r3fresh"), ("x", ""), ("y", ""), ("z", ""), ("q", "")]),
        ("app_password", [("provider", "yahoo"), ("password", " pass word "), ("x", ""), ("y", ""), ("z", "")]),
        ("password", [("password", "p4ss"), ("allow_password_grant", "true"), ("x", ""), ("y", ""), ("z", "")]),
    ] {
        let mut sent = with(&fields);
        sent.retain(|(field, _)| !matches!(*field, "name" | "grant"));
        sent.extend([("name", name), ("grant", name)]);
        let answer = browser.post("/tokens/add", &sent).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{name}: {}", answer.text);
        let declared = desk.registry.declared();
        assert_eq!(declared.find(name).unwrap().grant.name(), name);
        assert_eq!(browser.get(&address::path(name)).await.status, StatusCode::OK);
    }
    let (_, settings) = desk.registry.token_settings("app_password").await.unwrap().unwrap();
    assert_eq!(settings["password"], " pass word ", "its blanks belong to it");
    let state = desk.store.token("refresh_token").await.unwrap().state;
    assert!(state.refresh.is_some());
    let list = browser.get("/tokens").await.text;
    assert!(!["r3fresh", "p4ss", "BEGIN", "pass word"].iter().any(|secret| list.contains(secret)));
    let refused =
        browser.post("/tokens/add", &with(&[("name", "n"), ("grant", "password"), ("password", "p4ss")])).await;
    assert!(
        refused.text.contains("tick the box that says so") && !refused.text.contains("allow_password_grant = true")
    );
}

#[tokio::test]
async fn files_are_uploaded_also_those_that_are_no_text() {
    let (desk, _directory) = desk(PUBLIC).await;
    let mut browser = Browser::signed_in(&desk).await;
    let made = rcgen::generate_simple_self_signed(vec!["app".into()]).unwrap();
    let pem = format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem());
    let fields = with(&[("client_secret", ""), ("proof", "client_certificate")]);
    let answer = upload(&mut browser, "/tokens/add", &fields, ("client_certificate_file", pem.as_bytes())).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let page = browser.get("/tokens/support").await.text;
    assert!(page.contains("a certificate") && page.contains("The client certificate"), "{page}");
    let packed = pkcs12(&made.cert, &made.signing_key.serialize_der());
    let fields = with(&[
        ("name", "packed"),
        ("client_secret", ""),
        ("proof", "client_certificate"),
        ("client_certificate_password", "p"),
    ]);
    let answer = upload(&mut browser, "/tokens/add", &fields, ("client_certificate_file", &packed)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let (_, settings) = desk.registry.token_settings("packed").await.unwrap().unwrap();
    assert!(!settings.contains_key("client_certificate_password"), "needed once, and not kept");
    for (octets, said) in [
        (&b"\xff\xfe\x00\x01"[..], "neither PEM nor a PKCS#12 file that this password opens"),
        (&vec![b'x'; 70_000][..], "more than 65536 octets"),
    ] {
        let fields = with(&[("name", "other"), ("client_secret", ""), ("proof", "client_certificate")]);
        let answer = upload(&mut browser, "/tokens/add", &fields, ("client_certificate_file", octets)).await;
        assert!(answer.status == StatusCode::UNPROCESSABLE_ENTITY && answer.text.contains(said), "{}", answer.text);
    }
}

fn pkcs12(certificate: &rcgen::Certificate, key: &[u8]) -> Vec<u8> {
    use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
    let certificate = Certificate::from_der(certificate.der()).unwrap();
    let chain = PrivateKeyChain::new("app", PrivateKey::from_der(key).unwrap(), [certificate]);
    let mut store = KeyStore::new();
    store.add_entry("app", KeyStoreEntry::PrivateKeyChain(chain));
    store.writer("p").write().unwrap()
}

async fn upload(browser: &mut Browser, path: &str, fields: &[(&str, &str)], (file, octets): (&str, &[u8])) -> Answer {
    const EDGE: &str = "edge-of-parts";
    let csrf = browser.csrf.clone();
    let mut body = Vec::new();
    for (name, text) in [("csrf", csrf.as_str())].iter().chain(fields) {
        body.extend(
            format!("--{EDGE}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n").into_bytes(),
        );
    }
    let head = format!("Content-Disposition: form-data; name=\"{file}\"; filename=\"x.bin\"");
    body.extend(format!("--{EDGE}\r\n{head}\r\nContent-Type: application/octet-stream\r\n\r\n").into_bytes());
    body.extend(octets);
    body.extend(format!("\r\n--{EDGE}--\r\n").into_bytes());
    let request = browser.request(axum::http::Method::POST, path);
    let request = request.header("sec-fetch-site", "same-origin").header("sec-fetch-mode", "navigate");
    let request = request.header("content-type", format!("multipart/form-data; boundary={EDGE}"));
    browser.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn two_administrators_lose_nothing_to_each_other() {
    let (desk, _directory) = desk(PUBLIC).await;
    let mut one = Browser::signed_in(&desk).await;
    let mut other = Browser::signed_in(&desk).await;
    one.post("/tokens/add", &MICROSOFT).await;
    let seen = version(&one.get("/tokens/support/edit").await.text);
    let saved = other.post("/tokens/support/edit", &with(&[("tenant", "of-the-other"), ("version", &seen)])).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER);
    let mine = with(&[("mailbox", "mine@example.com"), ("client_secret", ""), ("version", &seen)]);
    let told = one.post("/tokens/support/edit", &mine).await;
    assert_eq!(told.status, StatusCode::CONFLICT);
    for said in
        ["somebody else has changed this token", "Administrator", "of-the-other", "mine@example.com", "You typed"]
    {
        assert!(told.text.contains(said), "{said}: {}", told.text);
    }
    let (_, settings) = desk.registry.token_settings("support").await.unwrap().unwrap();
    assert_eq!((&settings["tenant"], &settings["mailbox"]), (&json!("of-the-other"), &json!("support@example.com")));
    let now = version(&told.text);
    let merged =
        with(&[("mailbox", "mine@example.com"), ("tenant", "of-the-other"), ("client_secret", ""), ("version", &now)]);
    assert_eq!(one.post("/tokens/support/edit", &merged).await.status, StatusCode::SEE_OTHER);
    let (_, settings) = desk.registry.token_settings("support").await.unwrap().unwrap();
    assert_eq!((&settings["tenant"], &settings["mailbox"]), (&json!("of-the-other"), &json!("mine@example.com")));
}

#[tokio::test]
async fn of_two_changes_only_what_both_have_touched_is_a_conflict() {
    let (desk, _directory) = desk(PUBLIC).await;
    let mut one = Browser::signed_in(&desk).await;
    let mut other = Browser::signed_in(&desk).await;
    one.post("/tokens/add", &MICROSOFT).await;
    let form = one.get("/tokens/support/edit").await.text;
    let loaded = form.split("name=\"loaded\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let (seen, loaded) = (version(&form), loaded.replace("&#34;", "\""));
    assert!(!loaded.contains("\"client_secret\":") && !loaded.contains("s3cret"), "no secrets: {loaded}");
    let of = |more: &[(&'static str, &'static str)]| {
        let mut all = with(&[("version", &seen), ("client_secret", "")]);
        all.push(("loaded", &loaded));
        all.retain(|(name, _)| !more.iter().any(|(known, _)| known == name));
        all.extend(more.iter().copied());
        all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()
    };
    let theirs = of(&[("tenant", "of-the-other"), ("mailbox", "theirs@example.com")]);
    let theirs: Vec<_> = theirs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(other.post("/tokens/support/edit", &theirs).await.status, StatusCode::SEE_OTHER);
    let mine = of(&[("client_id", "mine"), ("mailbox", "mine@example.com")]);
    let mine: Vec<_> = mine.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let told = one.post("/tokens/support/edit", &mine).await;
    assert_eq!(told.status, StatusCode::CONFLICT);
    let both = told.text.split("What both of you have changed").nth(1).unwrap().split("</table>").next().unwrap();
    assert!(both.contains("mine@example.com") && both.contains("theirs@example.com"), "{both}");
    assert!(!both.contains("of-the-other") && !both.contains("<td data-label=\"You typed\">mine</td>"), "{both}");
    for value in ["of-the-other", "mine", "mine@example.com"] {
        assert!(told.text.contains(&format!("value=\"{value}\"")), "{value}: {}", told.text);
    }
}

#[tokio::test]
async fn a_change_says_when_somebody_has_to_sign_in_again() {
    let (desk, _directory) = desk(PUBLIC).await;
    let mut browser = Browser::signed_in(&desk).await;
    browser.post("/tokens/add", &MICROSOFT).await;
    browser.post("/tokens/support/import", &[("refresh_token", "1//held")]).await;
    for (field, said) in [
        (("client_id", "another"), "issued to another client"),
        (("token_url", "https://other.example.com/token"), "by another endpoint"),
        (("client_id", "0c4e0000-0000-0000-0000-000000000000"), "is used again"),
        (("mailbox", "new@example.com"), "Sign in as new@example.com."),
        (("tenant", "elsewhere"), "in another tenant"),
    ] {
        let form = browser.get("/tokens/support/edit").await.text;
        assert!(form.contains("Somebody has signed in for this token."), "{form}");
        let version = version(&form);
        let kept: Vec<_> = if field.0 == "tenant" { vec![("mailbox", "new@example.com")] } else { Vec::new() };
        let mut sent = with(&[field, ("client_secret", ""), ("version", &version)]);
        sent.retain(|(name, _)| !kept.iter().any(|(kept, _)| kept == name));
        sent.extend(kept);
        assert_eq!(browser.post("/tokens/support/edit", &sent).await.status, StatusCode::SEE_OTHER);
        let page = browser.get("/tokens/support").await.text;
        assert!(page.contains(said), "{said}: {page}");
    }
}

#[tokio::test]
async fn typing_is_judged_at_once() {
    let (desk, _directory) = desk(PUBLIC).await;
    let mut browser = Browser::signed_in(&desk).await;
    let mut lint = async |more: &[(&str, &str)]| -> serde_json::Value {
        let answer = browser.post("/tokens/lint", &with(more)).await;
        assert_eq!(answer.status, StatusCode::OK);
        serde_json::from_str(&answer.text).unwrap()
    };
    let well = lint(&[]).await;
    let wrong: Vec<_> =
        well.as_object().unwrap().keys().filter(|key| !matches!(key.as_str(), "notes" | "defaults")).collect();
    assert!(wrong.is_empty(), "{well}");
    assert_eq!(
        well["defaults"]["token_url"],
        "https://login.microsoftonline.com/6f1b0000-0000-0000-0000-000000000000/oauth2/v2.0/token"
    );
    let chinese = lint(&[("cloud", "china")]).await;
    assert!(chinese["defaults"]["scopes"].as_str().unwrap().starts_with("https://partner.outlook.cn/SMTP.Send"));
    for (scopes, said) in [
        ("https://outlook.office.com/EWS.AccessAsUser.All", "switched off"),
        ("https://outlook.office.com/SMTP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send"),
        ("https://graph.microsoft.com/SMTP.Send", "Microsoft Graph"),
        ("https://outlook.office.com/SMTP.Send https://outlook.office365.us/IMAP.AccessAsUser.All", "one resource"),
    ] {
        let answer = lint(&[("scopes", scopes)]).await;
        assert!(answer["scopes"].as_str().unwrap().contains(said), "{answer}");
    }
    let partly = lint(&[("scopes", "https://outlook.office.com/SMTP.Send")]).await;
    let note = partly["notes"]["scopes"].as_str().unwrap();
    assert!(note.contains("IMAP is not covered: it needs https://outlook.office.com/IMAP.AccessAsUser.All"), "{note}");
    assert!(note.contains("offline_access is added by itself") && !note.contains("POP3"), "{note}");
    let id = lint(&[("client_secret", "1b4e28ba-2fa1-11d2-883f-0016d3cca427")]).await;
    assert!(id["client_secret"].as_str().unwrap().contains("Secret ID"));
    let base = lint(&[("token_url", "https://login.microsoftonline.com/")]).await;
    assert!(base["notes"]["token_url"].as_str().unwrap().ends_with("/oauth2/v2.0/token"), "{base}");
}

#[tokio::test]
async fn a_token_is_switched_off_and_on() {
    let (desk, _directory) = desk(PUBLIC).await;
    let mut browser = Browser::signed_in(&desk).await;
    browser.post("/tokens/add", &MICROSOFT).await;
    browser.post("/tokens/support/disable", &[("disabled", "true")]).await;
    let page = browser.get("/tokens/support").await.text;
    assert!(page.contains("is disabled") && page.contains("Enable") && !page.contains("support/authorize"), "{page}");
    let version = version(&browser.get("/tokens/support/edit").await.text);
    browser.post("/tokens/support/edit", &with(&[("mailbox", "x@example.com"), ("version", &version)])).await;
    assert!(desk.registry.declared().find("support").unwrap().disabled, "an edit leaves it so");
    browser.post("/tokens/support/disable", &[("disabled", "false")]).await;
    assert!(!desk.registry.declared().find("support").unwrap().disabled);
}

#[tokio::test]
async fn a_provider_of_ones_own_is_shown_and_needs_scopes() {
    let start = include_str!("../../../../config/start.toml");
    assert!(keys::SAMPLE.lines().all(|line| start.contains(&format!("# {line}\n"))), "the same as in the file");
    let (sampled, _kept) = desk_with(PUBLIC, keys::SAMPLE).await;
    let form = Browser::signed_in(&sampled).await.get("/tokens/add").await.text;
    assert!(form.contains("corp (of the configuration file)") && form.contains("gatepost reload"), "{form}");
    assert!(form.contains("token_url         = &#34;https://id.example.com/token&#34;"), "{form}");
    let bare = keys::SAMPLE.replace("scopes = [\"openid\", \"email\", \"offline_access\"]\n", "");
    let (desk, _directory) = desk_with(PUBLIC, &bare).await;
    let mut browser = Browser::signed_in(&desk).await;
    let fields = with(&[("provider", "corp"), ("tenant", "")]);
    let lint: serde_json::Value = serde_json::from_str(&browser.post("/tokens/lint", &fields).await.text).unwrap();
    assert!(lint["scopes"].as_str().unwrap().starts_with("Type the scopes that the provider wants"), "{lint}");
    assert_eq!(lint["defaults"]["token_url"], "https://id.example.com/token");
    let refused = browser.post("/tokens/add", &fields).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!refused.text.contains("Asked for: ."), "{}", refused.text);
    let fields = with(&[("provider", "corp"), ("tenant", ""), ("scopes", "openid email offline_access")]);
    assert_eq!(browser.post("/tokens/add", &fields).await.status, StatusCode::SEE_OTHER);
}
