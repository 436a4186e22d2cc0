use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::model::{Account, Grant, Password, PasswordHash, Protocol, Provider, Token};

/// The least work Argon2 allows: these tests count hashes, they do not resist guessing.
fn weak_hash(password: &str) -> PasswordHash {
    hash_of_work(password, 8)
}

fn hash_of_work(password: &str, memory: u32) -> PasswordHash {
    use argon2::PasswordHasher as _;
    let parameters = argon2::Params::new(memory, 1, 1, None).unwrap();
    let hash = argon2::Argon2::from(parameters).hash_password(password.as_bytes()).unwrap();
    PasswordHash::parse(&hash.to_string()).unwrap()
}

fn account(name: &str, aliases: &[&str], passwords: &[&str]) -> Account {
    let provider = Arc::new(Provider { name: "corp".into(), ..Provider::default() });
    let token = Token::bare("support", provider, Grant::ClientCredentials);
    let token = Arc::new(Token { mailbox: "support@example.com".into(), client_id: "id".into(), ..token });
    Account {
        aliases: aliases.iter().map(|&alias| alias.into()).collect(),
        passwords: passwords.iter().map(|password| weak_hash(password).into()).collect(),
        ..Account::bare(name, token)
    }
}

fn verifier(parallel: usize, waiting: usize) -> Verifier {
    let lifetime = Duration::from_mins(10);
    Verifier::new(VerifierSettings { parallel, waiting, remembered: 100, lifetime }).unwrap()
}

async fn granted(verifier: &Verifier, directory: &Directory, user: &str, password: &str) -> Option<String> {
    match verifier.verify(directory, user, &password.into()).await {
        Verdict::Granted(account, _) => Some(account.name.clone()),
        Verdict::Denied => None,
        other => panic!("{other:?}"),
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

/// What old clients make of a user name; a name as it was typed always comes first.
#[tokio::test]
async fn a_name_is_found_by_what_else_it_may_stand_for() {
    let accounts = || {
        [
            ("evmail", "p"),
            ("sales@example.com", "q"),
            ("CORP\\Tim", "r"),
            ("tim", "s"),
            ("both", "t"),
            ("both@example.com", "u"),
        ]
        .map(|(name, password)| account(name, &[], &[password]))
    };
    let plain = Directory::new(accounts()).unwrap();
    let domain = Directory::new(accounts()).unwrap().with_default_domain(Some("Example.com"));
    let found = |directory: &Directory, user| directory.find(user).map(|account| account.name.clone());
    for (user, without, with) in [
        ("Corp\\evmail", Some("evmail"), Some("evmail")),
        ("corp\\tim", Some("CORP\\Tim"), Some("CORP\\Tim")),
        ("other\\TIM ", Some("tim"), Some("tim")),
        ("EvMail@example.com", None, Some("evmail")),
        ("SALES", None, Some("sales@example.com")),
        ("corp\\sales", None, Some("sales@example.com")),
        ("sales%example.com", Some("sales@example.com"), Some("sales@example.com")),
        ("evmail%example.com", None, Some("evmail")),
        ("both", Some("both"), Some("both")),
        ("both@EXAMPLE.com", Some("both@example.com"), Some("both@example.com")),
        ("sales@example.org", None, None),
        ("sales@example.com@mail.example", None, None),
        ("evmail#inbox", None, None),
        ("corp\\", None, None),
    ] {
        assert_eq!(found(&plain, user).as_deref(), without, "{user}");
        assert_eq!(found(&domain, user).as_deref(), with, "{user} with a default domain");
    }
    // A name that the configuration speaks of is no other: whoever has left is not stood in for.
    let named = |user| domain.named(user).map(|account| account.name.clone());
    assert_eq!(named("EVMAIL").as_deref(), Some("evmail"));
    assert_eq!((named("evmail@example.com"), named("corp\\evmail"), named("sales")), (None, None, None));
    // What is remembered is the account's, under whatever name: one hash, and one account's password opens no other.
    let verifier = verifier(2, 10);
    for user in ["evmail", "EVMAIL@example.com", "corp\\evmail", "evmail%example.com"] {
        assert_eq!(granted(&verifier, &domain, user, "p").await.as_deref(), Some("evmail"));
    }
    assert_eq!(verifier.hashes_computed(), 1);
    for (user, password) in [("both", "u"), ("both@example.com", "t"), ("corp\\tim", "s"), ("corp\\nobody", "p")] {
        let before = verifier.hashes_computed();
        assert_eq!(granted(&verifier, &domain, user, password).await, None, "{user}");
        assert_eq!(verifier.hashes_computed(), before + 1, "{user}");
    }
}

#[test]
fn a_name_has_one_account() {
    let ambiguous = Directory::new([account("a", &["X"], &["p"]), account("x", &[], &["p"])]).unwrap_err();
    assert_eq!((ambiguous.first.as_str(), ambiguous.second.as_str()), ("a", "x"));
    assert!(Directory::new([account("a", &["A", "a"], &["p"])]).is_ok());
}

#[test]
fn a_name_that_cannot_be_used_is_known_all_the_same() {
    let directory = Directory::new([account("evmail", &[], &["p"])]).unwrap().with_unusable(["Lost", "evmail"]);
    assert!(directory.is_unusable(" lost") && !directory.is_unusable("nobody"));
    assert!(!directory.is_unusable("evmail"), "another account has that name");
    let domain =
        directory.with_unusable(["lost@example.com", "evmail@example.com"]).with_default_domain(Some("example.com"));
    assert!(domain.is_unusable("lost") && domain.is_unusable("corp\\lost") && !domain.is_unusable("nobody"));
    assert!(
        domain.is_unusable("evmail@example.com") && domain.find("evmail@example.com").is_none(),
        "another's password"
    );
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

fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

#[tokio::test]
async fn a_password_opens_nothing_once_it_has_expired_also_when_it_is_remembered() {
    let mut account = account("a", &[], &["short", "long"]);
    account.passwords[0].expires = Some(now());
    let directory = Directory::new([account]).unwrap();
    let verifier = verifier(1, 10);
    let a_second = chrono::TimeDelta::seconds(1);
    for (password, at, allowed, expired) in
        [("short", now() - a_second, true, false), ("short", now(), false, true), ("long", now(), true, false)]
    {
        let Verdict::Granted(account, matched) = verifier.verify(&directory, "a", &password.into()).await else {
            panic!("{password}")
        };
        let from = "192.0.2.1".parse().unwrap();
        assert_eq!(matched.allowed(&account, Protocol::Smtp, from, at).is_some(), allowed, "{password} {at}");
        assert_eq!(matched.has_expired(&account, at), expired, "{password} {at}");
    }
    assert_eq!(verifier.hashes_computed(), 4);
}

/// One password for two programs, each in its network; another for a third.
fn limited() -> Account {
    let of = |text: &str, label: &str, protocols: &[Protocol], network: &str| Password {
        label: Some(label.into()),
        protocols: protocols.to_vec(),
        networks: vec![network.parse().unwrap()],
        ..weak_hash(text).into()
    };
    let mut account = account("a", &[], &[]);
    account.passwords = vec![
        of("same", "scanner", &[Protocol::Smtp], "10.0.0.0/8"),
        of("same", "desk", &[], "192.0.2.0/24"),
        of("own", "archive", &[Protocol::Imap], "10.0.0.0/8"),
        weak_hash("any").into(),
    ];
    account
}

#[tokio::test]
async fn a_password_is_held_to_its_limits_also_when_it_is_remembered() {
    let account = limited();
    let directory = Directory::new([account.clone()]).unwrap();
    let verifier = verifier(1, 10);
    let (inside, desk, outside) = ("::ffff:10.1.2.3", "192.0.2.1", "198.51.100.1");
    for hashes in [12, 12] {
        for (password, protocol, from, expected) in [
            ("same", Protocol::Smtp, inside, Some(Some("scanner"))),
            ("same", Protocol::Imap, inside, None),
            ("same", Protocol::Imap, desk, Some(Some("desk"))),
            ("same", Protocol::Smtp, outside, None),
            ("own", Protocol::Imap, inside, Some(Some("archive"))),
            ("own", Protocol::Imap, desk, None),
            ("any", Protocol::Pop3, outside, Some(None)),
        ] {
            let verdict = verifier.verify(&directory, "a", &password.into()).await;
            let Verdict::Granted(account, matched) = verdict else { panic!("{password}: {verdict:?}") };
            let allowed = matched.allowed(&account, protocol, from.parse().unwrap(), now());
            assert_eq!(
                allowed.map(|(_, password)| password.label.as_deref()),
                expected,
                "{password} {protocol} {from}"
            );
        }
        assert_eq!(verifier.hashes_computed(), hashes);
    }
    // A reload with the same hashes and other limits: what is remembered is which password it was, not what it may.
    let mut moved = account;
    moved.passwords[2].protocols = vec![Protocol::Pop3];
    let Verdict::Granted(account, matched) =
        verifier.verify(&Directory::new([moved]).unwrap(), "a", &"own".into()).await
    else {
        panic!("denied")
    };
    assert!(matched.allowed(&account, Protocol::Imap, inside.parse().unwrap(), now()).is_none());
    assert!(matched.allowed(&account, Protocol::Pop3, inside.parse().unwrap(), now()).is_some());
    assert_eq!(verifier.hashes_computed(), 12);
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
async fn the_same_wrong_password_at_once_is_one_check_for_any_name() {
    let directory = Directory::new([account("a", &[], &["p", "q"])]).unwrap();
    let verifier = verifier(1, 10);
    for (number, user) in ["a", "nobody"].into_iter().enumerate() {
        // So weak a hash is done before the second login comes, unless it has to wait for its turn.
        let busy = Arc::clone(&verifier.slots).acquire_owned().await.unwrap();
        let login = || granted(&verifier, &directory, user, "wrong");
        let both_wait = async {
            tokio::task::yield_now().await;
            drop(busy);
        };
        let (first, second, ()) = tokio::join!(login(), login(), both_wait);
        assert_eq!((first, second), (None, None));
        assert_eq!(verifier.hashes_computed(), 2 * (number as u64 + 1), "{user}");
    }
}

#[tokio::test]
async fn beyond_the_queue_the_answer_is_overloaded_and_an_idle_verifier_has_no_queue() {
    let directory = Directory::new([account("a", &[], &["p", "q", "r"])]).unwrap();
    let verifier = verifier(1, 1);
    let busy = Arc::clone(&verifier.slots).acquire_owned().await.unwrap();
    let (p, q, r) = ("p".into(), "q".into(), "r".into());
    let mut queued = std::pin::pin!(verifier.verify(&directory, "a", &p));
    let mut same = std::pin::pin!(verifier.verify(&directory, "a", &p));
    assert!(without_waiting(queued.as_mut()).await.is_none(), "waits");
    assert!(without_waiting(same.as_mut()).await.is_none(), "waits with it");
    assert!(matches!(verifier.verify(&directory, "a", &q).await, Verdict::Overloaded));
    assert!(matches!(verifier.verify(&directory, "nobody", &q).await, Verdict::Overloaded));
    drop(busy);
    assert!(matches!(queued.await, Verdict::Granted(..)));
    assert!(matches!(same.await, Verdict::Granted(..)));
    assert!(matches!(verifier.verify(&directory, "a", &r).await, Verdict::Granted(..)), "the queue is left");
    let unqueued = self::verifier(1, 0);
    assert!(matches!(unqueued.verify(&directory, "a", &p).await, Verdict::Granted(..)));
}

/// What a future has to say without waiting.
async fn without_waiting<F: Future + Unpin>(future: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = std::future::ready(()) => None,
    }
}

/// Accounts from before and after a change of parameters: each name costs the same work, not only as many hashes.
#[test]
fn every_name_costs_the_same_work() {
    let mut old = account("old", &[], &["p"]);
    old.passwords = vec![hash_of_work("p", 8).into(), hash_of_work("q", 8).into()];
    let mut new = account("new", &[], &["p"]);
    new.passwords = vec![hash_of_work("p", 64).into(), hash_of_work("q", 8).into()];
    let directory = Directory::new([old, new]).unwrap();
    for user in ["old", "new", "nobody"] {
        let checks = directory.checks(directory.find(user).map(AsRef::as_ref));
        let mut works: Vec<_> = checks.own.iter().chain(&checks.decoys).map(super::password::work).collect();
        works.sort_unstable();
        assert_eq!(works, [[8, 1, 1], [8, 1, 1], [64, 1, 1]], "{user}");
    }
    let empty = Directory::new([]).unwrap().checks(None);
    assert_eq!((empty.own.len(), empty.decoys.len()), (0, 1));
}

/// No program means it, and a hash of it would open the account to anyone.
#[tokio::test]
async fn an_empty_password_opens_nothing() {
    let directory = Directory::new([account("a", &[], &[""])]).unwrap();
    assert_eq!(granted(&verifier(1, 10), &directory, "a", "").await, None);
}

#[tokio::test]
async fn nul_and_eight_bit_are_part_of_the_password() {
    let directory = Directory::new([account("a", &[], &["nul\0nul", "caf\u{e9}"])]).unwrap();
    let verifier = verifier(1, 10);
    for (password, opens) in [
        ("nul\0nul", true),
        ("nul", false),
        ("nul\0", false),
        ("caf\u{e9}", true),
        ("caf", false),
        ("cafe\u{301}", false),
    ] {
        assert_eq!(granted(&verifier, &directory, "a", password).await.is_some(), opens, "{password:?}");
    }
}

/// Law 2: a lack of memory is no wrong password, and no name stands out by it. (No test should provoke one; another hash
/// fails the same way.)
#[tokio::test]
async fn a_hash_that_cannot_be_computed_is_no_denial() {
    let mut starved = account("starved", &[], &["p"]);
    starved.passwords.insert(0, PasswordHash::that_cannot_be_computed().into());
    let directory = Directory::new([starved]).unwrap();
    let verifier = verifier(1, 10);
    assert_eq!(granted(&verifier, &directory, "starved", "p").await.as_deref(), Some("starved"));
    for user in ["starved", "nobody"] {
        assert!(matches!(verifier.verify(&directory, user, &"wrong".into()).await, Verdict::Overloaded), "{user}");
    }
}

#[tokio::test]
async fn what_is_not_to_be_remembered_is_not() {
    let directory = Directory::new([account("a", &[], &["p"])]).unwrap();
    let lifetime = Duration::from_mins(10);
    let verifier = Verifier::new(VerifierSettings { parallel: 1, waiting: 1, remembered: 0, lifetime }).unwrap();
    for hashes in 1..=3 {
        assert!(granted(&verifier, &directory, "a", "p").await.is_some());
        assert_eq!(verifier.hashes_computed(), hashes);
    }
}

mod law {
    use proptest::prelude::*;

    use super::*;

    /// Passwords that are easily taken for one another.
    const SIMILAR: [&str; 8] = ["", "p", "P", "p ", "p\0", "pp", "ap", "\0p"];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever was verified before, at the same time, or under the other directory of a reload.
        #[test]
        fn only_the_right_password_is_granted(
            passwords in proptest::collection::vec(proptest::collection::vec(0..SIMILAR.len(), 0..3), 4),
            attempts in proptest::collection::vec((0..2_usize, 0..3_usize, 0..SIMILAR.len()), 1..24),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let hashed = |of: &[usize]| of.iter().map(|&at| SIMILAR[at]).collect::<Vec<_>>();
            let directory = |a: &[usize], ap: &[usize]| {
                Directory::new([account("a", &[], &hashed(a)), account("ap", &[], &hashed(ap))]).unwrap()
            };
            let directories = [directory(&passwords[0], &passwords[1]), directory(&passwords[2], &passwords[3])];
            let verifier = verifier(2, 10);
            for (reload, user, password) in attempts {
                let (name, typed) = (["a", "ap", "nobody"][user], SIMILAR[password]);
                let right = user < 2 && !typed.is_empty() && passwords[2 * reload + user].contains(&password);
                let expected = right.then_some(name);
                let (one, other) = runtime.block_on(async {
                    let again = || granted(&verifier, &directories[reload], name, typed);
                    tokio::join!(again(), again())
                });
                prop_assert_eq!(one.as_deref(), expected);
                prop_assert_eq!(other.as_deref(), expected);
            }
        }
    }
}

#[tokio::test]
async fn leave_is_asked_for_before_a_hash_and_when_its_turn_has_come_but_not_by_who_is_known() {
    let (directory, verifier) = (Directory::new([account("a", &[], &["p"])]).unwrap(), verifier(1, 10));
    let held = Held { limit: Limit::Login, wait: Duration::from_secs(1) };
    let (p, q) = ("p".into(), "q".into());
    let before = verifier.verify_if(&directory, "a", &p, || Leave::Held(held)).await;
    assert!(matches!(before, Verdict::Held(told) if told == held), "{before:?}");
    assert!(matches!(verifier.verify_if(&directory, "a", &q, || Leave::Wrong).await, Verdict::Denied));
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let second = || match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 => Leave::Given,
        _ => Leave::Held(held),
    };
    assert!(matches!(verifier.verify_if(&directory, "a", &q, second).await, Verdict::Held(_)));
    assert_eq!(verifier.hashes_computed(), 0);
    assert!(matches!(verifier.verify(&directory, "a", &p).await, Verdict::Granted(..)));
    let known = verifier.verify_if(&directory, "a", &p, || Leave::Held(held)).await;
    assert!(matches!(known, Verdict::Granted(..)), "{known:?}");
}
