mod model;

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::book::{Book, Measure};
use crate::store::shares::{Ask, Shared, Standing, Want};
use model::{Model, SECOND};

/// Some replicas, and the store.
struct World {
    model: Model,
    replicas: Vec<Replica>,
    now: Instant,
    started: usize,
    /// Until when messages count that were sent by those that have parted.
    sent: Vec<(Instant, u32)>,
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
    /// Ends in order.
    Part(usize),
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
        3 => (1..40_000_u64).prop_map(Deed::Pass),
    ];
    proptest::collection::vec(deed, 0..400)
}

const MINUTE: Duration = Duration::from_mins(1);
const LIMITS: [&str; 2] = ["sessions", "messages"];

impl World {
    fn new() -> Self {
        Self { model: Model::default(), replicas: Vec::new(), now: Instant::now(), started: 0, sent: Vec::new() }
    }

    fn join(&mut self) {
        if self.replicas.len() == 5 {
            return;
        }
        let owner = format!("replica{}", self.started);
        self.started += 1;
        let (book, waiting) = (Book::new(owner.clone()), Vec::new());
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
                let idle = |replica: &Replica| replica.book.inside(LIMITS[0]) == 0;
                if self.replicas.len() > 1 && self.replicas.get(who).is_some_and(idle) {
                    self.part(who);
                }
            }
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
        self.model.hold(&replica.book.beat(false, true), now);
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
            for who in 0..self.replicas.len() {
                self.decide(who);
                self.answer(who);
                self.beat(who);
            }
        }
    }

    fn used(&self, name: &str) -> u32 {
        let here: u32 = self.replicas.iter().map(|replica| replica.book.inside(name)).sum();
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
