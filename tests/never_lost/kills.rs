//! Killed at every step of a refresh.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::endpoint::{Endpoint, Step};
use crate::service::House;

/// Where it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kill {
    /// While another process refreshes.
    AtTheLease,
    /// When the endpoint is at this step, and stays there.
    At(Step),
    /// So long after the whole answer was said.
    After(Duration),
    /// So long after the start.
    Sometime(Duration),
}

fn kills() -> Vec<Kill> {
    let after = [0, 0, 1, 2, 3, 5, 8, 30].map(|ms| Kill::After(Duration::from_millis(ms)));
    let sometime = [5, 20, 40, 60, 80, 110, 150].map(|ms| Kill::Sometime(Duration::from_millis(ms)));
    let steps = [Step::Asked, Step::Issued, Step::Half, Step::Said].map(Kill::At);
    [&[Kill::AtTheLease][..], &steps, &after, &sometime].concat()
}

#[test]
fn killed_anywhere_beside_a_lenient_provider() {
    let (whole, cut) = ordeal(false);
    assert_eq!(whole + cut, 20);
}

#[test]
fn killed_anywhere_beside_a_strict_provider() {
    let (whole, cut) = ordeal(true);
    assert!(whole >= 4 && cut >= 2, "{whole} whole, {cut} cut: the test does not show what it says");
}

/// How many refreshes were whole or had not begun, and how many were cut in the one window that nobody can close: between
/// the provider's word and the commit.
fn ordeal(strict: bool) -> (usize, usize) {
    let endpoint = Endpoint::start(strict);
    let house = House::new(&endpoint.url);
    let mut cut = 0;
    for kill in kills() {
        let before = house.held().unwrap();
        assert_eq!(before, endpoint.last());
        killed(&endpoint, &house, kill);
        let (held, last) = (house.held(), endpoint.last());
        let window =
            matches!(kill, Kill::At(Step::Issued | Step::Half | Step::Said) | Kill::After(_) | Kill::Sometime(_));
        assert!(last <= before + 1, "{kill:?}: one refresh at a time");
        assert!(held == Some(last) || window && held == Some(before), "{kill:?}: {held:?} of {last}\n{}", house.log());
        if held == Some(before) && last > before {
            cut += 1;
            if strict {
                endpoint.reissue(before);
            }
        }
        heals(&endpoint, &house);
    }
    (kills().len() - cut, cut)
}

/// Runs it until it is killed there.
fn killed(endpoint: &Endpoint, house: &House, kill: Kill) {
    house.let_expire();
    endpoint.stop_at(if let Kill::At(step) = kill { Some(step) } else { None });
    let requests = endpoint.requests();
    if kill == Kill::AtTheLease {
        house.lease_to_another();
    }
    let service = house.start();
    match kill {
        Kill::AtTheLease => sleep(Duration::from_millis(400)),
        Kill::At(step) => endpoint.reaches(step),
        Kill::After(time) => {
            endpoint.reaches(Step::Said);
            sleep(time);
        }
        Kill::Sometime(time) => sleep(time),
    }
    service.kill();
    endpoint.settles();
    if kill == Kill::AtTheLease {
        assert_eq!(endpoint.requests(), requests, "it had no lease");
    }
    endpoint.stop_at(None);
}

/// Started again, it goes on by itself.
fn heals(endpoint: &Endpoint, house: &House) {
    house.let_expire();
    let last = endpoint.last();
    let service = house.start();
    endpoint.reaches(Step::Said);
    house.comes_to_hold(last + 1);
    service.kill();
}

#[test]
fn the_lease_of_a_dead_process_is_taken_over_when_it_ends() {
    const LEFT: f64 = 1.5;
    let endpoint = Endpoint::start(true);
    let house = House::new(&endpoint.url);
    endpoint.stop_at(Some(Step::Asked));
    let service = house.start();
    endpoint.reaches(Step::Asked);
    service.kill();
    endpoint.stop_at(None);
    let begun = Instant::now();
    assert_eq!(house.lease_ends_in(LEFT), 1, "the dead one has it still");
    let _service = house.start();
    endpoint.reaches(Step::Said);
    assert!(begun.elapsed().as_secs_f64() >= LEFT - 0.2, "nobody refreshes under another's lease");
    house.comes_to_hold(2);
    assert_eq!(endpoint.requests(), 2);
}

/// The window, seen from the other side: a strict provider refuses the one before, and it is kept all the same.
#[test]
fn what_was_cut_in_the_window_is_quarantined_and_not_thrown_away() {
    let endpoint = Endpoint::start(true);
    let house = House::new(&endpoint.url);
    endpoint.stop_at(Some(Step::Issued));
    let service = house.start();
    endpoint.reaches(Step::Issued);
    service.kill();
    assert_eq!((house.held(), endpoint.last()), (Some(1), 2));
    endpoint.stop_at(None);
    house.let_expire();
    let service = house.start();
    endpoint.reaches(Step::Refused);
    for _ in 0..500 {
        if house.held().is_none() && house.log().contains("token.needs_authorization") {
            break;
        }
        sleep(Duration::from_millis(10));
    }
    service.kill();
    assert_eq!(house.held(), None);
    assert_eq!(house.quarantined(), ["r1"]);
    assert!(house.log().contains("token.needs_authorization"), "{}", house.log());
}
