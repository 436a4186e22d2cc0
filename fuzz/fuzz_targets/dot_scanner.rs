#![no_main]
//! The scanner that finds the end of a message: the same end for any split, and nothing unfit is passed on.

use gatepost::proto::smtp::{BodyScanner, Scan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (passed, ended) = pass(bytes.chunks(1));
    assert_eq!(ended, pass(bytes.chunks(bytes.len().max(1))).1);
    let clean = passed.windows(2).all(|pair| (pair[0] == b'\r') == (pair[1] == b'\n'));
    assert!(clean && !passed.contains(&0) && passed.first() != Some(&b'\n') && passed.last() != Some(&b'\r'));
});

fn pass<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, bool) {
    let (mut scanner, mut passed, mut held) = (BodyScanner::new(), Vec::new(), Vec::new());
    for chunk in chunks {
        held.extend_from_slice(chunk);
        let (forward, over) = match scanner.scan(&held) {
            Scan::More { forward } => (forward, false),
            Scan::End { forward } => (forward, true),
            Scan::Fault { at, .. } => (at, true),
        };
        passed.extend(held.drain(..forward));
        if over {
            return (passed, true);
        }
    }
    (passed, false)
}
