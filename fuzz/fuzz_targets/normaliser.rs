#![no_main]
//! What mends the lines of a message: the same for any split, and one clean body with one end for whatever comes.

use gatepost::proto::smtp::{BodyLines, BodyScanner, Normalised, Normaliser, Scan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for lines in [BodyLines::Crlf, BodyLines::Lf] {
        let (out, fit, ended) = pass(lines, bytes.chunks(1));
        assert_eq!((out.clone(), fit, ended), pass(lines, bytes.chunks(bytes.len().max(1))));
        let forward = out.len();
        let seen = BodyScanner::new().scan(&out);
        assert_eq!(seen, if fit && ended { Scan::End { forward } } else { Scan::More { forward } });
    }
});

fn pass<'a>(lines: BodyLines, chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, bool, bool) {
    let (mut normaliser, mut out) = (Normaliser::new(lines).expect("these mend"), Vec::new());
    for chunk in chunks {
        if let Normalised::End { .. } = normaliser.pass(chunk, &mut out) {
            return (out, normaliser.fault().is_none(), true);
        }
    }
    (out, normaliser.fault().is_none(), false)
}
