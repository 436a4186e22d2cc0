//! SASL messages, without the protocol around them.
//!
//! `server` reads what local programs send (PLAIN, LOGIN), `client` writes what upstreams read (XOAUTH2,
//! OAUTHBEARER; PLAIN and LOGIN where there is a password).

mod client;
mod exchange;
mod server;

pub use client::{Answers, Mechanism, Sasl, initial_response};
pub use exchange::{Exchange, Progress};
pub use server::{LOGIN_PASSWORD_PROMPT, LOGIN_USER_PROMPT, LoginUser, SaslError, ServerMechanism, plain};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Accepts missing padding and stray low bits, which old clients send; writes canonical base64.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Encodes a SASL message for the wire.
#[must_use]
pub fn encode(message: &[u8]) -> String {
    LENIENT.encode(message)
}

/// Decodes what a peer sent on a line; blanks around it are ignored.
pub fn decode(line: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, SaslError> {
    LENIENT.decode(line.trim_ascii()).map(Into::into).map_err(|_| SaslError::NotBase64)
}
