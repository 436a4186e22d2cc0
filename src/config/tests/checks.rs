//! What is refused beyond its form, and that one mistake is told once.

use super::*;

/// The problems of a configuration, each with its key.
pub(super) fn problems(text: &str) -> Vec<String> {
    let ConfigErrors(errors) = load(&written(text), &[]).unwrap_err();
    errors.into_iter().map(|error| format!("{}: {}", error.key, error.problem)).collect()
}

/// A good configuration with more lines in a table, which is named by its heading.
fn with(heading: &str, lines: &str) -> String {
    let (before, after) = GOOD.split_once(heading).unwrap();
    format!("{before}{heading}\n{lines}{after}")
}

const CORP: &str = "[providers.corp]\ntoken_url = \"https://id.example.com/token\"\n";

#[test]
fn one_mistake_is_told_once() {
    let without_secret = GOOD.replace("client_secret = { file = \"secrets/support\" }", "client_auth = \"post\"");
    assert_eq!(
        problems(&without_secret),
        ["tokens.support.client_secret: client_credentials does not work without a proof of the client"]
    );
    let wrong_scopes = with("[tokens.\"support\"]", "scopes = 5\n");
    assert_eq!(problems(&wrong_scopes), ["tokens.support.scopes: found the number 5"]);
    let broken = GOOD.replace("\"microsoft\"", "\"corp\"") + "[providers.corp]\nscopes = [\"mail\"]\n";
    assert_eq!(problems(&broken), ["tokens.support.provider: the provider \"corp\" has no `token_url`"]);
    let server =
        GOOD.replace("\"microsoft\"", "\"corp\"") + CORP + "imap = { host = \"a b\", port = 1, tls = \"implicit\" }";
    assert_eq!(problems(&server), ["providers.corp.imap.host: found \"a b\""]);
}

#[test]
fn user_names_lead_to_one_account() {
    let second = |name: &str, aliases: &str| {
        format!("{GOOD}[accounts.{name:?}]\npassword_hash = \"HASH\"\ntoken = \"support\"\naliases = [{aliases}]\n")
    };
    // Names are read in the order of their letters: upper case first.
    let problem = problems(&second("EVMAIL", "")).concat();
    assert!(
        problem.starts_with("accounts.evmail: the user name \"evmail\" already belongs to the account \"EVMAIL\" (")
    );
    let problem = problems(&second("second", "\"Evmail \"")).concat();
    let expected = "accounts.second.aliases: the user name \"Evmail \" already belongs to the account \"evmail\" (";
    assert!(problem.starts_with(expected) && problem.ends_with("gatepost.toml:17:11)"), "{problem}");
    load(&written(&second("second", "\"second\", \"other\"")), &[]).unwrap();
    assert_eq!(problems(&second("second", "\"\"")), ["accounts.second.aliases: \"\" is no user name"]);
}

#[test]
fn an_account_is_for_what_its_provider_serves() {
    let corp = GOOD.replace("\"microsoft\"", "\"corp\"")
        + CORP
        + "imap = { host = \"::1\", port = 993, tls = \"implicit\" }\n";
    let config = load(&written(&corp), &[]).unwrap();
    assert_eq!(config.accounts[0].protocols, [Protocol::Imap]);
    let pop3 = corp.replace("token = \"support\"", "token = \"support\"\nprotocols = [\"imap\", \"pop3\"]");
    assert_eq!(problems(&pop3), ["accounts.evmail.protocols: the token's provider has no pop3 server"]);
    assert_eq!(
        problems(&with("[accounts.\"evmail\"]", "networks = []\n")),
        ["accounts.evmail.networks: found an empty list"]
    );
}

#[test]
fn single_values_that_mean_nothing_are_refused() {
    let url = |url: &str| format!("{GOOD}[providers.x]\ntoken_url = {url:?}\n");
    let admin = |line: &str| format!("{GOOD}[admin]\n{line}\n");
    for (text, expected) in [
        (format!("hostname = \"a\\r\\nQUIT\"{GOOD}"), "hostname: found \"a??QUIT\""),
        (format!("default_domain = \"@example.com\"{GOOD}"), "default_domain: found \"@example.com\""),
        (format!("default_domain = \"\"{GOOD}"), "default_domain: found \"\""),
        (with("[[listeners]]", "newline = \"lf\"\n"), "listeners[0].newline: found \"lf\""),
        (url("https://user:pl4nted@id.example.com/"), "providers.x.token_url: found something else"),
        (url("ftp://id.example.com/"), "providers.x.token_url: found \"ftp://id.example.com/\""),
        (admin("public_url = \"mailto:a\""), "admin.public_url: found \"mailto:a\""),
        (admin("password_hash = [\"HASH\"]"), "admin.password_hash: found a list"),
        (format!("{GOOD}[limits]\npassword_hashes = \"many\""), "limits.password_hashes: found the text \"many\""),
        (format!("{GOOD}[limits]\nsessions = 0.5"), "limits.sessions: found a fraction"),
        (GOOD.replace("1143\"", "1143\"\ntls = \"starttls\""), "listeners[0].tls: TLS needs a certificate"),
        (
            with("[[listeners]]", "protocol = \"smtp\"\naddress = \"127.0.0.1:1143\"\n[[listeners]]\n"),
            "listeners[1].address: 127.0.0.1:1143 is listened on twice",
        ),
        (
            with("[accounts.\"evmail\"]", "networks = [\"10.0.0.0/33\"]\n"),
            "accounts.evmail.networks: found \"10.0.0.0/33\"",
        ),
    ] {
        assert_eq!(problems(&text), [expected]);
    }
    for good in ["http://127.0.0.7:9/token", "http://[::1]:9/token", "http://localhost/token"] {
        load(&written(&url(good)), &[]).unwrap();
    }
}

/// Its token may be one of the store; nothing else is left for later.
#[test]
fn an_account_whose_token_is_not_known_yet_is_read_all_the_same() {
    let waiting =
        GOOD.to_owned() + "[accounts.b]\ntoken = \"stored\"\npassword_hash = \"hunter2\"\naliases = [\"evmail\"]\n";
    let directory = written(&waiting);
    write(directory.path(), "gatepost.db", "");
    let ConfigErrors(errors) = load(&directory, &[]).unwrap_err();
    let keys: Vec<_> = errors.iter().map(|error| error.key.as_str()).collect();
    assert_eq!(keys, ["accounts.evmail", "accounts.b.password_hash"]);
    let good = waiting.replace("hunter2", HASH).replace("aliases = [\"evmail\"]", "").replace("HASH", HASH);
    write(directory.path(), "gatepost.toml", &good);
    let config = load(&directory, &[]).unwrap();
    assert_eq!(config.accounts.len(), 1);
    let ConfigErrors(errors) = config.accounts_of(&config.tokens).unwrap_err();
    assert_eq!(errors[0].key, "accounts.b.token");
}
