use std::sync::Arc;
use std::time::Duration;

use gatepost_kit::bench::{Errand, Laid, Line, Ports, Program, Protocol, Series, Trouble};
use tokio::task::JoinSet;

use crate::choice::Choice;
use crate::ledger::{Base, Figure, Ledger, Record};
use crate::peers::{Kind, Peer};
use crate::stage::{Stage, warm};
use crate::watch::watch;

const WAIT: Figure = Figure { name: "ms", decimals: 1, base: Base::Direct };
const LONGEST: Figure = Figure { name: "p90 ms", decimals: 1, base: Base::Direct };

const WAYS: [(Protocol, Errand, &str); 3] = [
    (Protocol::Smtp, Errand::Message, "SMTP, from connect to the message's 250"),
    (Protocol::Imap, Errand::Login, "IMAP, from connect to the login's OK"),
    (Protocol::Pop3, Errand::Login, "POP3, from connect to the login's +OK"),
];

/// Direct and through Gatepost: the first after a start, one after the other, and in groups.
pub(crate) async fn measure(stage: &Stage, choice: &Choice, ledger: &mut Ledger) {
    let far = Far::new(stage, choice).await;
    for _ in 0..choice.repetitions {
        for kind in stage.kinds().filter(|kind| matches!(kind, Kind::Direct | Kind::Gatepost)) {
            for way in WAYS {
                let peer =
                    Peer::start(kind, &stage.ground(far.ports)).await.unwrap_or_else(|fault| panic!("{kind}: {fault}"));
                let setting = format!("{}, the first after a start", way.2);
                ledger.add(one(&peer, choice, way, Visits { programs: 1, each: 1, setting }).await);
            }
        }
    }
    let mut peers = Vec::new();
    for kind in stage.kinds().filter(|kind| matches!(kind, Kind::Direct | Kind::Gatepost)) {
        let peer = Peer::start(kind, &stage.ground(far.ports)).await.unwrap_or_else(|fault| panic!("{kind}: {fault}"));
        warm(&peer, choice).await;
        peers.push(peer);
    }
    for _ in 0..choice.repetitions {
        for way in WAYS {
            for programs in choice.clients(&[1, 16]) {
                for peer in &peers {
                    let setting = format!("{}, {programs} at a time", way.2);
                    let each = if choice.rehearsal { 2 } else { 10 };
                    ledger.add(one(peer, choice, way, Visits { programs, each, setting }).await);
                }
            }
        }
    }
}

/// The upstream's mail servers at the end of a line; its token endpoint is near.
struct Far {
    ports: Ports,
    _lines: [Laid; 3],
}

impl Far {
    async fn new(stage: &Stage, choice: &Choice) -> Self {
        let near = stage.upstream.ports;
        let line = async |port: u16| Line::new(choice.round_trip()).to(([127, 0, 0, 1], port).into()).await.unwrap();
        let lines = [line(near.smtp).await, line(near.imaps).await, line(near.pop3s).await];
        let [smtp, imaps, pop3s] = lines.each_ref().map(|line| line.address().port());
        Self { ports: Ports { smtp, imaps, pop3s, ..near }, _lines: lines }
    }
}

struct Visits {
    programs: usize,
    each: usize,
    setting: String,
}

async fn one(peer: &Peer, choice: &Choice, (protocol, errand, _): (Protocol, Errand, &str), visits: Visits) -> Record {
    let program = Arc::new(peer.program(protocol).unwrap().visitors(choice.visitors()));
    let Visits { programs, each, setting } = visits;
    let watched = watch(choice, peer.process(), async || visit(&program, errand, programs, each).await).await;
    let (times, troubles) = watched.outcome;
    Record {
        bench: "distance",
        setting,
        peer: peer.kind,
        figures: vec![(&WAIT, times.median()), (&LONGEST, times.percentile(90.0))],
        disturbed: watched.disturbed,
        failures: troubles.len(),
        trouble: troubles.last().map(ToString::to_string),
    }
}

/// So many at a time come so often, each to a mailbox of its own; milliseconds of each.
async fn visit(program: &Arc<Program>, errand: Errand, programs: usize, each: usize) -> (Series, Vec<Trouble>) {
    let mut visitors = JoinSet::new();
    for visitor in 0..programs {
        let program = Arc::clone(program);
        visitors.spawn(async move {
            let mut took: Vec<Result<Duration, Trouble>> = Vec::new();
            for _ in 0..each {
                took.push(program.visit(visitor, errand).await);
            }
            took
        });
    }
    let (mut times, mut troubles) = (Series::default(), Vec::new());
    while let Some(took) = visitors.join_next().await {
        for took in took.unwrap() {
            match took {
                Ok(took) => times.push(took.as_secs_f64() * 1e3),
                Err(trouble) => troubles.push(trouble),
            }
        }
    }
    (times, troubles)
}
