use axum::http::StatusCode;

use super::{plain, scene};

#[tokio::test]
async fn a_list_is_searched_by_names_aliases_and_tokens_and_paged() {
    let account = |number| {
        format!(
            "[accounts.user{number:03}]\npassword_hash = \"HASH\"\ntoken = \"support\"\naliases = [\"alias{number:03}@example.com\"]\n"
        )
    };
    let declared: String = (0..120).map(account).collect();
    let mut scene = scene(&declared).await;
    let first = scene.get("/accounts").await;
    assert!(first.text.contains("user049") && !first.text.contains("user050"), "{}", first.text);
    assert!(first.text.contains("href=\"/gatepost/accounts?page=2\""), "{}", first.text);
    assert!(scene.get("/accounts?page=3").await.text.contains("user119"));
    for (query, count) in [("USER007", 1), ("alias007", 1), ("support", 50), ("nobody", 0)] {
        let found = scene.get(&format!("/accounts?q={query}")).await.text.matches("<th scope=\"row\">").count();
        assert_eq!(found, count, "{query}");
    }
}

#[tokio::test]
async fn names_of_any_kind_are_text_and_their_pages_are_found() {
    let mut scene = scene(
        "[accounts.\"<script>alert(1)</script>/../x\"]\npassword_hash = \"HASH\"\ntoken = \"support\"\n\
         [accounts.add]\npassword_hash = \"HASH\"\ntoken = \"support\"\n",
    )
    .await;
    let list = scene.get("/accounts?q=%3Cscript%3E").await;
    assert!(!list.text.contains("<script>alert") && list.text.contains("&#60;script&#62;alert(1)"), "{}", list.text);
    let link = list.text.split("href=\"/gatepost/accounts/").nth(1).unwrap().split('"').next().unwrap();
    let page = scene.get(&format!("/accounts/{link}")).await;
    assert!(page.status.is_success() && !page.text.contains("<script>alert"), "{}", page.text);
    assert!(scene.get("/accounts/~add").await.text.contains("Account add"));
    let missing = scene.get("/accounts/%3Cb%3E").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.text.contains("There is no account &#34;&#60;b&#62;&#34;"), "{}", missing.text);
}

#[tokio::test]
async fn the_settings_of_a_mail_program_are_those_of_the_listeners_that_the_account_may_use() {
    let mut scene = scene(
        "[[listeners]]\nprotocol = \"smtp\"\naddress = [\"127.0.0.1:1587\", \"10.1.2.3:587\"]\n\
         [[listeners]]\nprotocol = \"imap\"\naddress = [\"0.0.0.0:143\", \"[::]:143\"]\nplaintext_auth = []\n\
         [[listeners]]\nprotocol = \"pop3\"\naddress = \"0.0.0.0:110\"\n\
         [accounts.evmail]\npassword_hash = \"HASH\"\ntoken = \"support\"\nprotocols = [\"smtp\", \"imap\"]\n\
         [accounts.limited]\npassword_hash = \"HASH\"\ntoken = \"support\"\nprotocols = [\"pop3\"]\nnetworks = [\"10.0.0.0/8\"]\n",
    )
    .await;
    let page = plain(&scene.get("/accounts/EVMAIL").await);
    for row in [
        "Incoming mail (IMAP) mail.example.com Copy 143 Copy None evmail Copy Normal password It has no TLS and takes \
         passwords from nowhere: nobody can log in. Give the listener TLS.",
        "Outgoing mail (SMTP) 127.0.0.1 Copy 1587 Copy None evmail Copy Normal password Only programs on the machine that \
         Gatepost runs on reach it. For others, give the listener an address of the network.",
        "Outgoing mail (SMTP) mail.example.com Copy 587 Copy None evmail Copy Normal password The name has to lead to \
         10.1.2.3, where it listens. It has no TLS and takes passwords from 127.0.0.0/8, ::1/128 only.",
    ] {
        assert!(page.contains(row), "{row}\n{page}");
    }
    assert_eq!(page.matches("Incoming mail").count(), 1, "{page}");
    assert!(page.contains("gatepost.toml:") && page.contains("edit that place and run gatepost reload"), "{page}");
    let limited = plain(&scene.get("/accounts/limited").await);
    assert!(limited.contains("Incoming mail (POP3)") && limited.contains("From 10.0.0.0/8"), "{limited}");
    assert!(!limited.contains("IMAP") && !limited.contains("SMTP"), "{limited}");
}

#[tokio::test]
async fn members_of_a_pattern_and_what_is_broken_are_shown_as_what_they_are() {
    let mut scene = scene(
        "[accounts.\"*@example.com\"]\npassword_rule = \"shared\"\npassword_hash = \"HASH\"\nusers = [\"a@example.com\", \"b@example.com\"]\n\
         token = \"support\"\nmailbox = \"{user}\"\nprotocols = [\"imap\"]\n",
    )
    .await;
    let page = plain(&scene.get("/accounts/b@example.com").await);
    assert!(
        page.contains("among the users of a pattern") && page.contains("Opens the mailbox b@example.com"),
        "{page}"
    );
    assert!(page.contains("No listener speaks IMAP"), "{page}");
}

#[tokio::test]
async fn an_account_is_no_better_than_its_token() {
    let mut scene = scene(
        "[accounts.waiting]\npassword_hash = \"HASH\"\ntoken = \"support\"\n\
         [accounts.off]\npassword_hash = \"HASH\"\ntoken = \"support\"\ndisabled = true\n",
    )
    .await;
    let list = plain(&scene.get("/accounts").await);
    assert!(list.contains("off – disabled in a file support"), "{list}");
    assert!(list.contains("waiting ! token: needs authorization in a file support"), "{list}");
    let page = plain(&scene.get("/accounts/waiting").await);
    assert!(
        page.contains("! token: needs authorization") && page.contains("Nobody has signed in for it yet"),
        "{page}"
    );
}

#[tokio::test]
async fn tokens_and_accounts_lead_to_each_other_whatever_they_are_called() {
    let mut scene = scene(
        "[tokens.lint]\nprovider = \"google\"\ngrant = \"authorization_code\"\nmailbox = \"x@example.com\"\nclient_id = \"c\"\n\
         [accounts.add]\npassword_hash = \"HASH\"\ntoken = \"lint\"\n",
    )
    .await;
    for page in ["/accounts", "/accounts/~add", "/"] {
        let text = scene.get(page).await.text;
        assert!(text.contains("href=\"/gatepost/tokens/~lint\""), "{page}: {text}");
    }
    let token = scene.get("/tokens/~lint").await.text;
    assert!(token.contains("href=\"/gatepost/accounts/~add\""), "{token}");
}
