//! The page, asked of the router as a browser asks.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::super::tests;
use super::super::tests::browser::Browser;
use crate::activity::{Login, SessionId, Tally};
use crate::admin::Desk;
use crate::clock;
use crate::config::Config;
use crate::model::{AccessToken, Granted, Protocol, TokenState, Trouble, TroubleClass};
use crate::net::Peer;
use crate::registry::Registry;
use crate::store::{Kind, Saved, Use, Version};

const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$5cKgW3p6wDYOGzQTS2Uzt7D1zXaBNrLXUD4pDeDlFc8";

/// A desk with these declarations in its file. The directory is kept for as long.
async fn scene(declarations: &str) -> (Desk, TempDir) {
    let (mut desk, directory) = tests::desk("https://mail.example.com/gatepost/").await;
    let file = directory.path().join("gatepost.toml");
    let text = std::fs::read_to_string(&file).unwrap() + declarations;
    std::fs::write(&file, text).unwrap();
    desk.config = Arc::new(Config::load(&file, Vec::new()).unwrap_or_else(|errors| panic!("{errors}")));
    let registry = Registry::open(Arc::clone(&desk.config), Arc::clone(&desk.store)).await.unwrap();
    desk.registry = Arc::new(registry);
    (desk, directory)
}

fn token(name: &str, more: &str) -> String {
    format!(
        "[tokens.{name:?}]\nprovider = \"google\"\ngrant = \"authorization_code\"\nmailbox = \"{}@example.com\"\n\
         client_id = \"client\"\n{more}\n",
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>()
    )
}

fn account(name: &str, token: &str, more: &str) -> String {
    format!("[accounts.{name:?}]\ntoken = {token:?}\npassword_hash = \"{HASH}\"\n{more}\n")
}

fn granted(now: DateTime<Utc>) -> Granted {
    Granted {
        access: AccessToken::new("at-s3cret".into(), now + TimeDelta::hours(1)),
        refresh: Some("rt-s3cret".into()),
        scopes: None,
        refresh_ends_at: None,
        identity: None,
    }
}

/// The token has been got.
async fn get(desk: &Desk, name: &str) -> TokenState {
    let token = Arc::clone(desk.registry.declared().find(name).unwrap());
    let state = TokenState::default().authorized(granted(clock::now()), token.binding(), clock::now());
    let saved = desk.store.save(name, Version::default(), &state).await.unwrap();
    assert!(matches!(saved, Saved::Done(_)));
    state
}

async fn fail(desk: &Desk, name: &str) {
    if desk.store.token(name).await.unwrap().version == Version::default() {
        get(desk, name).await;
    }
    let stored = desk.store.token(name).await.unwrap();
    let trouble = Trouble {
        class: TroubleClass::Ended,
        summary: "AADSTS70043 <script>alert(1)</script>".into(),
        remedy: format!("run `gatepost token authorize {name}`"),
        since: clock::now(),
        failures: 3,
        retry_at: clock::now(),
    };
    let saved = desk.store.save(name, stored.version, &stored.state.failed(trouble)).await.unwrap();
    assert!(matches!(saved, Saved::Done(_)));
}

async fn page(desk: &Desk, path: &str) -> String {
    let answer = Browser::signed_in(desk).await.get(path).await;
    assert!(answer.status.is_success(), "{answer:?}");
    answer.text
}

/// What is read, without markup and with single blanks.
fn plain(html: &str) -> String {
    let parts = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    let text = parts.collect::<Vec<_>>().join(" ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn order(text: &str, first: &str, second: &str) -> bool {
    text.find(first).unwrap_or_else(|| panic!("no {first}"))
        < text.find(second).unwrap_or_else(|| panic!("no {second}"))
}

#[tokio::test]
async fn where_nothing_is_set_up_the_page_shows_the_way() {
    let (desk, _directory) = scene("").await;
    let html = page(&desk, "/gatepost/").await;
    let text = plain(&html);
    assert!(text.contains("Nothing is set up yet Follow the steps"), "{text}");
    assert!(order(&html, "href=\"/gatepost/tokens/add\">Add a token</a>", "There is no account yet"), "{html}");
    assert!(!html.contains("/gatepost/accounts/add\">Add an account</a></p>"), "a step that cannot be done is no link");
    assert!(text.contains("Nothing is known to end."), "{text}");
}

#[tokio::test]
async fn the_way_goes_on_from_where_it_was_left() {
    let (desk, _directory) = scene(&(token("support", "") + &account("evmail", "support", ""))).await;
    let html = page(&desk, "/gatepost/").await;
    assert!(html.contains("<a href=\"/gatepost/tokens/support\">Get it</a>"), "{html}");
    get(&desk, "support").await;
    let html = page(&desk, "/gatepost/").await;
    assert!(html.contains("<a href=\"/gatepost/accounts/evmail\">Type the settings into your program</a>"), "{html}");
    let used = Use { account: "evmail".into(), password: String::new(), login: Some(clock::now()), message: None };
    desk.store.used(vec![used]).await.unwrap();
    desk.activity.uses.load(desk.store.as_ref(), DateTime::UNIX_EPOCH).await.unwrap();
    assert!(!page(&desk, "/gatepost/").await.contains("First steps"));
    fail(&desk, "support").await;
    let text = plain(&page(&desk, "/gatepost/").await);
    assert!(!text.contains("First steps"), "it has been gone: {text}");
    assert!(text.contains("No token is good, but logins work still with the one that needs you"), "{text}");
}

#[tokio::test]
async fn one_sentence_says_whether_all_mail_is_flowing() {
    let declared = token("sales", "") + &token("support", "") + &account("evmail", "support", "");
    let (desk, _directory) = scene(&declared).await;
    get(&desk, "sales").await;
    get(&desk, "support").await;
    let stop = CancellationToken::new();
    let login = Login {
        account: Arc::new(desk.registry.declared().accounts[0].clone()),
        password: Some(0),
        protocol: Protocol::Imap,
        peer: Peer::Tcp(SocketAddr::from(([10, 1, 2, 3], 4711))),
    };
    let _entered = desk.activity.roll.enter(SessionId::next(), login, clock::now(), &stop);
    let html = page(&desk, "/gatepost/").await;
    let text = plain(&html);
    assert!(text.contains("All mail is flowing All 2 tokens are good; 1 session is open."), "{text}");
    assert!(html.contains("data-label=\"Open sessions\" class=\"number\">1</td>"), "{html}");
    assert!(!html.contains("s3cret"), "secrets stay where they are");
}

#[tokio::test]
async fn tokens_in_need_come_first_with_cause_and_remedy() {
    let declared = token("alpha", "") + &token("zeta <b>", "") + &account("evmail", "zeta <b>", "");
    let (desk, _directory) = scene(&declared).await;
    get(&desk, "alpha").await;
    fail(&desk, "zeta <b>").await;
    let html = page(&desk, "/gatepost/").await;
    let text = plain(&html);
    assert!(
        text.contains("1 token is good, but logins work still with the one that needs you; no session is open."),
        "{text}"
    );
    let link = "<a href=\"/gatepost/tokens/zeta%20%3Cb%3E\">zeta &#60;b&#62;</a>";
    assert!(order(&html, link, "<h2 id=\"day\">"), "{html}");
    let rows = html.split_once("id=\"tokens\"").unwrap().1;
    assert!(order(rows, link, "/gatepost/tokens/alpha"), "{rows}");
    assert!(text.contains("Last error: AADSTS70043") && text.contains("(since 20"), "{text}");
    assert!(
        text.contains("Next step: Press \"Get token\"") || text.contains("Next step: Press &#34;Get token&#34;"),
        "{text}"
    );
    assert!(text.contains("token: needs authorization"), "the account says so too: {text}");
    assert!(!html.contains("<script>alert") && !html.contains("<b>"), "{html}");
}

#[tokio::test]
async fn what_is_broken_and_disabled_is_told() {
    let declared =
        token("support", "") + &account("evmail", "support", "disabled = true") + &account("other", "support", "");
    let (desk, _directory) = scene(&declared).await;
    get(&desk, "support").await;
    let record = desk.store.record(Kind::Account, "<i>bad").await.unwrap();
    let put = desk.store.put(record.with(Some("{\"token\":\"nowhere\",\"nonsense\":1}".into())), None).await.unwrap();
    assert!(matches!(put, Saved::Done(_)));
    desk.registry.look().await.unwrap();
    let html = page(&desk, "/gatepost/").await;
    let text = plain(&html);
    assert!(text.contains("A declaration cannot be used"), "{text}");
    assert!(html.contains("&#60;i&#62;bad") && !html.contains("<i>bad"), "{html}");
    assert!(text.contains("– disabled") && text.contains("✓ ready"), "{text}");
}

#[tokio::test]
async fn a_disabled_token_is_disabled_whatever_ends() {
    let day = (clock::now() + TimeDelta::days(6)).format("%Y-%m-%d");
    let more = format!("disabled = true\nclient_secret = \"hidden-s3cret\"\nclient_secret_ends = \"{day}\"");
    let (desk, _directory) = scene(&(token("support", &more) + &account("evmail", "support", ""))).await;
    get(&desk, "support").await;
    let text = plain(&page(&desk, "/gatepost/").await);
    assert!(text.contains("token: disabled") && !text.contains("ends soon") && !text.contains("ready"), "{text}");
    for path in ["/gatepost/tokens", "/gatepost/tokens/support", "/gatepost/accounts", "/gatepost/accounts/evmail"] {
        let text = plain(&page(&desk, path).await);
        assert!(
            text.contains("disabled") && !text.contains("It works") && !text.contains("ends soon"),
            "{path}: {text}"
        );
    }
}

#[tokio::test]
async fn long_lists_are_searched_and_paged_each_by_itself() {
    let mut declared = String::new();
    for number in 0..45 {
        declared += &token(&format!("token-{number:02}"), "");
        declared += &account(&format!("account-{number:02}"), &format!("token-{number:02}"), "");
    }
    let (desk, _directory) = scene(&declared).await;
    let html = page(&desk, "/gatepost/?tokens=2").await;
    assert!(html.contains("21 to 40 of 45") && html.contains("1 to 20 of 45"), "{html}");
    assert!(html.contains("href=\"/gatepost/?tokens=3#tokens\""), "{html}");
    assert!(html.contains("href=\"/gatepost/?tokens=2&#38;accounts=2#accounts\""), "{html}");
    let html = page(&desk, "/gatepost/?q=%20TOKEN-07").await;
    assert!(html.contains("tokens/token-07") && html.contains("accounts/account-07"), "{html}");
    assert!(!html.split_once("id=\"lists\"").unwrap().1.contains("token-08"), "{html}");
    let html = page(&desk, "/gatepost/?q=%3Cu%3Enowhere&tokens=999").await;
    assert!(html.contains("No token has &#60;u&#62;nowhere") && !html.contains("<u>"), "{html}");
    let answer = Browser::signed_in(&desk).await.get("/gatepost/?tokens=x").await;
    assert!(answer.status.is_client_error() && answer.text.contains("Not understood"), "{answer:?}");
}

#[tokio::test]
async fn what_ends_is_drawn_and_told_the_earliest_first() {
    let day = |days| (clock::now() + TimeDelta::days(days)).format("%Y-%m-%d").to_string();
    let ends = |days| format!("client_secret = \"hidden-s3cret\"\nclient_secret_ends = \"{}\"", day(days));
    let declared = token("late", &ends(-3)) + &token("soon", &ends(6)) + &token("far", &ends(400));
    let (desk, _directory) = scene(&declared).await;
    let html = page(&desk, "/gatepost/").await;
    let endings = html.split_once("id=\"endings\"").unwrap().1;
    let text = plain(endings);
    assert!(text.contains("Client secrets 1 overdue, 1 in this time, 1 later"), "{text}");
    assert!(order(&text, "late the client secret", "soon the client secret"), "{text}");
    assert!(order(&text, "soon the client secret", "far the client secret"), "{text}");
    assert_eq!(endings.matches("<circle").count(), 2, "{endings}");
    let longer = page(&desk, "/gatepost/?ends=2y").await;
    assert_eq!(longer.matches("<circle").count(), 3);
    assert!(longer.contains("href=\"/gatepost/?ends=2y#endings\" aria-current=\"true\""), "{longer}");
    assert!(!html.contains("s3cret"));
}

#[tokio::test]
async fn the_last_day_is_drawn_and_counted() {
    let (desk, _directory) = scene("").await;
    for what in [Tally::Message, Tally::Message, Tally::Failure, Tally::Refresh, Tally::Login] {
        desk.activity.counts.add(what, clock::now());
    }
    let html = page(&desk, "/gatepost/").await;
    let text = plain(&html);
    assert!(text.contains("Messages 2 accepted in 24 hours"), "{text}");
    assert!(text.contains("Failures 1 of logins, messages and refreshes in 24 hours"), "{text}");
    assert!(text.contains("open now; at most 0 at a time, 1 logins in 24 hours"), "{text}");
    assert_eq!(html.matches("<rect").count(), 3, "messages, failures, refreshes");
    assert_eq!(
        html.split_once("id=\"hours\"").unwrap().1.split_once("</table>").unwrap().0.matches("<tr>").count(),
        25
    );
}

#[tokio::test]
async fn every_address_has_the_prefix_and_nothing_is_styled_or_scripted_in_the_page() {
    let declared = token("support", "") + &account("evmail", "support", "");
    let (desk, _directory) = scene(&declared).await;
    get(&desk, "support").await;
    let html = page(&desk, "/gatepost/").await;
    for attribute in ["href=\"", "action=\"", "src=\""] {
        for link in html.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(link.starts_with("/gatepost/") || link.starts_with('#'), "{link}");
        }
    }
    assert!(!html.contains("style=") && !html.contains("<style") && !html.contains(" onclick"), "{html}");
    assert_eq!(html.matches("<script").count(), 1, "the one of the frame");
    let mut ids: Vec<_> = html.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id is there twice");
}

#[tokio::test]
async fn an_account_of_a_token_with_many_mailboxes_is_as_well_as_its_own_and_says_so_everywhere_alike() {
    let key = serde_json::json!({
        "type": "service_account", "client_email": "a@p.iam.gserviceaccount.com", "private_key": "-----BEGIN", "private_key_id": "7"
    });
    let service =
        format!("[tokens.crowd]\nprovider = \"google\"\ngrant = \"service_account\"\nservice_account = '{key}'\n");
    let own = |name: &str| account(name, "crowd", &format!("mailbox = \"{name}@example.com\""));
    let (desk, _directory) = scene(&(service + &own("ann") + &own("bob"))).await;
    let token = Arc::clone(desk.registry.declared().find("crowd").unwrap());
    let places = ["ann", "bob"].map(|name| token.state_name(&format!("{name}@example.com")));
    for place in &places {
        let state = TokenState::default().authorized(granted(clock::now()), token.binding(), clock::now());
        let saved = desk.store.save(place, Version::default(), &state).await.unwrap();
        assert!(matches!(saved, Saved::Done(_)));
    }
    let stored = desk.store.token(&places[1]).await.unwrap();
    let (summary, remedy) = ("no such mailbox".to_owned(), "add it".to_owned());
    let (since, retry_at) = (clock::now(), clock::now());
    let trouble = Trouble { class: TroubleClass::Ended, summary, remedy, since, failures: 3, retry_at };
    let saved = desk.store.save(&places[1], stored.version, &stored.state.failed(trouble)).await.unwrap();
    assert!(matches!(saved, Saved::Done(_)));
    let overview = page(&desk, "/gatepost/").await;
    let accounts = plain(overview.split_once("id=\"accounts\"").unwrap().1);
    assert!(order(&accounts, "bob", "ann"), "the one in trouble comes first: {accounts}");
    let list = plain(&page(&desk, "/gatepost/accounts").await);
    for text in [&accounts, &list] {
        assert!(text.contains("ann ✓ ready") && text.contains("bob ✗ token: "), "{text}");
    }
    let token = plain(&page(&desk, "/gatepost/tokens/crowd").await);
    assert!(order(&token, "bob@example.com", "ann@example.com"), "{token}");
}

/// What it takes with 500 tokens and 2,000 accounts: `cargo test --profile release-fast --lib a_crowd -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "measures; see tests/bench-pages for the whole service"]
async fn a_crowd() {
    let mut declared = String::new();
    for number in 0..500 {
        declared += &token(&format!("token-{number:03}"), "");
    }
    for number in 0..2000 {
        declared += &account(&format!("account-{number:04}"), &format!("token-{:03}", number % 500), "");
    }
    let (desk, _directory) = scene(&declared).await;
    for number in 0..500 {
        get(&desk, &format!("token-{number:03}")).await;
    }
    let mut browser = Browser::signed_in(&desk).await;
    let mut told = String::new();
    let paths = [
        "/gatepost/",
        "/gatepost/?q=token-04",
        "/gatepost/?accounts=90",
        "/gatepost/tokens",
        "/gatepost/tokens/token-499",
        "/gatepost/tokens/add",
        "/gatepost/accounts?page=40",
        "/gatepost/accounts/account-1999",
        "/gatepost/accounts/add",
    ];
    for path in paths {
        browser.get(path).await;
        let begun = std::time::Instant::now();
        for _ in 0..20 {
            assert!(browser.get(path).await.status.is_success());
        }
        writeln!(told, "{path}: {:?}", begun.elapsed() / 20).unwrap();
    }
    assert_eq!(told.lines().count(), paths.len(), "{told}");
    std::io::Write::write_all(&mut std::io::stderr(), told.as_bytes()).unwrap();
}
