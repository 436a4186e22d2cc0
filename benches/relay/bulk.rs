use gatepost_kit::bench::{Errand, Protocol, transfer};

use crate::choice::Choice;
use crate::ledger::{Base, Figure, Ledger, Record};
use crate::peers::Peer;
use crate::sessions::count;
use crate::stage::Stage;
use crate::watch::watch;

const SPEED: Figure = Figure { name: "MB/s", decimals: 0, base: Base::MostOfFloor };
const COST: Figure = Figure { name: "CPU s/GiB", decimals: 2, base: Base::LeastOfFloor };

const WAYS: [(Protocol, Errand, &str); 3] = [
    (Protocol::Imap, Errand::Login, "IMAP download"),
    (Protocol::Pop3, Errand::Login, "POP3 download"),
    (Protocol::Smtp, Errand::Message, "SMTP upload"),
];

/// About a GiB each way, over one connection and over four.
pub(crate) async fn measure(stage: &Stage, choice: &Choice, ledger: &mut Ledger) {
    // Whether TLS was resumed makes no difference here.
    let peers = stage.peers(choice, |kind| !kind.resumes() && !choice.is_too_slow(kind)).await;
    for _ in 0..choice.repetitions {
        for (protocol, errand, name) in WAYS {
            for connections in [1, 4] {
                for peer in &peers {
                    let setting = format!("{name}, {connections} at a time");
                    ledger.add(one(peer, choice, (protocol, errand), connections, setting).await);
                }
            }
        }
    }
}

async fn one(
    peer: &Peer,
    choice: &Choice,
    (protocol, errand): (Protocol, Errand),
    connections: usize,
    setting: String,
) -> Record {
    let times = if choice.rehearsal { 1 } else { 40 / connections };
    let program = peer.program(protocol).unwrap().message(choice.size());
    let watched = watch(choice, peer.process(), async || transfer(&program, errand, connections, times).await).await;
    let mut record = Record {
        bench: "bulk",
        setting,
        peer: peer.kind,
        figures: Vec::new(),
        disturbed: watched.disturbed,
        failures: 0,
        trouble: None,
    };
    match watched.outcome {
        Ok(transfer) => {
            record.figures.push((&SPEED, transfer.megabytes_per_second()));
            let gib = count(transfer.octets) / f64::from(1 << 30);
            record.figures.extend(watched.processor.map(|processor| (&COST, processor / gib)));
        }
        Err(trouble) => (record.failures, record.trouble) = (1, Some(trouble.to_string())),
    }
    record
}
