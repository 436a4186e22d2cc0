//! Single moments: what is asked for, and what others wait for.

use super::*;

#[test]
fn what_is_used_alone_while_a_sign_of_life_is_under_way_is_asked_for_afterwards() {
    let now = Instant::now();
    let (mut book, desk): (_, Arc<str>) = (Book::new("replica0".into(), now), LIMITS[0].into());
    let (three, measure) =
        (Standing { holders: 3, counted: 3, lapsed: false, rows: None }, Measure { most: 1, lasting: false });
    book.beaten(&three, now);
    let (sent, alone) = (now + 17 * SECOND, now + 19 * SECOND);
    assert!(!book.has_room(&desk, measure, sent) && book.has_room(&desk, measure, alone));
    book.enter(&desk, measure, alone);
    book.beaten(&three, sent);
    assert_eq!(book.asks(alone).iter().map(|ask| ask.keep).collect::<Vec<_>>(), [1]);
}

#[test]
fn what_was_not_asked_for_in_time_comes_before_what_was_denied() {
    let now = Instant::now();
    let mut book = Book::new("replica0".into(), now);
    book.beaten(&Standing { holders: 3, counted: 3, lapsed: false, rows: None }, now);
    for number in 0..20 {
        let _changed = book.wait(&format!("desk{number}").into(), Measure { most: 1, lasting: false }, now);
    }
    let asks = book.asks(now);
    let (denied, left) = asks.split_at(10);
    let none = |ask: &Ask| Given { name: Arc::clone(&ask.name), units: Some(0), wanted: 0 };
    book.given(&denied.iter().map(none).collect::<Vec<_>>(), now);
    book.failed(left);
    let again = book.asks(now);
    assert_eq!(again.len(), 20);
    assert!(again[..10].iter().all(|ask| left.iter().any(|left| left.name == ask.name)));
}

#[test]
fn what_others_waited_for_before_a_lapse_is_forgotten_with_it() {
    let now = Instant::now();
    let (mut book, desk): (_, Arc<str>) = (Book::new("replica0".into(), now), LIMITS[0].into());
    let standing = |lapsed| Standing { holders: 2, counted: 2, lapsed, rows: lapsed.then(Vec::new) };
    book.beaten(&standing(false), now);
    book.enter(&desk, Measure { most: 2, lasting: false }, now);
    book.heard(&[Want { name: LIMITS[0].into(), most: 2, lasting: false, units: 1 }], now);
    book.beaten(&standing(true), now);
    book.heard(&[], now);
    assert_eq!(book.wanted(&desk).map(|(wanted, _)| wanted), Some(0), "nobody waits");
}

/// One of three has all three units, so many of them in use, and another begins to wait.
fn one_is_waited_for(inside: usize) -> World {
    let (mut world, most) = (World::new(), [3, 3]);
    (0..3).for_each(|_| world.join());
    world.do_it(&Deed::Pass(5_000), most);
    for _ in 0..6 {
        for deed in [Deed::Come(0, 0), Deed::Ask(0), Deed::Decide(0), Deed::Answer(0), Deed::Look(1), Deed::Look(2)] {
            world.do_it(&deed, most);
        }
        for who in 1..3 {
            for deed in [Deed::Ask(who), Deed::Decide(who), Deed::Answer(who)] {
                world.do_it(&deed, most);
            }
        }
    }
    while world.replicas[0].waiting.pop().is_some() {
        world.replicas[0].book.wait_no_more(&LIMITS[0].into());
    }
    assert_eq!(world.replicas[0].book.inside(LIMITS[0]), 3);
    for deed in [Deed::Ask(0), Deed::Decide(0), Deed::Answer(0)] {
        world.do_it(&deed, most);
    }
    for _ in inside..3 {
        world.replicas[0].book.leave(&LIMITS[0].into());
    }
    for deed in [Deed::Come(1, 0), Deed::Ask(1), Deed::Decide(1), Deed::Answer(1), Deed::Look(0)] {
        world.do_it(&deed, most);
    }
    assert_eq!(world.replicas[1].book.inside(LIMITS[0]), 0);
    world
}

#[test]
fn for_one_that_waits_elsewhere_one_unit_is_missing_and_no_more() {
    let missing = |world: &World| world.replicas[0].book.wanted(LIMITS[0]).map(|(wanted, _)| wanted);
    // One is not in use: nothing is missing.
    assert_eq!(missing(&one_is_waited_for(2)), Some(0));
    let mut world = one_is_waited_for(3);
    assert_eq!(missing(&world), Some(1));
    assert!(world.replicas[0].book.leave(&LIMITS[0].into()), "it is to be given back");
    assert_eq!(missing(&world), Some(0));
    // Whoever waits has not heard of it yet.
    for deed in [Deed::Ask(0), Deed::Decide(0), Deed::Answer(0)] {
        world.do_it(&deed, [3, 3]);
        assert_eq!(missing(&world), Some(0), "after {deed:?}");
    }
    for deed in [Deed::Ask(1), Deed::Decide(1), Deed::Answer(1)] {
        world.do_it(&deed, [3, 3]);
    }
    assert_eq!([0, 1].map(|who| world.replicas[who].book.inside(LIMITS[0])), [2, 1]);
}

#[test]
fn what_comes_free_while_it_is_asked_for_is_not_missing_any_more() {
    let mut world = one_is_waited_for(3);
    let book = &mut world.replicas[0].book;
    book.leave(&LIMITS[0].into());
    book.heard(&[Want { name: LIMITS[0].into(), most: 3, lasting: false, units: 2 }], world.now);
    assert_eq!(book.asks(world.now).iter().map(|ask| ask.keep).collect::<Vec<_>>(), [2]);
    assert!(book.leave(&LIMITS[0].into()));
    book.given(&[Given { name: LIMITS[0].into(), units: Some(2), wanted: 1 }], world.now);
    assert_eq!(book.wanted(LIMITS[0]).map(|(wanted, _)| wanted), Some(0));
}

/// One that has not read its configuration again waits as if there were more.
#[test]
fn what_another_takes_for_the_limit_changes_nothing_for_who_uses_it_here() {
    let now = Instant::now();
    let (mut book, desk): (_, Arc<str>) = (Book::new("replica0".into(), now), LIMITS[0].into());
    book.beaten(&Standing { holders: 3, counted: 3, lapsed: false, rows: None }, now);
    let measure = Measure { most: 3, lasting: false };
    book.enter(&desk, measure, now);
    assert!(!book.has_room(&desk, measure, now));
    let _changed = book.wait(&desk, measure, now);
    book.heard(&[Want { name: LIMITS[0].into(), most: 6, lasting: false, units: 1 }], now);
    assert_eq!(book.asks(now).iter().map(|ask| ask.most).collect::<Vec<_>>(), [3]);
    book.given(&[Given { name: Arc::clone(&desk), units: Some(2), wanted: 1 }], now);
    assert!(book.has_room(&desk, measure, now));
}
