use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::{
    Account, ClientAuthentication, Endpoints, Grant, PasswordHash, Protocol, Provider, SaslMechanism, Token,
};

/// The least work Argon2 allows: these tests count hashes, they do not resist guessing.
fn weak_hash(password: &str) -> PasswordHash {
    use argon2::PasswordHasher as _;
    let parameters = argon2::Params::new(8, 1, 1, None).unwrap();
    let hash = argon2::Argon2::from(parameters).hash_password(password.as_bytes()).unwrap();
    PasswordHash::parse(&hash.to_string()).unwrap()
}

fn account(name: &str, aliases: &[&str], passwords: &[&str]) -> Account {
    let provider = Arc::new(Provider {
        name: "corp".into(),
        token_url: "https://id.example.com/token".parse().unwrap(),
        scopes: Vec::new(),
        sasl: SaslMechanism::Xoauth2,
        ca: None,
        endpoints: Endpoints::default(),
    });
    let token = Arc::new(Token {
        name: "support".into(),
        provider,
        grant: Grant::ClientCredentials,
        mailbox: "support@example.com".into(),
        client_id: "id".into(),
        client_authentication: ClientAuthentication::Public,
        scopes: Vec::new(),
    });
    Account {
        name: name.into(),
        aliases: aliases.iter().map(|&alias| alias.into()).collect(),
        passwords: passwords.iter().map(|password| weak_hash(password)).collect(),
        token,
        protocols: Protocol::ALL.to_vec(),
        networks: Vec::new(),
        mailbox: None,
        smtp_user: None,
        disabled: false,
    }
}

fn verifier(parallel: usize, waiting: usize) -> Verifier {
    let lifetime = Duration::from_mins(10);
    Verifier::new(VerifierSettings { parallel, waiting, remembered: 100, lifetime }).unwrap()
}

async fn granted(verifier: &Verifier, directory: &Directory, user: &str, password: &str) -> Option<String> {
    match verifier.verify(directory, user, &password.into()).await {
        Verdict::Granted(account) => Some(account.name.clone()),
        Verdict::Denied => None,
        Verdict::Overloaded => panic!("overloaded"),
    }
}

#[tokio::test]
async fn names_and_aliases_in_any_case_and_any_of_the_passwords() {
    let directory = Directory::new([account("EvMail", &["Support@Example.com"], &["one", "two"])]).unwrap();
    let verifier = verifier(2, 10);
    for user in ["evmail", "EVMAIL ", "support@example.COM"] {
        for password in ["one", "two"] {
            assert_eq!(granted(&verifier, &directory, user, password).await.as_deref(), Some("EvMail"));
        }
    }
    for (user, password) in [("evmail", "three"), ("evmail", ""), ("evmail", "One"), ("nobody", "one")] {
        assert_eq!(granted(&verifier, &directory, user, password).await, None, "{user} {password}");
    }
}

#[test]
fn a_name_has_one_account() {
    let ambiguous = Directory::new([account("a", &["X"], &["p"]), account("x", &[], &["p"])]).unwrap_err();
    assert_eq!((ambiguous.first.as_str(), ambiguous.second.as_str()), ("a", "x"));
    assert!(Directory::new([account("a", &["A", "a"], &["p"])]).is_ok());
}

#[tokio::test]
async fn every_name_costs_the_same_number_of_hashes() {
    let directory = Directory::new([account("one", &[], &["p"]), account("two", &[], &["p", "q", "r"])]).unwrap();
    let verifier = verifier(2, 10);
    for (number, user) in ["one", "two", "nobody"].into_iter().enumerate() {
        assert_eq!(granted(&verifier, &directory, user, "wrong").await, None);
        assert_eq!(verifier.hashes_computed(), 3 * (number as u64 + 1), "{user}");
    }
}

#[tokio::test]
async fn successes_are_remembered_until_time_or_a_change_ends_it() {
    tokio::time::pause();
    let directory = Directory::new([account("a", &[], &["p"])]).unwrap();
    let verifier = verifier(1, 10);
    let expect = async |directory: &Directory, password: &str, hashes: u64| {
        drop(granted(&verifier, directory, "a", password).await);
        assert_eq!(verifier.hashes_computed(), hashes);
    };
    expect(&directory, "p", 1).await;
    expect(&directory, "p", 1).await;
    expect(&directory, "wrong", 2).await;
    expect(&directory, "wrong", 3).await;
    tokio::time::advance(Duration::from_secs(601)).await;
    expect(&directory, "p", 4).await;
    let changed = Directory::new([account("a", &[], &["p"])]).unwrap();
    expect(&changed, "p", 5).await;
}

#[tokio::test]
async fn the_same_login_many_times_at_once_is_one_hash() {
    let directory = Arc::new(Directory::new([account("a", &[], &["p"])]).unwrap());
    let verifier = Arc::new(verifier(2, 10));
    let logins: Vec<_> = (0..64)
        .map(|_| {
            let (verifier, directory) = (Arc::clone(&verifier), Arc::clone(&directory));
            tokio::spawn(async move { granted(&verifier, &directory, "a", "p").await })
        })
        .collect();
    for login in logins {
        assert_eq!(login.await.unwrap().as_deref(), Some("a"));
    }
    assert_eq!(verifier.hashes_computed(), 1);
}

#[tokio::test]
async fn beyond_the_queue_the_answer_is_overloaded() {
    let directory = Directory::new([account("a", &[], &["p"])]).unwrap();
    let verdict = verifier(1, 0).verify(&directory, "a", &"p".into()).await;
    assert!(matches!(verdict, Verdict::Overloaded));
}
