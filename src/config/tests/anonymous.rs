//! Clients that may send without a login, and what is refused about them.

use super::checks::problems;
use super::*;

/// A good configuration with an SMTP listener for guests; the provider of the account has an SMTP server.
fn guests(address: &str, anonymous: &str) -> String {
    format!(
        "{GOOD}[[listeners]]\nprotocol = \"smtp\"\naddress = \"{address}\"\nplaintext_auth = []\nanonymous = {{ {anonymous} }}\n"
    )
}

const NETWORKS: &str = "networks = [\"10.1.2.0/24\", \"192.0.2.7\", \"::1\"]";

fn read(anonymous: &str) -> Anonymous {
    let config = load(&written(&guests("0.0.0.0:25", anonymous)), &[]).unwrap_or_else(|errors| panic!("{errors}"));
    config.listeners[1].anonymous.clone().unwrap()
}

#[test]
fn it_is_what_it_says() {
    let whole = format!(
        "{NETWORKS}, account = \"EVMAIL\", recipients = [\"*@example.com\", \"Boss@example.org\"], messages_per_minute = 10"
    );
    let anonymous = read(&whole);
    assert_eq!((anonymous.networks.len(), anonymous.account.as_str()), (3, "EVMAIL"));
    assert_eq!(anonymous.recipients.unwrap(), ["*@example.com", "Boss@example.org"]);
    assert_eq!(anonymous.messages_per_minute.map(std::num::NonZeroU32::get), Some(10));
    let anonymous = read(&format!("{NETWORKS}, account = \"evmail\""));
    assert_eq!(anonymous.messages_per_minute.map(std::num::NonZeroU32::get), Some(60));
    assert_eq!(anonymous.recipients, None);
    let anonymous = read(&format!("{NETWORKS}, account = \"evmail\", messages_per_minute = 0"));
    assert_eq!(anonymous.messages_per_minute, None);
    assert!(load(&written(GOOD), &[]).unwrap().listeners[0].anonymous.is_none());
}

#[test]
fn what_would_open_a_relay_is_refused() {
    let everyone = |network: &str| format!("networks = [{network:?}], account = \"evmail\"");
    for (address, network, wrong) in [
        ("0.0.0.0:25", "0.0.0.0/0", true),
        ("192.0.2.1:25", "::/0", true),
        ("[::]:25", "::/0", true),
        ("127.0.0.1:25", "0.0.0.0/0", false),
        ("[::1]:25", "::/0", false),
        ("unix:smtp.sock", "0.0.0.0/0", false),
        ("systemd:smtp", "0.0.0.0/0", true),
        // Its clients are where a proxy says.
        ("127.0.0.1:25\"\nproxy_protocol = [\"127.0.0.1\"]\n# \"", "0.0.0.0/0", true),
    ] {
        let directory = written(&guests(address, &everyone(network)));
        assert_eq!(load(&directory, &[]).is_err(), wrong, "{address} {network}");
    }
    let halves = "networks = [\"0.0.0.0/1\", \"128.0.0.0/1\"], account = \"evmail\"";
    assert!(problems(&guests("0.0.0.0:25", halves)).concat().contains("0.0.0.0/0 is everyone"));
    insta::assert_snapshot!(errors(&format!(
        "{}{}",
        guests("0.0.0.0:25", "networks = [\"10.0.0.0/8\", \"0.0.0.0/0\"], account = \"evmial\", acount = 1"),
        r#"
[[listeners]]
protocol = "smtp"
address = "0.0.0.0:26"
anonymous = { account = "evmail", recipients = ["example.com", "*@*.example.org", "\"a\"@example.com"] }
[[listeners]]
protocol = "imap"
address = "0.0.0.0:27"
anonymous = { networks = [], recipients = [], messages_per_minute = -1 }
[[listeners]]
protocol = "smtp"
address = "0.0.0.0:28"
anonymous = true
[[listeners]]
protocol = "smtp"
address = "0.0.0.0:29"
anonymous = { networks = ["10.0.0.0/8"], account = "reader" }
[accounts.reader]
token = "support"
password_hash = "HASH"
protocols = ["imap"]
"#
    )));
}

#[test]
fn the_account_may_be_in_the_store_or_wait_for_its_token() {
    let unknown = guests("127.0.0.1:25", &format!("{NETWORKS}, account = \"stored\""));
    assert_eq!(problems(&unknown), ["listeners[1].anonymous.account: there is no account \"stored\""]);
    let directory = written(&unknown);
    write(directory.path(), "gatepost.db", "");
    load(&directory, &[]).unwrap();
    // A mistake in the account is told once.
    let broken = guests("127.0.0.1:25", &format!("{NETWORKS}, account = \"other\""))
        + "[accounts.other]\ntoken = \"suport\"\npassword_hash = \"HASH\"\n";
    assert_eq!(problems(&broken), ["accounts.other.token: there is no token \"suport\""]);
}

#[test]
fn it_is_shown_as_it_was_written() {
    let text = guests("127.0.0.1:25", &format!("{NETWORKS}, account = \"evmail\", recipients = [\"*@example.com\"]"));
    let page = Config::show(&written(&text).path().join("gatepost.toml"), std::iter::empty()).unwrap();
    let expected = "anonymous = { networks = [\"10.1.2.0/24\", \"192.0.2.7/32\", \"::1/128\"], account = \"evmail\", recipients = [\"*@example.com\"], messages_per_minute = 60 }";
    assert!(page.contains(expected), "{page}");
}
