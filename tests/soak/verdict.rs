//! Whether what must hold has held.

use std::collections::HashSet;
use std::process::ExitStatus;
use std::time::Duration;

use crate::faults::Faults;
use crate::ledger::Ledger;
use crate::stage::{SINK, Stage, tail};
use crate::vitals::{SPARE, Vitals};

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ending {
    /// Whether all programs came to an end.
    pub(crate) ended: bool,
    pub(crate) before: Vitals,
    pub(crate) after: Vitals,
    pub(crate) samples: Vec<Vitals>,
    pub(crate) exit: Option<ExitStatus>,
    pub(crate) faults: Faults,
}

pub(crate) fn of(stage: &Stage, ledger: &Ledger, ending: &Ending) {
    let lost = lost(stage, ledger);
    println!("{}", ledger.line());
    let clock = if ending.faults.clock { "" } else { " (libfaketime is not installed: the clock stood)" };
    println!(
        "{} rounds of faults, {} reloads, {} broken files{clock}; {} messages lost",
        ending.faults.rounds,
        ending.faults.reloads,
        ending.faults.broken,
        lost.len()
    );
    memory(&ending.samples);
    println!("descriptors: {} before, {} after", ending.before.descriptors, ending.after.descriptors);
    println!("logins: {}", compared(ledger));
    let wrong = ledger.wrong.lock().unwrap();
    let log = tail(&stage.log());
    assert!(lost.is_empty(), "accepted and never arrived: {lost:?}\n{log}");
    assert!(wrong.is_empty(), "{}\n{log}", wrong.join("\n"));
    assert!(ending.ended, "a program waits for ever\n{log}");
    assert!(!ledger.accepted.lock().unwrap().is_empty(), "nothing was accepted\n{log}");
    assert!(ending.after.descriptors <= ending.before.descriptors + SPARE, "descriptors are left: {ending:?}\n{log}");
    assert!(ending.exit.is_some_and(|status| status.success()), "it did not end well: {:?}\n{log}", ending.exit);
    for word in ["panicked", "token.needs_authorization"] {
        assert!(!stage.log().contains(word), "{word}: {log}");
    }
}

/// Messages that were accepted and are not there.
fn lost(stage: &Stage, ledger: &Ledger) -> Vec<u64> {
    let number = |content: &[u8]| -> Option<u64> {
        let text = String::from_utf8_lossy(content);
        text.lines().find_map(|line| line.strip_prefix("X-Soak: ")?.parse().ok())
    };
    let there: HashSet<u64> = stage.provider.mail(SINK).iter().filter_map(|mail| number(&mail.content)).collect();
    ledger.accepted.lock().unwrap().iter().copied().filter(|id| !there.contains(id)).collect()
}

/// Its course in tenths, after the first: by eye, and by the script that plays it long.
fn memory(samples: &[Vitals]) {
    let tenth = (samples.len() / 10).max(1);
    let medians: Vec<_> = samples.chunks(tenth).map(|chunk| median(chunk.iter().map(|sample| sample.memory))).collect();
    println!("memory by tenths of the time, KiB: {medians:?}");
    let most = |of: fn(&Vitals) -> usize| samples.iter().map(of).max().unwrap_or_default();
    println!(
        "at most {} descriptors, {} threads, {} KiB",
        most(|s| s.descriptors),
        most(|s| s.threads),
        most(|s| s.memory)
    );
    if let ([_, _, early, ..], [.., late, _]) = (&medians[..], &medians[..])
        && samples.len() > 300
    {
        assert!(*late <= early + early / 5 + 4096, "memory grows: {medians:?}");
    }
}

fn compared(ledger: &Ledger) -> String {
    let of = |times: &[Duration]| median(times.iter().map(|time| usize::try_from(time.as_micros()).unwrap_or(0)));
    let (alone, crowded) = (of(&ledger.alone.lock().unwrap()), of(&ledger.crowded.lock().unwrap()));
    let ratio = f64::from(u32::try_from(crowded).unwrap_or(0)) / f64::from(u32::try_from(alone.max(1)).unwrap_or(1));
    format!("median {alone} µs, in the crowd {crowded} µs: {ratio:.2} times")
}

fn median(values: impl Iterator<Item = usize>) -> usize {
    let mut sorted: Vec<_> = values.collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
