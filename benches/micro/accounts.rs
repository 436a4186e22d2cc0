//! Who it is: the directory at every size, and passwords that were right a moment ago.

use std::sync::Arc;
use std::time::Duration;

use divan::{Bencher, black_box};
use futures_util::FutureExt as _;
use gatepost::account::{Attempt, Directory, Leave, Throttle, ThrottleSettings, Verdict, Verifier, VerifierSettings};
use gatepost::model::{Account, Grant, PasswordHash, Provider, Token};
use secrecy::SecretString;

/// How many accounts there are must make no difference.
const ACCOUNTS: [usize; 5] = [10, 100, 1000, 10_000, 100_000];

fn directory(accounts: usize) -> Directory {
    let token = Arc::new(Token::bare("support", Arc::new(Provider::default()), Grant::ClientCredentials));
    let hash = weak_hash();
    let account = |number| Account {
        aliases: vec![format!("alias-{number}")],
        passwords: vec![hash.clone().into()],
        ..Account::bare(&format!("program-{number}@example.com"), Arc::clone(&token))
    };
    Directory::new((0..accounts).map(account)).unwrap()
}

/// The least work that Argon2 allows.
fn weak_hash() -> PasswordHash {
    use argon2::PasswordHasher as _;
    let weak = argon2::Argon2::from(argon2::Params::new(8, 1, 1, None).unwrap());
    PasswordHash::parse(&weak.hash_password(b"correct horse").unwrap().to_string()).unwrap()
}

/// The middle one.
fn user(accounts: usize) -> String {
    format!("Program-{}@Example.COM", accounts / 2)
}

#[divan::bench(args = ACCOUNTS)]
fn found(bencher: Bencher, accounts: usize) {
    let (directory, user) = (directory(accounts), user(accounts));
    bencher.bench(|| directory.find(black_box(&user)).is_some());
}

#[divan::bench(args = ACCOUNTS)]
fn not_found(bencher: Bencher, accounts: usize) {
    let directory = directory(accounts);
    bencher.bench(|| directory.find(black_box("nobody@example.org")).is_none());
}

#[divan::bench(args = [10, 1000, 100_000])]
fn directory_made(bencher: Bencher, accounts: usize) {
    bencher.counter(divan::counter::ItemsCount::new(accounts)).bench(|| directory(accounts));
}

/// A polling program's login: no hash.
#[divan::bench(args = ACCOUNTS, threads = [1, 2])]
fn password_known(bencher: Bencher, accounts: usize) {
    let lifetime = Duration::from_hours(1);
    let settings = VerifierSettings { parallel: 1, waiting: 16, remembered: 10_000, lifetime };
    let verifier = Verifier::new(settings).unwrap();
    let (directory, user, password) = (directory(accounts), user(accounts), SecretString::from("correct horse"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let first = runtime.block_on(verifier.verify(&directory, &user, &password));
    assert!(matches!(first, Verdict::Granted(..)));
    bencher.bench(|| {
        let verdict = verifier.verify(&directory, black_box(&user), black_box(&password)).now_or_never();
        assert!(matches!(verdict, Some(Verdict::Granted(..))), "a hash was computed");
    });
}

fn throttle() -> Throttle {
    let settings = ThrottleSettings {
        per_address: 100,
        per_login: 10,
        per_account: 100,
        decay: Duration::from_mins(1),
        delay: Duration::from_secs(8),
        remembered: 100_000,
        trusted: Vec::new(),
    };
    Throttle::new(settings).unwrap()
}

fn right(attempt: &Attempt<'_>) {
    assert!(matches!(attempt.leave(), Leave::Given));
    attempt.succeeded();
}

/// What a right password costs those who count wrong ones, while so many addresses have been wrong.
#[divan::bench(args = [0, 1000, 50_000])]
fn attempt(bencher: Bencher, wrong: u32) {
    let (throttle, password) = (throttle(), SecretString::from("correct horse"));
    for address in 0..wrong {
        let guess = SecretString::from(address.to_string());
        throttle.attempt((None, "nobody"), &guess, (0x0a00_0000 + address).to_be_bytes().into()).failed();
    }
    let from = [192, 0, 2, 1].into();
    bencher.bench(|| right(&throttle.attempt((None, black_box("evmail")), &password, from)));
}
