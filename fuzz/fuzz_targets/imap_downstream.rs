#![no_main]
//! The imap core that faces local programs, before login.

use gatepost::proto::imap::ImapDownstream;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gatepost_fuzz::downstream(ImapDownstream::new, bytes));
