use std::sync::Arc;

use secrecy::SecretString;
use tokio::time::advance;

use super::*;
use crate::model::{Grant, PasswordHash, Provider, Token};

const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$cGFzc3dvcmRwYXNzd29yZHBhc3N3b3JkcGFzc3dvcmQ";
const DECAY: Duration = Duration::from_secs(100);

fn account(name: &str) -> Account {
    let provider = Arc::new(Provider { name: "corp".into(), ..Provider::default() });
    Account {
        passwords: vec![PasswordHash::parse(HASH).unwrap().into()],
        ..Account::bare(name, Arc::new(Token::bare("support", provider, Grant::ClientCredentials)))
    }
}

fn settings() -> ThrottleSettings {
    ThrottleSettings {
        per_address: 6,
        per_login: 3,
        per_account: 8,
        decay: DECAY,
        delay: Duration::from_secs(8),
        remembered: 100,
        trusted: vec!["10.9.0.0/16".parse().unwrap()],
    }
}

fn throttle() -> Throttle {
    Throttle::new(settings()).unwrap()
}

struct Try<'a>(&'a Throttle, Option<&'a Account>, &'a str);

impl Try<'_> {
    fn with<T>(&self, password: &str, from: &str, look: impl FnOnce(&Attempt<'_>) -> T) -> T {
        let Self(throttle, account, user) = self;
        let password = SecretString::from(password);
        look(&throttle.attempt((*account, user), &password, from.parse().unwrap()))
    }

    /// What holds it back, once it was let have its try and was wrong otherwise.
    fn wrong(&self, password: &str, from: &str) -> Option<Limit> {
        self.with(password, from, |attempt| match attempt.leave() {
            Leave::Held(held) => Some(held.limit),
            Leave::Given | Leave::Wrong => {
                attempt.failed();
                None
            }
        })
    }

    /// How many of so many different passwords may be tried.
    fn guesses(&self, from: &str, many: usize) -> usize {
        (0..many).filter(|number| self.wrong(&format!("{from} {number}"), from).is_none()).count()
    }

    fn leave(&self, password: &str, from: &str) -> Leave {
        let password = SecretString::from(password);
        self.0.attempt((self.1, self.2), &password, from.parse().unwrap()).leave()
    }

    fn right(&self, from: &str) -> Leave {
        self.with("right", from, |attempt| {
            let leave = attempt.leave();
            if leave == Leave::Given {
                attempt.succeeded();
            }
            leave
        })
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_at_an_address_has_a_few_guesses_and_they_come_back() {
    let (throttle, desk) = (throttle(), account("desk"));
    let desk = Try(&throttle, Some(&desk), "Desk");
    assert_eq!(desk.guesses("192.0.2.1", 9), 3);
    throttle.set(ThrottleSettings { per_address: 60, ..settings() });
    assert_eq!(desk.wrong("another", "192.0.2.1"), Some(Limit::Login), "a reload forgets nothing");
    assert_eq!(desk.right("192.0.2.2"), Leave::Given, "elsewhere nothing was wrong");
    advance(DECAY).await;
    assert_eq!((desk.wrong("x", "192.0.2.1"), desk.wrong("y", "192.0.2.1")), (None, Some(Limit::Login)));
    advance(DECAY * 10).await;
    assert_eq!(desk.guesses("::ffff:192.0.2.1", 0), 0);
    assert_eq!(desk.right("::ffff:192.0.2.1"), Leave::Given, "the same address, seen through IPv6");
}

#[tokio::test(start_paused = true)]
async fn an_address_is_bounded_over_all_accounts_and_names_that_are_nobodys() {
    let throttle = throttle();
    let tried =
        (0..20).filter(|number| Try(&throttle, None, &format!("user{number}")).wrong("x", "2001:db8::1").is_none());
    assert_eq!(tried.count(), 6);
    assert_eq!(Try(&throttle, None, "other").wrong("x", "2001:db8::ffff:1"), Some(Limit::Address), "one network");
    assert_eq!(Try(&throttle, None, "other").wrong("x", "2001:db8:0:1::1"), None, "another");
    let held = throttle.held_back();
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].limit, held[0].address), (Limit::Address, Some("2001:db8::".parse().unwrap())));
    assert_eq!(held[0].wait, DECAY);
    assert_eq!(throttle.forgive_address("2001:db8::9".parse().unwrap()), 7, "the address, and six names at it");
    assert_eq!(throttle.held_back(), []);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_is_bounded_and_locks_nobody_out_who_was_right() {
    let (throttle, desk) = (throttle(), account("desk"));
    let desk = Try(&throttle, Some(&desk), "desk");
    assert_eq!(desk.right("198.51.100.7"), Leave::Given);
    let crowd = (0..50).map(|host| desk.guesses(&format!("192.0.2.{host}"), 1)).sum::<usize>();
    assert_eq!(crowd, 8);
    assert!(matches!(desk.right("203.0.113.9"), Leave::Held(Held { limit: Limit::Account, .. })), "a stranger waits");
    assert_eq!(desk.right("198.51.100.7"), Leave::Given, "who was right before does not");
    assert_eq!(Try(&throttle, None, "another").wrong("x", "203.0.113.9"), None, "nor do other accounts");
    assert_eq!(throttle.forgive_account("DESK"), 9, "it, and at eight addresses");
    assert_eq!(desk.right("203.0.113.9"), Leave::Given);
}

#[tokio::test(start_paused = true)]
async fn a_neighbour_who_guesses_locks_nobody_out_who_was_right_at_the_same_address() {
    let (throttle, desk) = (throttle(), account("desk"));
    let desk = Try(&throttle, Some(&desk), "desk");
    desk.right("192.0.2.1");
    for number in 0..20 {
        Try(&throttle, None, &format!("user{number}")).wrong("x", "192.0.2.1");
    }
    assert_eq!(desk.right("192.0.2.1"), Leave::Given);
    assert_eq!(desk.guesses("192.0.2.1", 9), 3, "guesses at it are bounded all the same");
    advance(LATELY).await;
    for number in 20..40 {
        Try(&throttle, None, &format!("user{number}")).wrong("x", "192.0.2.1");
    }
    assert!(matches!(desk.right("192.0.2.1"), Leave::Held(_)), "that was long ago");
}

#[tokio::test(start_paused = true)]
async fn an_account_for_networks_is_no_matter_of_strangers() {
    let (throttle, mut desk) = (throttle(), account("desk"));
    desk.networks = vec!["198.51.100.0/24".parse().unwrap()];
    let desk = Try(&throttle, Some(&desk), "desk");
    for host in 0..50 {
        desk.guesses(&format!("192.0.2.{host}"), 1);
    }
    assert_eq!(desk.right("198.51.100.7"), Leave::Given);
    assert!(matches!(desk.right("203.0.113.9"), Leave::Held(_)), "strangers see no difference to other accounts");
}

#[tokio::test(start_paused = true)]
async fn the_same_wrong_password_is_one_failure_and_costs_no_second_hash() {
    let (throttle, scanner) = (throttle(), account("scanner"));
    let scanner = Try(&throttle, Some(&scanner), "scanner");
    let tried = |password: &str| {
        scanner.with(password, "192.0.2.1", |attempt| {
            let (leave, failed) = (attempt.leave(), attempt.failed());
            (leave, failed.again, failed.told)
        })
    };
    assert_eq!(tried("old"), (Leave::Given, false, true));
    for _ in 0..100 {
        let (leave, again, _) = tried("old");
        assert_eq!((leave, again), (Leave::Wrong, true));
    }
    assert!(!tried("old").2, "and not a line of the log each time");
    advance(Duration::from_secs(11)).await;
    let told = || scanner.with("old", "192.0.2.1", |attempt| attempt.failed().told);
    assert_eq!((told(), told()), (true, false));
    assert_eq!(Try(&throttle, None, "other").wrong("x", "192.0.2.1"), None, "its network is not locked out");
    // A right one between does not make the old one new.
    assert_eq!(scanner.right("192.0.2.1"), Leave::Given);
    assert!(tried("old").1);
    let mut changed = account("scanner");
    changed.passwords.push(PasswordHash::parse(&HASH.replace("m=8", "m=16")).unwrap().into());
    assert_eq!(
        Try(&throttle, Some(&changed), "scanner").leave("old", "192.0.2.1"),
        Leave::Given,
        "another list may know it"
    );
    assert!(tried("old").1);
}

#[tokio::test(start_paused = true)]
async fn what_was_right_takes_back_the_slips_of_its_own_and_no_others() {
    let (throttle, desk) = (throttle(), account("desk"));
    let desk = Try(&throttle, Some(&desk), "desk");
    for round in 0..2 {
        assert_eq!(desk.wrong(&format!("a{round}"), "192.0.2.1"), None);
        assert_eq!(desk.wrong(&format!("b{round}"), "192.0.2.1"), None);
        assert_eq!(desk.right("192.0.2.1"), Leave::Given);
    }
    // Four of six at this address: an account of one's own gives no new guesses at others.
    let others =
        (0..9).filter(|number| Try(&throttle, None, &format!("user{number}")).wrong("x", "192.0.2.1").is_none());
    assert_eq!(others.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn answers_are_kept_back_longer_and_longer() {
    let throttle = Throttle::new(ThrottleSettings { per_login: 20, per_address: 50, ..settings() }).unwrap();
    let nobody = Try(&throttle, None, "nobody");
    let delay = |number: usize| {
        let delay = nobody.with(&format!("{number}"), "192.0.2.1", |attempt| attempt.failed().delay);
        u64::try_from(delay.as_millis()).unwrap()
    };
    assert_eq!((0..7).map(delay).collect::<Vec<_>>(), [250, 500, 1000, 2000, 4000, 8000, 8000]);
    throttle.set(ThrottleSettings { delay: Duration::ZERO, ..settings() });
    assert_eq!(delay(8), 0);
}

#[tokio::test(start_paused = true)]
async fn bounds_tell_when_they_are_reached_and_those_who_wait_are_told_seldom() {
    let throttle = throttle();
    let nobody = Try(&throttle, None, "nobody");
    let reached = |number: usize| nobody.with(&format!("{number}"), "192.0.2.1", |attempt| attempt.failed().reached);
    assert_eq!((reached(0), reached(1)), (vec![], vec![]));
    assert_eq!(reached(2), [Held { limit: Limit::Login, wait: DECAY }]);
    assert_eq!(reached(3), [], "it was known");
    let told = || {
        nobody.with("x", "192.0.2.1", |attempt| match attempt.leave() {
            Leave::Held(held) => attempt.is_told(held),
            _ => unreachable!(),
        })
    };
    assert_eq!((0..100).filter(|_| told()).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_makes_it_forget_his_own_failures() {
    let throttle = throttle();
    let desk = account("desk");
    let desk = Try(&throttle, Some(&desk), "desk");
    desk.guesses("192.0.2.1", 3);
    for number in 0..10_000_u32 {
        let name = format!("user{number}");
        let from = std::net::Ipv4Addr::from(0x0a00_0000 + number).to_string();
        Try(&throttle, None, &name).wrong("x", &from);
    }
    assert_eq!(desk.wrong("again", "192.0.2.1"), Some(Limit::Login));
    let book = throttle.book();
    assert!(book.addresses.iter().count() <= 100 && book.logins.iter().count() <= 100);
}

#[tokio::test(start_paused = true)]
async fn who_is_trusted_or_has_no_bound_is_never_held_back() {
    let throttle = throttle();
    assert_eq!(Try(&throttle, None, "nobody").guesses("10.9.1.1", 100), 100);
    throttle.set(ThrottleSettings { per_address: 0, per_login: 0, per_account: 0, ..settings() });
    assert_eq!(Try(&throttle, None, "nobody").guesses("192.0.2.1", 100), 100);
    assert_eq!(throttle.held_back(), []);
}

#[tokio::test(start_paused = true)]
async fn long_names_are_told_apart_and_take_little() {
    let throttle = throttle();
    let (one, other) = ("é".repeat(10_000) + "1", "é".repeat(10_000) + "2");
    assert_eq!(Try(&throttle, None, &one).guesses("192.0.2.1", 9), 3);
    assert_eq!(Try(&throttle, None, &other).guesses("192.0.2.2", 9), 3);
    let held = throttle.held_back();
    assert!(held.iter().filter_map(|held| held.account.as_ref()).all(|name| name.len() < 100), "{held:?}");
}

/// Each says what it has to say, and the others hear it.
fn talk(replicas: &[Throttle]) {
    for (number, replica) in replicas.iter().enumerate() {
        for word in replica.unsaid() {
            assert!(word.len() < 7000);
            let others = replicas.iter().enumerate().filter(|(other, _)| *other != number);
            others.for_each(|(_, other)| other.heard(&word));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_forgiven_before_others_heard_of_it_counts_nowhere() {
    let replicas = [(); 2].map(|()| Throttle::new(settings()).unwrap());
    replicas.iter().for_each(Throttle::gossip);
    let desk = account("desk");
    let forgiving: [fn(&Throttle) -> usize; 2] = [
        |throttle| throttle.forgive_address("192.0.2.1".parse().unwrap()),
        |throttle| throttle.forgive_account("Desk"),
    ];
    for forgive in forgiving {
        for wrong_at in 0..2 {
            assert_eq!(Try(&replicas[wrong_at], Some(&desk), "desk").guesses("192.0.2.1", 9), 3);
            forgive(&replicas[0]);
            talk(&replicas);
            assert!(replicas.iter().all(|one| one.held_back().is_empty()), "wrong at {wrong_at}");
            for one in &replicas {
                one.forgive_address("192.0.2.1".parse().unwrap());
            }
            talk(&replicas);
        }
    }
    // Of others it is told all the same.
    Try(&replicas[0], None, "other").guesses("192.0.2.2", 3);
    replicas[0].forgive_account("desk");
    talk(&replicas);
    assert_eq!(replicas[1].held_back().len(), 1);
}

/// Three replicas that hear one another: a guesser gains nothing by going from one to the next, and a right login is known to be
/// right at each.
#[tokio::test]
async fn replicas_count_together_what_was_wrong() {
    let replicas: Vec<_> = (0..3).map(|_| Throttle::new(settings()).unwrap()).collect();
    replicas.iter().for_each(Throttle::gossip);
    let talk = || talk(&replicas);
    let (account, guesser): (_, IpAddr) = (account("evmail"), "192.0.2.7".parse().unwrap());
    let user = (Some(&account), "evmail");
    let mut tried = 0;
    'guessing: loop {
        for replica in &replicas {
            let password = format!("guess {tried}").into();
            let attempt = replica.attempt(user, &password, guesser);
            if attempt.leave() != Leave::Given {
                break 'guessing;
            }
            attempt.failed();
            tried += 1;
            talk();
        }
    }
    assert_eq!(tried, settings().per_login);
    // It is held back at each of them.
    let another = "another".into();
    assert!(replicas.iter().all(|one| matches!(one.attempt(user, &another, guesser).leave(), Leave::Held(_))));
    // Who is forgiven at one is forgiven at all.
    replicas[1].forgive_address(guesser);
    talk();
    assert!(replicas.iter().all(|one| one.held_back().is_empty()));
    // What was right at one frees the account there from what others did, at each.
    let home = "198.51.100.9".parse().unwrap();
    replicas[0].attempt(user, &"right".into(), home).succeeded();
    talk();
    for number in 0..settings().per_account {
        let from = IpAddr::from([203, 0, 113, u8::try_from(number).unwrap()]);
        replicas[2].attempt(user, &format!("guess {number}").into(), from).failed();
        talk();
    }
    let stranger = "192.0.2.99".parse().unwrap();
    assert!(replicas.iter().all(|one| matches!(one.attempt(user, &another, stranger).leave(), Leave::Held(_))));
    assert!(replicas.iter().all(|one| one.attempt(user, &another, home).leave() == Leave::Given));
    // Nothing more is said of it within the hour.
    replicas[0].attempt(user, &"right".into(), home).succeeded();
    assert!(replicas[0].unsaid().is_empty());
}
