#![no_main]
//! The imap core that faces providers, under TLS from the first byte and with STARTTLS.

use gatepost::proto::UpstreamTls;
use gatepost::proto::imap::ImapUpstream;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for tls in [UpstreamTls::Implicit, UpstreamTls::Starttls] {
        gatepost_fuzz::upstream(|| ImapUpstream::new(gatepost_fuzz::identity(), tls), bytes);
    }
});
