//! What docs/mailbox-limits.md says of limits over several replicas, row by row, against a real database: how many more than
//! the limit there may be at worst. Here it is played as bad as it can get.

mod stage;

use gatepost_kit::Postgres;
use tokio::time::Instant;

use stage::{ROUNDS, Stage, mailbox};

/// How one replica is in trouble alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alone {
    CutOff,
    StandsStill,
}

#[tokio::test]
async fn replicas_that_come_and_go_and_are_busy_unevenly_never_use_more_than_there_is() {
    let Some(server) = Postgres::shared().await else { return };
    let (mut stage, desk) = (Stage::of(server, 2).await, mailbox("desk", 5));
    for replica in &mut stage.all {
        replica.waits_for(&desk);
    }
    for round in 0..32 {
        // One comes every now and then, and one goes; each is busy at some time, and has nothing to do at another.
        match round % 8 {
            1 => stage.join().await,
            5 => stage.part(round / 8 % 2).await,
            _ => {}
        }
        for who in 0..stage.all.len() {
            let replica = &mut stage.all[who];
            if (round / 4 + who) % 3 == 0 {
                replica.waits_no_more();
                replica.closes(&desk, 5);
                continue;
            }
            replica.waits_no_more();
            replica.waits_for(&desk);
            stage.uses(who, &desk);
            assert!(stage.open(&desk) <= 5, "{} at a time in round {round}", stage.open(&desk));
        }
        stage.pass().await;
    }
    assert!(stage.in_a_minute(&desk) <= 5, "{} in a minute", stage.in_a_minute(&desk));
    // All of them are for whoever is left.
    while stage.all.len() > 1 {
        stage.part(0).await;
    }
    stage.takes_all(0, &desk).await;
    assert_eq!((stage.open(&desk), stage.in_a_minute(&desk)), (5, 5));
}

#[tokio::test]
async fn what_a_dead_replica_held_comes_free_and_is_never_used_twice() {
    let Some(server) = Postgres::shared().await else { return };
    let (mut stage, desk) = (Stage::of(server, 3).await, mailbox("desk", 6));
    stage.takes_all(0, &desk).await;
    let sent = stage.in_a_minute(&desk);
    let held_until = stage.kill(0);
    let mut messages = 0;
    for replica in &mut stage.all {
        replica.waits_for(&desk);
    }
    while stage.open(&desk) < 6 || messages == 0 {
        assert!(stage.rounds < ROUNDS, "{} sessions came free, {messages} messages", stage.open(&desk));
        for who in 0..2 {
            stage.uses(who, &desk);
        }
        // Its own sessions may last as long as it.
        assert!(stage.open(&desk) == 0 || Instant::now() >= held_until);
        assert!(stage.open(&desk) <= 6 && stage.in_a_minute(&desk) <= 6);
        messages = stage.sent(&desk) - sent;
        stage.pass().await;
    }
}

#[tokio::test]
async fn what_goes_on_at_a_replica_that_stops_is_nobody_elses_before_its_lease_is_over() {
    let Some(server) = Postgres::shared().await else { return };
    let (mut stage, desk) = (Stage::of(server, 3).await, mailbox("desk", 6));
    stage.takes_all(0, &desk).await;
    let (_goes_on, held_until) = stage.end(0).await;
    for replica in &mut stage.all {
        replica.waits_for(&desk);
    }
    while stage.open(&desk) < 6 {
        assert!(stage.rounds < ROUNDS, "{} sessions came free", stage.open(&desk));
        for who in 0..2 {
            stage.uses(who, &desk);
        }
        assert!(stage.open(&desk) == 0 || Instant::now() >= held_until);
        stage.pass().await;
    }
}

#[tokio::test]
async fn while_the_database_is_away_each_keeps_what_it_holds_or_has_its_part() {
    let Some(server) = Postgres::own().await else { return };
    for silently in [false, true] {
        let mut stage = Stage::of(server.clone(), 3).await;
        // Of the one the part is two, of the other less than one.
        let (desk, tiny) = (mailbox("desk", 6), mailbox("tiny", 1));
        for mailbox in [&desk, &tiny] {
            stage.takes_all(0, mailbox).await;
        }
        stage.goes(silently).await;
        for who in 1..3 {
            let open = stage.uses(who, &desk) + stage.uses(who, &tiny);
            assert!(open == 0 || stage.all[who].is_alone(), "{open} before its lease was over");
        }
        for _ in 0..4 {
            stage.pass().await;
        }
        assert!(stage.all.iter().all(stage::Replica::is_alone));
        for (mailbox, most, part) in [(&desk, 6, 2), (&tiny, 1, 1)] {
            stage.all[0].closes(mailbox, 1);
            assert_eq!(stage.uses(0, mailbox), most, "{}", mailbox.name);
            let sent = stage.sent(mailbox);
            let open = [1, 2].map(|who| stage.uses(who, mailbox));
            assert_eq!((open, stage.sent(mailbox) - sent), ([part; 2], 2 * part), "{}", mailbox.name);
        }
        for _ in 0..15 {
            for who in 0..3 {
                stage.uses(who, &desk);
                stage.uses(who, &tiny);
            }
            stage.pass().await;
        }
        assert_eq!((stage.open(&desk), stage.open(&tiny)), (6 + 2 * 2, 1 + 2));
        let minutes = [&desk, &tiny].map(|mailbox| stage.in_a_minute(mailbox));
        assert!(minutes[0] <= 6 + 2 * 2 && minutes[1] <= 1 + 2, "{minutes:?}");

        stage.comes(silently).await;
        let back = Instant::now();
        for who in 1..3 {
            stage.has_none(who, &desk).await;
        }
        stage.all[0].closes(&desk, 6);
        stage.all[1].waits_for(&desk);
        for _ in 0..15 {
            for who in 0..3 {
                stage.uses(who, &desk);
                assert!(stage.open(&desk) <= 6, "{}", stage.open(&desk));
            }
            stage.pass().await;
        }
        let minute = stage.in_a_minute_since(&desk, Some(back));
        assert!(minute <= 6, "{minute} in a minute of those that went afterwards");
    }
}

#[tokio::test]
async fn one_that_is_alone_for_longer_than_its_lease_uses_what_it_held_or_its_part() {
    let Some(server) = Postgres::shared().await else { return };
    for (alone, holder) in [(Alone::CutOff, 0), (Alone::StandsStill, 0), (Alone::CutOff, 1)] {
        one_is_alone(Stage::of(server.clone(), 3).await, alone, holder).await;
    }
}

/// The first replica is alone, and one of them holds all that there is.
async fn one_is_alone(mut stage: Stage, alone: Alone, holder: usize) {
    let desk = mailbox("desk", 6);
    let own = if holder == 0 { 6 } else { 2 };
    stage.takes_all(holder, &desk).await;
    match alone {
        Alone::CutOff => stage.cut(0, true),
        Alone::StandsStill => drop(stage.all[0].still.send_replace(true)),
    }
    for who in 1..3 {
        stage.all[who].waits_for(&desk);
    }
    let others = |stage: &Stage| stage.all[1].open(&desk) + stage.all[2].open(&desk);
    let before = stage.sent(&desk);
    while others(&stage) < 6 || !stage.all[0].is_alone() || stage.sent(&desk) < before + 12 {
        assert!(stage.rounds < ROUNDS, "{alone:?}: {} sessions came free", others(&stage));
        for who in 0..3 {
            if who > 0 || alone == Alone::CutOff {
                stage.uses(who, &desk);
            }
            if !stage.all[0].is_alone() {
                assert!(
                    stage.open(&desk) <= 6 && stage.in_a_minute(&desk) <= 6,
                    "{alone:?}: before its lease was over"
                );
            }
        }
        stage.pass().await;
    }
    // Now it goes on; of the others it knows nothing yet.
    stage.all[0].still.send_replace(false);
    stage.all[0].closes(&desk, 1);
    assert_eq!(stage.uses(0, &desk), own, "{alone:?}");
    assert_eq!(stage.open(&desk), 6 + own, "{alone:?}");
    assert!(stage.in_a_minute(&desk) <= 6 + own, "{alone:?}: {} in a minute", stage.in_a_minute(&desk));

    stage.cut(0, false);
    stage.until(async |stage| !stage.all[0].is_alone()).await;
    stage.has_none(0, &desk).await;
    for _ in 0..3 {
        stage.pass().await;
        assert_eq!(stage.all[0].opens(&desk), 0, "{alone:?}");
    }
}

#[tokio::test]
async fn a_limit_that_is_lowered_holds_for_those_who_come_then() {
    let Some(server) = Postgres::shared().await else { return };
    let mut stage = Stage::of(server, 3).await;
    let (busy, lower) = (mailbox("busy", 6), mailbox("busy", 3));
    stage.takes_all(0, &busy).await;
    let lowered = Instant::now();
    stage.all[1].waits_for(&lower);
    let mut came = 0;
    while stage.all[0].open(&lower) > 0 {
        for who in 1..3 {
            let before = stage.all[who].open(&lower);
            came += stage.uses(who, &lower) - before;
            assert!(came <= 3, "{came} came, the last to {who}");
        }
        stage.all[0].closes(&lower, 1);
        stage.pass().await;
    }
    // Whoever waits has what nobody else uses.
    while stage.open(&lower) < 3 || stage.rounds < 40 {
        assert!(stage.rounds < ROUNDS, "{} of three are used", stage.open(&lower));
        for who in 0..3 {
            stage.uses(who, &lower);
            assert!(stage.open(&lower) <= 3);
        }
        stage.pass().await;
    }
    assert!(stage.in_a_minute_since(&lower, Some(lowered)) <= 3);

    // Where each has its part of the old limit, each is above its part of the new one.
    let (even, lower) = (mailbox("even", 6), mailbox("even", 3));
    let open = [0, 1, 2].map(|who| stage.uses(who, &even));
    assert_eq!(open, [2, 2, 2]);
    for who in 0..3 {
        stage.all[who].waits_no_more();
        assert_eq!(stage.uses(who, &lower), 2, "who is there stays");
        stage.all[who].closes(&lower, 1);
        assert_eq!(stage.uses(who, &lower), 1, "nobody comes in its place");
    }
    assert_eq!(stage.open(&lower), 3);
}
