#![no_main]
//! The pop3 core that faces local programs, before login.

use gatepost::proto::pop3::Pop3Downstream;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gatepost_fuzz::downstream(Pop3Downstream::new, bytes));
