#![no_main]
//! The smtp core that faces local programs, before login.

use gatepost::proto::smtp::SmtpDownstream;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gatepost_fuzz::downstream(SmtpDownstream::new, bytes));
