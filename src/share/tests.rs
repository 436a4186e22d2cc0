mod keeping;
mod memory;
mod model;
mod moments;

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::book::{Book, Leases, Measure};
use crate::store::shares::{Ask, Given, Held, Shared, Standing, Want};
use model::{Model, SECOND};

/// Some replicas, and the store.
struct World {
    model: Model,
    replicas: Vec<Replica>,
    ending: Vec<Ending>,
    now: Instant,
    started: usize,
    /// Until when messages count that were sent by those that have parted.
    sent: Vec<(Instant, u32)>,
}

/// One that ends.
struct Ending {
    replica: Replica,
    /// Until when its sessions may go on.
    until: Instant,
    /// It has said so.
    said: bool,
}

struct Replica {
    owner: String,
    book: Book,
    /// How many wait here, by the limit.
    waiting: Vec<Arc<str>>,
    beaten: Option<Instant>,
    /// What is on its way: asked, and whether the store has it.
    asks: Option<Vec<Ask>>,
    answer: Option<Shared>,
}

#[derive(Clone, Debug)]
enum Deed {
    /// Uses one, or waits for it.
    Come(usize, usize),
    Leave(usize, usize),
    GiveUp(usize),
    Ask(usize),
    /// The store decides about what was asked.
    Decide(usize),
    Answer(usize),
    /// The answer is lost on the way.
    Lose(usize),
    Look(usize),
    Beat(usize),
    Join,
    /// Ends in order; its sessions go on for a little.
    Part(usize),
    /// A session of one that ends is over.
    Rest,
    Pass(u64),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let who = 0..5_usize;
    let deed = prop_oneof![
        8 => (who.clone(), 0..2_usize).prop_map(|(who, name)| Deed::Come(who, name)),
        5 => (who.clone(), 0..2_usize).prop_map(|(who, name)| Deed::Leave(who, name)),
        1 => who.clone().prop_map(Deed::GiveUp),
        4 => who.clone().prop_map(Deed::Ask),
        4 => who.clone().prop_map(Deed::Decide),
        4 => who.clone().prop_map(Deed::Answer),
        1 => who.clone().prop_map(Deed::Lose),
        4 => who.clone().prop_map(Deed::Look),
        3 => who.clone().prop_map(Deed::Beat),
        1 => Just(Deed::Join),
        1 => who.prop_map(Deed::Part),
        2 => Just(Deed::Rest),
        3 => (1..40_000_u64).prop_map(Deed::Pass),
    ];
    proptest::collection::vec(deed, 0..400)
}

const MINUTE: Duration = Duration::from_mins(1);
const LIMITS: [&str; 2] = ["sessions", "messages"];

impl World {
    fn new() -> Self {
        let (replicas, ending, sent) = (Vec::new(), Vec::new(), Vec::new());
        Self { model: Model::default(), replicas, ending, now: Instant::now(), started: 0, sent }
    }

    fn join(&mut self) {
        if self.replicas.len() == 5 {
            return;
        }
        let owner = format!("replica{}", self.started);
        self.started += 1;
        let (book, waiting) = (Book::new(owner.clone(), self.now), Vec::new());
        self.replicas.push(Replica { owner, book, waiting, beaten: None, asks: None, answer: None });
        self.beat(self.replicas.len() - 1);
    }

    fn do_it(&mut self, deed: &Deed, most: [u32; 2]) {
        let now = self.now;
        let measure = |name: usize| Measure { most: most[name], lasting: name == 1 };
        match *deed {
            Deed::Join => self.join(),
            Deed::Pass(ms) => self.pass(Duration::from_millis(ms)),
            Deed::Come(who, name) => {
                let (name, measure): (Arc<str>, _) = (LIMITS[name].into(), measure(name));
                let Some(replica) = self.replicas.get_mut(who) else { return };
                if replica.waiting.contains(&name) || !replica.book.has_room(&name, measure, now) {
                    replica.book.wait(&name, measure, now);
                    replica.waiting.push(name);
                } else {
                    replica.book.enter(&name, measure, now);
                }
            }
            Deed::Leave(who, 0) => {
                let Some(replica) = self.replicas.get_mut(who) else { return };
                if replica.book.inside(LIMITS[0]) > 0 {
                    replica.book.leave(&LIMITS[0].into());
                }
            }
            Deed::Leave(..) => {}
            Deed::GiveUp(who) => {
                let Some(replica) = self.replicas.get_mut(who) else { return };
                if let Some(name) = replica.waiting.pop() {
                    replica.book.wait_no_more(&name);
                }
            }
            Deed::Ask(who) => self.ask(who),
            Deed::Decide(who) => self.decide(who),
            Deed::Answer(who) => self.answer(who),
            Deed::Lose(who) => {
                let Some(replica) = self.replicas.get_mut(who) else { return };
                if let Some(asks) = replica.asks.take() {
                    replica.answer = None;
                    replica.book.failed(&asks);
                }
            }
            Deed::Look(who) => self.look(who),
            Deed::Beat(who) => self.beat(who),
            Deed::Part(who) => {
                if self.replicas.len() > 1 && who < self.replicas.len() {
                    self.part(who);
                }
            }
            Deed::Rest => self.rest(),
        }
        let is_served = |replica: &mut Replica, most: [u32; 2]| {
            let at = replica.waiting.iter().position(|name| {
                let lasting = &**name == LIMITS[1];
                replica.book.has_room(name, Measure { most: most[usize::from(lasting)], lasting }, now)
            });
            at.map(|at| replica.waiting.remove(at)).is_some_and(|name| {
                let lasting = &*name == LIMITS[1];
                replica.book.enter(&name, Measure { most: most[usize::from(lasting)], lasting }, now);
                replica.book.wait_no_more(&name);
                true
            })
        };
        for replica in &mut self.replicas {
            while is_served(replica, most) {}
        }
    }

    fn part(&mut self, who: usize) {
        let (mut replica, now) = (self.replicas.remove(who), self.now);
        let asks = replica.book.last_asks(now);
        self.sent.push((now + MINUTE, replica.book.inside(LIMITS[1])));
        if let Shared::Given(given) = self.model.share(&replica.owner, &asks, now).0 {
            replica.book.given(&given, now);
        }
        self.ending.push(Ending { replica, until: now + 5 * SECOND, said: false });
        self.see_off();
    }

    fn rest(&mut self) {
        if let Some(ending) = self.ending.first_mut() {
            ending.replica.book.leave(&LIMITS[0].into());
            self.see_off();
        }
    }

    /// Those whose sessions are over say so; those whose time is over end without a word.
    fn see_off(&mut self) {
        let now = self.now;
        self.ending.retain_mut(|Ending { replica, until, said }| {
            if let Some(beat) = replica.book.last_beat().filter(|_| !*said) {
                self.model.hold(&beat, now);
                *said = true;
            }
            replica.book.inside(LIMITS[0]) > 0 && *until > now
        });
    }

    fn ask(&mut self, who: usize) {
        let Some(replica) = self.replicas.get_mut(who).filter(|replica| replica.asks.is_none()) else { return };
        let asks = replica.book.asks(self.now);
        replica.asks = (!asks.is_empty()).then_some(asks);
    }

    fn decide(&mut self, who: usize) {
        let Some(replica) = self.replicas.get_mut(who).filter(|replica| replica.answer.is_none()) else { return };
        if let Some(asks) = &replica.asks {
            replica.answer = Some(self.model.share(&replica.owner, asks, self.now).0);
        }
    }

    fn answer(&mut self, who: usize) {
        let Some(replica) = self.replicas.get_mut(who) else { return };
        let Some(answer) = replica.answer.take() else { return };
        let asks = replica.asks.take().unwrap();
        match answer {
            Shared::Given(given) => replica.book.given(&given, self.now),
            Shared::Lapsed => replica.book.failed(&asks),
        }
    }

    fn look(&mut self, who: usize) {
        let Some(replica) = self.replicas.get_mut(who) else { return };
        let wanted = self.model.wanted(&replica.owner, self.now);
        replica.book.heard(&wanted.wants, self.now);
    }

    /// Between two questions, as the keeper does.
    fn beat(&mut self, who: usize) {
        let now = self.now;
        let Some(replica) = self.replicas.get_mut(who).filter(|replica| replica.asks.is_none()) else { return };
        let standing = self.model.hold(&replica.book.beat(true, false), now);
        replica.book.beaten(&standing, now);
        replica.beaten = Some(now);
    }

    /// Nobody's lease ends by that.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = end.min(self.now + 4 * SECOND);
            self.see_off();
            for who in 0..self.replicas.len() {
                self.decide(who);
                self.answer(who);
                self.beat(who);
            }
        }
    }

    fn used(&self, name: &str) -> u32 {
        let ending = self.ending.iter().filter(|_| name == LIMITS[0]).map(|ending| &ending.replica);
        let here: u32 = self.replicas.iter().chain(ending).map(|replica| replica.book.inside(name)).sum();
        let sent = self.sent.iter().filter(|(until, _)| name == LIMITS[1] && *until > self.now);
        here + sent.map(|(_, messages)| messages).sum::<u32>()
    }
}

#[test]
fn whoever_starts_after_the_only_one_may_use_what_that_did_not() {
    let (mut world, most) = (World::new(), [2, 6]);
    world.join();
    for _ in 0..2 {
        world.do_it(&Deed::Come(0, 1), most);
    }
    world.part(0);
    world.join();
    for _ in 0..5 {
        for deed in [Deed::Come(0, 1), Deed::Ask(0), Deed::Decide(0), Deed::Answer(0)] {
            world.do_it(&deed, most);
        }
    }
    assert_eq!(world.replicas[0].book.inside(LIMITS[1]), 4, "two of six have gone");
}

#[test]
fn what_could_not_be_told_at_the_end_counts_as_all_of_the_part() {
    let (mut world, most) = (World::new(), [2, 6]);
    world.join();
    world.do_it(&Deed::Come(0, 1), most);
    let mut replica = world.replicas.remove(0);
    let _lost = replica.book.last_asks(world.now);
    world.model.hold(&replica.book.beat(false, true), world.now);
    world.join();
    for deed in [Deed::Come(0, 1), Deed::Ask(0), Deed::Decide(0), Deed::Answer(0)] {
        world.do_it(&deed, most);
    }
    assert_eq!(world.replicas[0].book.inside(LIMITS[1]), 0);
}

/// A start before its first word with the store must not be one more than there are.
#[test]
fn before_the_store_has_said_anything_there_is_nothing_and_after_a_lease_the_least() {
    let now = Instant::now();
    let (mut book, desk) = (Book::new("replica0".into(), now), Arc::from(LIMITS[0]));
    let measure = Measure { most: 6, lasting: false };
    assert!(!book.has_room(&desk, measure, now) && !book.figures(now).is_alone);
    assert!(!book.has_room(&desk, measure, now + 17 * SECOND));
    let alone = now + 18 * SECOND;
    assert!(book.has_room(&desk, measure, alone) && book.figures(alone).is_alone);
    book.enter(&desk, measure, alone);
    assert!(!book.has_room(&desk, measure, alone), "one, for it knows nobody to divide with");
}

#[test]
fn the_units_of_a_dead_one_come_free_after_its_lease_and_what_it_may_have_sent_a_minute_later() {
    let (mut world, most) = (World::new(), [6, 6]);
    for _ in 0..3 {
        world.join();
    }
    world.do_it(&Deed::Pass(5_000), most);
    let exchange = |world: &mut World| {
        for who in 0..world.replicas.len() {
            for deed in [Deed::Look(who), Deed::Ask(who), Deed::Decide(who), Deed::Answer(who)] {
                world.do_it(&deed, most);
            }
        }
    };
    let inside = |world: &World, name| world.replicas[0].book.inside(LIMITS[name]);
    for _ in 0..40 {
        for name in 0..2 {
            world.do_it(&Deed::Come(0, name), most);
        }
        exchange(&mut world);
    }
    assert_eq!((inside(&world, 0), inside(&world, 1)), (6, 6));
    world.do_it(&Deed::GiveUp(0), most);
    world.do_it(&Deed::GiveUp(0), most);
    world.beat(0);
    let died = world.replicas.remove(0);
    let mut came = [None, None];
    for second in 1..120 {
        world.do_it(&Deed::Pass(1000), most);
        for (name, came) in came.iter_mut().enumerate() {
            world.do_it(&Deed::Come(0, name), most);
            if inside(&world, name) > 0 {
                came.get_or_insert(second);
            }
        }
        exchange(&mut world);
    }
    drop(died);
    let [sessions, messages] = came.map(Option::unwrap);
    assert!((20..=25).contains(&sessions) && (85..=90).contains(&messages), "{sessions} s, {messages} s");
}

/// Two hold half of it each, and the half is all that there is from now on.
#[test]
fn of_a_limit_that_is_lowered_nobody_keeps_units_that_are_more_than_there_are() {
    for asks_of_the_old_one in [false, true] {
        let (mut world, most, lower) = (World::new(), [6, 6], [3, 3]);
        for _ in 0..3 {
            world.join();
        }
        world.do_it(&Deed::Pass(5_000), most);
        let exchange = |world: &mut World, most| {
            for who in 0..3 {
                for deed in [Deed::Look(who), Deed::Ask(who), Deed::Decide(who), Deed::Answer(who)] {
                    world.do_it(&deed, most);
                }
            }
        };
        for _ in 0..20 {
            for who in 0..2 {
                if world.replicas[who].book.inside(LIMITS[0]) < 3 {
                    world.do_it(&Deed::Come(who, 0), most);
                }
            }
            exchange(&mut world, most);
        }
        assert_eq!(world.used(LIMITS[0]), 6);
        // The last is calm, and asks for its part: of which limit?
        world.do_it(&Deed::Pass(40_000), most);
        if asks_of_the_old_one {
            for who in 0..3 {
                world.do_it(&Deed::Ask(who), most);
            }
        }
        let mut came = 0;
        for round in 0..40 {
            for who in 0..3 {
                let before = world.used(LIMITS[0]);
                world.do_it(&Deed::Come(who, 0), lower);
                came += world.used(LIMITS[0]) - before;
                assert!(came <= 3 && (round < 2 || world.used(LIMITS[0]) <= before.max(3)), "{came} in round {round}");
            }
            exchange(&mut world, lower);
            if round < 6 {
                let who = usize::from(round >= 3);
                if world.replicas[who].book.inside(LIMITS[0]) > 0 {
                    world.do_it(&Deed::Leave(who, 0), lower);
                }
            }
            world.do_it(&Deed::Pass(1000), lower);
        }
        assert_eq!(world.used(LIMITS[0]), 3);
    }
}

#[test]
fn figures_are_sums_by_what_is_limited() {
    let now = Instant::now();
    let mut book = Book::new("replica0".into(), now);
    let held = |name: &str, units| Held { name: name.into(), most: 9, lasting: false, units };
    let rows = vec![held("smtp_sessions/a/b", 3), held("smtp_sessions/a/c", 4), held("account_sessions/x", 2)];
    book.beaten(&Standing { holders: 2, counted: 2, lapsed: true, rows: Some(rows) }, now);
    book.wait(&"account_sessions/x".into(), Measure { most: 9, lasting: false }, now);
    let figures = book.figures(now);
    let leases = |limits, units, waiting| Leases { limits, units, waiting };
    assert_eq!(figures.leases, [leases(2, 7, 0), leases(0, 0, 0), leases(0, 0, 0), leases(1, 2, 1)]);
    assert_eq!((figures.holders, figures.is_alone), (2, false));
}

#[test]
fn a_lapse_leaves_nothing_to_look_after_that_is_not_in_use() {
    let mut world = World::new();
    world.join();
    let want = Want { name: LIMITS[0].into(), most: 2, lasting: false, units: 1 };
    world.replicas[0].book.heard(&[want], world.now);
    assert!(world.replicas[0].book.knows(LIMITS[0]), "others wait for it");
    let lapsed = Standing { holders: 2, counted: 2, lapsed: true, rows: Some(Vec::new()) };
    world.replicas[0].book.beaten(&lapsed, world.now);
    assert!(!world.replicas[0].book.knows(LIMITS[0]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// However questions, answers, beats, newcomers and ends cross each other: never more units are used than there are, and
    /// in the end everybody comes to his turn.
    #[test]
    fn never_too_many_and_nobody_waits_for_ever(deeds in deeds(), sessions in 1..9_u32, messages in 1..9_u32, replicas in 1..5_usize) {
        let (mut world, most) = (World::new(), [sessions, messages]);
        for _ in 0..replicas {
            world.join();
        }
        for deed in &deeds {
            world.do_it(deed, most);
            for (name, most) in LIMITS.into_iter().zip(most) {
                prop_assert!(world.used(name) <= most, "{name}: {} of {most} after {deed:?}", world.used(name));
                prop_assert!(world.model.claimed(name, most) <= most, "{name} claimed after {deed:?}");
            }
        }
        // Whoever is in stays for a second; everybody who waits gets in.
        let mut rounds = 0;
        while world.replicas.iter().any(|replica| !replica.waiting.is_empty()) {
            rounds += 1;
            prop_assert!(rounds < 2000, "starved");
            for who in 0..world.replicas.len() {
                for deed in [Deed::Leave(who, 0), Deed::Ask(who), Deed::Decide(who), Deed::Answer(who), Deed::Look(who)] {
                    world.do_it(&deed, most);
                    prop_assert!(world.used(LIMITS[0]) <= sessions && world.used(LIMITS[1]) <= messages);
                }
            }
            world.do_it(&Deed::Pass(20_000), most);
        }
    }
}
