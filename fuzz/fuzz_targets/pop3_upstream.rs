#![no_main]
//! The pop3 core that faces providers, under TLS from the first byte and with STARTTLS.

use gatepost::proto::UpstreamTls;
use gatepost::proto::pop3::Pop3Upstream;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for tls in [UpstreamTls::Implicit, UpstreamTls::Starttls] {
        gatepost_fuzz::upstream(|| Pop3Upstream::new(gatepost_fuzz::identity(), tls), bytes);
    }
});
