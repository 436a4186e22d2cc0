#![no_main]
//! Opening sealed records: any bytes are refused, and what was sealed opens in its place only.

use std::sync::LazyLock;

use gatepost::store::{Place, Seal};
use libfuzzer_sys::fuzz_target;

static SEAL: LazyLock<Seal> = LazyLock::new(|| {
    Seal::new(&"gpk1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into()).expect("a key")
});

fuzz_target!(|bytes: &[u8]| {
    let place = Place { table: "tokens", row: "support", column: "refresh_token" };
    assert!(SEAL.open(place, bytes).is_err());
    let mut sealed = SEAL.seal(place, bytes).expect("randomness");
    assert_eq!(SEAL.open(place, &sealed).expect("its own").as_slice(), bytes);
    assert!(SEAL.open(Place { row: "other", ..place }, &sealed).is_err());
    let at = bytes.first().map_or(0, |&octet| usize::from(octet)) % sealed.len();
    sealed[at] ^= 1;
    assert!(SEAL.open(place, &sealed).is_err());
});
