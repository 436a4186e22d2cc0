use super::*;
use crate::store::{Beat, DEAD};

fn replica(name: &str, instance: &str, age: u64, silent: u64) -> Replica {
    let (name, instance) = (name.to_owned(), instance.to_owned());
    let beat = Beat { name, instance, version: "1.0".into(), facts: "{}".into() };
    Replica { beat, schema: 1, age: Duration::from_secs(age), silent: Duration::from_secs(silent) }
}

fn configured(parts: &[(&str, &str)]) -> Facts {
    let configuration = parts.iter().map(|(part, digest)| ((*part).to_owned(), (*digest).to_owned())).collect();
    Facts { configuration, ..Facts::default() }
}

#[test]
fn who_comes_falls_silent_comes_back_and_goes_is_told_once() {
    let (mut watch, now, facts) = (Watch::new("1"), Instant::now(), Facts::default());
    let (me, dead) = (replica("a", "1", 100, 0), DEAD.as_secs());
    let mut see = |others: &[Replica]| watch.see(&facts, &[std::slice::from_ref(&me), others].concat(), now);
    assert_eq!(see(&[replica("b", "2", 9, 1)]), [], "it was there before this one");
    let joined = Told::Joined { name: "c".into(), version: "1.0".into() };
    assert_eq!(see(&[replica("b", "2", 9, 1), replica("c", "3", 1, 0)]), [joined]);
    let silent = Told::Silent { name: "b".into(), seconds: dead };
    assert_eq!(see(&[replica("b", "2", 40, dead), replica("c", "3", 1, 0)]), [silent]);
    assert_eq!(see(&[replica("b", "2", 45, dead + 5), replica("c", "3", 1, 0)]), []);
    assert_eq!(see(&[replica("b", "2", 50, 0), replica("c", "3", 1, 0)]), [Told::Back { name: "b".into() }]);
    assert_eq!(see(&[replica("c", "3", 1, 0)]), [Told::Left { name: "b".into() }]);
}

#[test]
fn a_name_that_two_have_is_told_and_a_predecessor_is_none() {
    let (mut watch, now, facts) = (Watch::new("1"), Instant::now(), Facts::default());
    let mut see = |age, silent| watch.see(&facts, &[replica("a", "0", 500, silent), replica("a", "1", age, 0)], now);
    assert_eq!(see(2, 7), [], "it was silent before this one began");
    assert_eq!(see(7, 12), []);
    let twin = || Told::Twin { name: "a".into(), instance: "0".into() };
    assert_eq!(see(12, 1), [twin()]);
    assert_eq!(see(17, 2), []);
    assert_eq!(see(97, 82), [Told::Silent { name: "a".into(), seconds: 82 }]);
    assert_eq!(see(100, 1), [Told::Back { name: "a".into() }, twin()]);
}

#[test]
fn a_run_that_died_is_replaced_by_the_next_one_of_its_name_and_by_no_twin() {
    let dead = DEAD.as_secs();
    let replaced = |old: &Replica, new: &Replica| old.is_replaced(&[old.clone(), new.clone()]);
    assert!(replaced(&replica("a", "0", 500, dead), &replica("a", "1", dead - 1, 0)));
    assert!(!replaced(&replica("a", "0", 500, dead - 1), &replica("a", "1", 2, 0)), "it may live");
    assert!(!replaced(&replica("a", "0", 500, dead), &replica("b", "1", 2, 0)), "another one");
    assert!(!replaced(&replica("a", "0", 500, dead), &replica("a", "1", dead + 9, 0)), "both were there at a time");
    assert!(!replaced(&replica("a", "0", 500, 90), &replica("a", "1", 80, dead)), "the next one is dead, too");

    // Neither that it was replaced nor that it fell silent is told once more.
    let (mut watch, now, facts) = (Watch::new("1"), Instant::now(), Facts::default());
    let me = replica("b", "1", 500, 0);
    let mut see = |others: &[Replica]| watch.see(&facts, &[std::slice::from_ref(&me), others].concat(), now);
    assert_eq!(see(&[replica("a", "0", 500, 1)]), []);
    let joined = || Told::Joined { name: "a".into(), version: "1.0".into() };
    assert_eq!(see(&[replica("a", "0", 500, 6), replica("a", "2", 1, 0)]), [joined()]);
    assert_eq!(see(&[replica("a", "0", 500, 16), replica("a", "2", 11, 1)]), []);
    assert_eq!(see(&[replica("a", "2", 16, 1)]), []);
    // One that says goodbye is told of, also where the next one is there already.
    assert_eq!(see(&[replica("a", "3", 1, 0)]), [joined(), Told::Left { name: "a".into() }]);
}

#[test]
fn another_configuration_is_told_when_it_lasts() {
    let (mut watch, begin) = (Watch::new("1"), Instant::now());
    let own = configured(&[("", "k"), ("limits", "x"), ("tokens", "t")]);
    let mut see = |theirs: &Facts, seconds| {
        let mut other = replica("b", "2", 100, 0);
        other.beat.facts = serde_json::to_string(theirs).unwrap();
        watch.see(&own, &[replica("a", "1", 100, 0), other], begin + Duration::from_secs(seconds))
    };
    let other = configured(&[("", "k"), ("limits", "y"), ("tokens", "t"), ("notify", "n")]);
    assert_eq!(see(&other, 0), []);
    assert_eq!(see(&other, 59), []);
    let told = see(&other, 60);
    let [Told::Differs { how }] = &told[..] else { panic!("{told:?}") };
    assert!(how.contains("replica b") && how.contains("[limits], [notify];"), "{how}");
    assert_eq!(see(&other, 65), [], "once");
    assert_eq!(see(&own, 70), []);
    assert_eq!(see(&other, 75), [], "another difference begins anew");
    assert_eq!(see(&configured(&[("", "another key"), ("limits", "z")]), 200), [], "keys are being rotated");
}

#[test]
fn another_version_is_told_when_it_lasts() {
    let (mut watch, begin, facts) = (Watch::new("1"), Instant::now(), Facts::default());
    let mut other = replica("b", "2", 100, 0);
    other.beat.version = "0.9".into();
    let all = [replica("a", "1", 100, 0), other];
    assert_eq!(watch.see(&facts, &all, begin), []);
    let told = watch.see(&facts, &all, begin + SETTLED);
    let [Told::Differs { how }] = &told[..] else { panic!("{told:?}") };
    assert!(how.contains("0.9") && how.contains("1.0"), "{how}");
}
