#![no_main]
//! The pop3 core that faces providers.

use gatepost::proto::pop3::Pop3Upstream;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gatepost_fuzz::upstream(Pop3Upstream::new, bytes));
