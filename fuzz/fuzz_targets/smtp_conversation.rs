#![no_main]
//! The smtp conversation after login.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gatepost_fuzz::conversation::check(bytes));
