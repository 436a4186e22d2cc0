#![no_main]
//! The imap core that faces providers.

use gatepost::proto::imap::ImapUpstream;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gatepost_fuzz::upstream(ImapUpstream::new, bytes));
