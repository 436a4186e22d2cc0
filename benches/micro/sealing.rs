//! Sealing and opening what lies in the store.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use gatepost::store::{Place, Seal, generate_key};

const PLACE: Place<'_> = Place { table: "tokens", row: "support", column: "refresh_token" };
/// A refresh token of Google, one of Microsoft, and all of a state.
const LENGTHS: [usize; 3] = [100, 1500, 8000];

fn new() -> Seal {
    Seal::new(&generate_key().unwrap()).unwrap()
}

#[divan::bench(args = LENGTHS)]
fn seal(bencher: Bencher, length: usize) {
    let (seal, value) = (new(), vec![b'x'; length]);
    bencher.counter(BytesCount::new(length)).bench(|| seal.seal(PLACE, black_box(&value)).unwrap());
}

#[divan::bench(args = LENGTHS)]
fn open(bencher: Bencher, length: usize) {
    let seal = new();
    let sealed = seal.seal(PLACE, &vec![b'x'; length]).unwrap();
    bencher.counter(BytesCount::new(length)).bench(|| seal.open(PLACE, black_box(&sealed)).unwrap());
}
