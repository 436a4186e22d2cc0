use gatepost_kit::bench::{Errand, Program, Protocol, rate};

use crate::choice::Choice;
use crate::ledger::{Base, Figure, Ledger, Record};
use crate::peers::Peer;
use crate::stage::Stage;
use crate::watch::watch;

const RATE: Figure = Figure { name: "sessions/s", decimals: 0, base: Base::MostOfFloor };
const COST: Figure = Figure { name: "CPU ms/session", decimals: 3, base: Base::LeastOfFloor };
const MIDDLE: Figure = Figure { name: "p50 ms", decimals: 2, base: Base::Nothing };
const SLOW: Figure = Figure { name: "p99 ms", decimals: 1, base: Base::Nothing };

/// IMAP login and logout, and SMTP with a message of 2 KiB.
pub(crate) async fn measure(stage: &Stage, choice: &Choice, ledger: &mut Ledger) {
    let peers = stage.peers(choice, |_| true).await;
    for _ in 0..choice.repetitions {
        for (protocol, errand, name) in [
            (Protocol::Imap, Errand::Login, "IMAP login and logout"),
            (Protocol::Smtp, Errand::Message, "SMTP with a message"),
        ] {
            for clients in choice.clients(&[1, 16, 64]) {
                for peer in &peers {
                    let setting = format!("{name}, {clients} at a time");
                    ledger.add(one(peer, choice, protocol, errand, clients, setting).await);
                }
            }
        }
    }
}

async fn one(
    peer: &Peer,
    choice: &Choice,
    protocol: Protocol,
    errand: Errand,
    clients: usize,
    setting: String,
) -> Record {
    let program: Program = peer.program(protocol).unwrap().visitors(choice.visitors());
    let watched =
        watch(choice, peer.process(), async || rate(&program, errand, clients, choice.warming(), choice.span()).await)
            .await;
    let rate = watched.outcome;
    let mut figures =
        vec![(&RATE, rate.per_second()), (&MIDDLE, rate.times.median()), (&SLOW, rate.times.percentile(99.0))];
    if let Some(processor) = watched.processor.filter(|_| rate.all > 0) {
        figures.insert(1, (&COST, 1e3 * processor / count(rate.all)));
    }
    let (failures, disturbed) = (rate.failures, watched.disturbed);
    let trouble = rate.trouble.or_else(|| (rate.all == 0).then(|| "not one session came to its end".to_owned()));
    Record { bench: "sessions", setting, peer: peer.kind, figures, disturbed, failures, trouble }
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^52")]
pub(crate) const fn count(number: usize) -> f64 {
    number as f64
}
