#![no_main]
//! The smtp core that faces providers, under TLS from the first byte and with STARTTLS.

use gatepost::proto::UpstreamTls;
use gatepost::proto::smtp::SmtpUpstream;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for tls in [UpstreamTls::Implicit, UpstreamTls::Starttls] {
        gatepost_fuzz::upstream(|| SmtpUpstream::new(gatepost_fuzz::identity(), tls), bytes);
    }
});
