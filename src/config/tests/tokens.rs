//! Providers as data, grants with what they take, and what cannot work.

use super::*;
use crate::model::{ClientAuthentication, Grant, Token};

fn config(token: &str) -> String {
    format!("[store]\nkey = {{ file = \"gatepost.key\" }}\n[tokens.t]\nmailbox = \"a@example.com\"\n{token}\n")
}

fn token(settings: &str) -> Arc<Token> {
    let config = load(&written(&config(settings)), &[]).unwrap_or_else(|errors| panic!("{settings}: {errors}"));
    Arc::clone(&config.tokens[0])
}

fn problem(settings: &str) -> String {
    let ConfigErrors(errors) = load(&written(&config(settings)), &[]).expect_err(settings);
    let told =
        |error: &ConfigError| format!("{}: {} | {:?} | {:?}", error.key, error.problem, error.allowed, error.hint);
    assert_eq!(errors.len(), 1, "{settings}: {:?}", errors.iter().map(told).collect::<Vec<_>>());
    told(&errors[0])
}

const PERSON: &str = "grant = \"authorization_code\"\nclient_id = \"c\"\n";
const APP: &str = "grant = \"client_credentials\"\nclient_id = \"c\"\nclient_secret = \"s\"\n";

fn urls(token: &Token) -> [String; 2] {
    let urls = &token.provider.oauth;
    [&urls.authorization, &urls.token].map(|url| url.as_ref().unwrap().to_string())
}

#[test]
fn presets_know_their_addresses_in_every_cloud() {
    for (provider, host, smtp, scope) in [
        (
            "provider = \"microsoft\"",
            "login.microsoftonline.com",
            "smtp.office365.com",
            "https://outlook.office.com/SMTP.Send",
        ),
        (
            "provider = \"microsoft\"\ncloud = \"global\"",
            "login.microsoftonline.com",
            "smtp.office365.com",
            "https://outlook.office.com/SMTP.Send",
        ),
        (
            "provider = \"microsoft\"\ncloud = \"usgov\"",
            "login.microsoftonline.us",
            "smtp.office365.us",
            "https://outlook.office365.us/SMTP.Send",
        ),
        (
            "provider = \"microsoft\"\ncloud = \"dod\"",
            "login.microsoftonline.us",
            "outlook-dod.office365.us",
            "https://outlook-dod.office365.us/SMTP.Send",
        ),
        (
            "provider = \"microsoft\"\ncloud = \"china\"",
            "login.partner.microsoftonline.cn",
            "smtp.partner.outlook.cn",
            "https://partner.outlook.cn/SMTP.Send",
        ),
    ] {
        let token = token(&format!("{PERSON}{provider}\ntenant = \"contoso.example\""));
        let expected = format!("https://{host}/contoso.example/oauth2/v2.0/");
        assert_eq!(urls(&token), [format!("{expected}authorize"), format!("{expected}token")], "{provider}");
        assert_eq!(token.provider.endpoints.smtp.as_ref().unwrap().host, smtp);
        assert!(
            token.scopes.contains(&scope.to_owned()) && token.scopes.contains(&"offline_access".to_owned()),
            "{:?}",
            token.scopes
        );
    }
    let personal = token(&format!("{PERSON}provider = \"outlook.com\""));
    assert_eq!(urls(&personal)[1], "https://login.microsoftonline.com/consumers/oauth2/v2.0/token");
    for (provider, host) in
        [("google", "oauth2.googleapis.com"), ("yahoo", "api.login.yahoo.com"), ("fastmail", "api.fastmail.com")]
    {
        assert_eq!(token(&format!("{PERSON}provider = {provider:?}")).provider.oauth.host(), host);
    }
}

#[test]
fn scopes_are_those_of_the_protocols_that_are_wanted() {
    let of = |protocols: &str| {
        token(&format!("{PERSON}provider = \"microsoft\"\ntenant = \"t\"\nprotocols = {protocols}")).scopes.clone()
    };
    assert_eq!(of("[\"imap\"]"), ["https://outlook.office.com/IMAP.AccessAsUser.All", "offline_access"]);
    assert_eq!(of("[\"smtp\", \"pop3\"]").len(), 3);
    let app = token(&format!("{APP}provider = \"microsoft\"\ntenant = \"t\"\nprotocols = [\"smtp\"]"));
    assert_eq!(app.scopes, ["https://outlook.office365.com/.default"]);
    let own = token(&format!(
        "{PERSON}provider = \"microsoft\"\ntenant = \"t\"\nscopes = [\"https://outlook.office.com/SMTP.Send\"]"
    ));
    assert_eq!(
        own.scopes,
        ["https://outlook.office.com/SMTP.Send", "offline_access"],
        "without it there is no refresh token"
    );
    let none = "scopes = []\n[providers.x]\ntoken_url = \"https://x.example/token\"\nauthorization_url = \"https://x.example/auth\"\n";
    assert!(token(&format!("{PERSON}provider = \"x\"\n{none}")).scopes.is_empty(), "on purpose");
    let server = "[providers.x]\ntoken_url = \"https://x.example/token\"\nauthorization_url = \"https://x.example/auth\"\nscopes = [\"all\"]\nimap = { host = \"x\", port = 1, tls = \"implicit\", scopes = [\"imap\"] }\n";
    assert_eq!(token(&format!("{PERSON}provider = \"x\"\n{server}")).scopes, ["imap", "all"]);
}

#[test]
fn base_addresses_and_full_ones_are_both_understood() {
    let microsoft = |lines: &str| urls(&token(&format!("{PERSON}provider = \"microsoft\"\ntenant = \"t1\"\n{lines}")));
    let full = ["https://login.example/t1/oauth2/v2.0/authorize", "https://login.example/t1/oauth2/v2.0/token"]
        .map(str::to_owned);
    for base in [
        "https://login.example",
        "https://login.example/",
        "https://login.example/{tenant}/",
        "https://login.example/{tenant}",
    ] {
        assert_eq!(microsoft(&format!("authorization_url = {base:?}\ntoken_url = {base:?}")), full, "{base}");
    }
    let exact = microsoft(
        "authorization_url = \"https://login.example/t1/oauth2/v2.0/authorize\"\ntoken_url = \"https://login.example/t1/oauth2/v2.0/token\"",
    );
    assert_eq!(exact, full);
    let common = microsoft("authorization_url = \"https://login.example/common\"");
    assert_eq!(common[0], "https://login.example/common/oauth2/v2.0/authorize");
    let google = token(&format!(
        "{PERSON}provider = \"google\"\nauthorization_url = \"https://accounts.google.com/\"\ntoken_url = \"https://oauth2.googleapis.com/\""
    ));
    assert_eq!(urls(&google), ["https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token"]);
    let table = "[providers.microsoft]\nauthorization_url = \"https://login.example/\"\n";
    assert_eq!(
        urls(&token(&format!("{PERSON}provider = \"microsoft\"\ntenant = \"t1\"\n{table}"))),
        full,
        "one base serves both"
    );
}

#[test]
fn what_cannot_work_is_refused_with_the_reason() {
    let microsoft = "provider = \"microsoft\"\ntenant = \"t\"\n";
    for (settings, expected) in [
        (format!("{PERSON}{microsoft}scopes = [\"https://graph.microsoft.com/IMAP.AccessAsUser.All\"]"), "Graph"),
        (format!("{PERSON}{microsoft}scopes = [\"https://outlook.office.com/EWS.AccessAsUser.All\"]"), "switched off"),
        (format!("{APP}provider = \"microsoft\"\ntenant = \"common\""), "AADSTS9001023"),
        (format!("{APP}provider = \"outlook.com\""), "personal accounts have to sign in"),
        (format!("{APP}provider = \"google\""), "service_account"),
        ("provider = \"google\"\ngrant = \"device_code\"\nclient_id = \"c\"".to_owned(), "device flow does not give the mail scope"),
        (format!("{PERSON}provider = \"google\"\nredirect_uri = \"urn:ietf:wg:oauth:2.0:oob\""), "January 2023"),
        (format!("{PERSON}provider = \"google\"\ncloud = \"usgov\""), "has clouds"),
        (format!("{PERSON}{microsoft}cloud = \"germany\""), "closed in October 2021"),
        (format!("{PERSON}provider = \"microsoft\""), "tenant"),
        (format!("{APP}{microsoft}client_assertion_file = \"x\""), "cannot be used together"),
        ("provider = \"google\"\ngrant = \"password\"\nclient_id = \"c\"\npassword = \"pl4nted\"".to_owned(), "Google has no password grant"),
        (format!("grant = \"password\"\nclient_id = \"c\"\npassword = \"pl4nted\"\n{microsoft}"), "switched off"),
        (format!("grant = \"service_account\"\n{microsoft}"), "Microsoft has no service accounts"),
        ("provider = \"google\"\ngrant = \"service_account\"\nservice_account = \"{\\\"installed\\\":{\\\"client_id\\\":\\\"pl4nted\\\"}}\"".to_owned(), "OAuth client"),
        ("provider = \"google\"\ngrant = \"app_password\"".to_owned(), "`password` is missing"),
        ("provider = \"google\"\ngrant = \"app_password\"\npassword = \"pl4n\\u0000ted\"".to_owned(), "NUL"),
        (format!("{PERSON}provider = \"x\"\nscopes = []\n[providers.x]\ntoken_url = \"https://x.example/token\"\n"), "has no `authorization_url`"),
        (format!("{PERSON}provider = \"x\"\n[providers.x]\ntoken_url = \"https://x.example/token\"\nauthorization_url = \"https://x.example/a\"\n"), "`scopes` is missing: the provider \"x\" has none of its own"),
        (format!("{PERSON}provider = \"x\"\n[providers.x]\ntoken_url = \"https://x.example/\"\nauthorization_url = \"https://x.example/a\"\n"), "without a path"),
        (format!("{PERSON}provider = \"google\"\nclient_secret_ends = \"soon\""), "2027-01-31"),
    ] {
        // A provider that is broken is told by itself; its token cannot be judged.
        let told = problem(&settings);
        assert!(told.contains(expected), "{settings}: {told}");
        assert!(!told.contains("pl4n"), "{told}");
    }
}

#[test]
fn every_grant_gets_what_it_takes() {
    let app_password = token("provider = \"google\"\ngrant = \"app_password\"\npassword = \"abcd efgh\"");
    assert!(matches!(app_password.grant, Grant::AppPassword(_)) && app_password.scopes.is_empty());
    let managed = token(
        "provider = \"microsoft\"\ntenant = \"t\"\ngrant = \"client_credentials\"\nmanaged_identity = \"system\"",
    );
    assert!(
        managed.client_id.is_empty()
            && matches!(managed.client_authentication, ClientAuthentication::ManagedIdentity(_))
    );
    let federated = token(
        "provider = \"microsoft\"\ntenant = \"t\"\ngrant = \"client_credentials\"\nclient_id = \"c\"\nclient_assertion_file = \"/run/token\"",
    );
    assert!(matches!(federated.client_authentication, ClientAuthentication::AssertionFile(_)));
    let json = r#"client_json = '{"installed":{"client_id":"down.apps","client_secret":"l04ded","auth_uri":"https://accounts.google.com/o/oauth2/auth"}}'"#;
    let google = token(&format!("provider = \"google\"\ngrant = \"authorization_code\"\n{json}"));
    assert_eq!(google.client_id, "down.apps");
    assert!(matches!(google.client_authentication, ClientAuthentication::SecretPost(_)));
    let ends = token(&format!("{PERSON}provider = \"google\"\nclient_secret_ends = 2027-01-31"));
    assert_eq!(ends.secret_ends.unwrap().to_rfc3339(), "2027-01-31T00:00:00+00:00");
    let config = load(&written(&config("provider = \"microsoft\"\ntenant = \"organizations\"\ngrant = \"password\"\nallow_password_grant = true\nclient_id = \"c\"\npassword = \"pl4nted\"")), &[]).unwrap();
    assert!(config.warnings[0].contains("RFC 9700") && !config.warnings[0].contains("pl4nted"));
}

mod stored {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// A text of the store stays that text, whatever stands in it: it cannot write settings of its own.
        #[test]
        fn settings_of_the_store_mean_what_they_say(secret in "\\PC{1,40}|[\"\\\\\\[\\]{}=#'a-z \n\t]{1,40}", name in "[^\\p{C}]{1,20}") {
            prop_assume!(!name.trim().is_empty());
            let config = load(&written(&config("provider = \"google\"\ngrant = \"refresh_token\"\nclient_id = \"c\"")), &[]).unwrap();
            let settings = serde_json::json!({
                "provider": "google", "grant": "authorization_code", "mailbox": "a@example.com", "client_id": "c", "client_secret": secret,
            });
            let read = config.stored_token(&name, settings.as_object().unwrap());
            if let Ok(token) = read {
                let ClientAuthentication::SecretPost(read) = &token.client_authentication else { panic!("no secret") };
                let plain = secret.strip_suffix('\n').unwrap_or(&secret);
                prop_assert_eq!(secrecy::ExposeSecret::expose_secret(read), plain.strip_suffix('\r').unwrap_or(plain));
                prop_assert_eq!(token.name, name);
            } else {
                prop_assert!(secret.trim_end_matches('\n').is_empty(), "{}", read.unwrap_err());
            }
        }
    }

    #[test]
    fn errors_name_the_declaration_and_show_no_secret() {
        let config =
            load(&written(&config("provider = \"google\"\ngrant = \"refresh_token\"\nclient_id = \"c\"")), &[])
                .unwrap();
        let settings = serde_json::json!({ "provider": "gogle", "grant": "authorization_code", "client_secret": "pl4nted", "mailbox": 5 });
        let told = config.stored_token("support", settings.as_object().unwrap()).unwrap_err().to_string();
        assert!(told.contains("token \"support\":") && told.contains("did you mean \"google\"?"), "{told}");
        assert!(told.contains("client_id") && told.contains("mailbox") && !told.contains("pl4nted"), "{told}");
    }
}
