#![no_main]
//! The smtp core that faces providers.

use gatepost::proto::smtp::SmtpUpstream;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gatepost_fuzz::upstream(SmtpUpstream::new, bytes));
