#![no_main]
//! SASL: what programs send is decoded or refused, and what is written upstream decodes to what was meant.

use gatepost::proto::UpstreamIdentity;
use gatepost::proto::sasl::{self, Mechanism};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = sasl::decode(bytes) {
        let _ = sasl::plain(&message);
    }
    let user = String::from_utf8_lossy(bytes).into_owned();
    for mechanism in [Mechanism::Xoauth2, Mechanism::Oauthbearer] {
        let wire =
            sasl::initial_response(&UpstreamIdentity { user: user.clone(), ..gatepost_fuzz::identity(mechanism) });
        let message = sasl::decode(wire.as_bytes()).expect("canonical base64");
        let bearers = message.split(|&octet| octet == 1).filter(|field| field.starts_with(b"auth=")).count();
        assert_eq!(bearers, 1, "a user name wrote SASL fields of its own");
    }
    let wire = sasl::initial_response(&UpstreamIdentity { user, ..gatepost_fuzz::identity(Mechanism::Password) });
    let message = sasl::decode(wire.as_bytes()).expect("canonical base64");
    let fields = message.split(|&octet| octet == 0).count();
    assert_eq!(fields, 3, "a user name wrote PLAIN fields of its own");
});
