use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::encode;
use crate::proto::{Output, UpstreamIdentity};

/// How a token is presented upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Google's and Microsoft's own (<https://developers.google.com/gmail/imap/xoauth2-protocol>).
    Xoauth2,
    /// RFC 7628.
    Oauthbearer,
}

impl Mechanism {
    /// The name on the wire. Upper case: one provider was seen to compare it exactly.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xoauth2 => "XOAUTH2",
            Self::Oauthbearer => "OAUTHBEARER",
        }
    }

    /// What answers the server's error challenge, so that its real refusal can follow: nothing for XOAUTH2, a single
    /// `^A` in base64 for OAUTHBEARER (RFC 7628, 3.2.3). A server left unanswered hangs.
    #[must_use]
    pub const fn challenge_answer(self) -> &'static [u8] {
        match self {
            Self::Xoauth2 => b"\r\n",
            Self::Oauthbearer => b"AQ==\r\n",
        }
    }
}

/// The initial response in base64, without a line break.
///
/// A user name with control characters would let its owner write SASL fields of their own; they are dropped here, after
/// the configuration has refused them.
#[must_use]
pub fn initial_response(identity: &UpstreamIdentity) -> Output {
    let user: String = identity.user.chars().filter(|c| !c.is_control()).collect();
    let token = identity.token.expose_secret();
    let message = Zeroizing::new(match identity.mechanism {
        Mechanism::Xoauth2 => format!("user={user}\x01auth=Bearer {token}\x01\x01"),
        Mechanism::Oauthbearer => format!(
            "n,a={},\x01host={}\x01port={}\x01auth=Bearer {token}\x01\x01",
            user.replace('=', "=3D").replace(',', "=2C"),
            identity.host,
            identity.port,
        ),
    });
    encode(message.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(mechanism: Mechanism, user: &str) -> UpstreamIdentity {
        UpstreamIdentity {
            mechanism,
            user: user.into(),
            token: "vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg==".into(),
            host: "server.example.com".into(),
            port: 143,
            ehlo: "gatepost.example".into(),
        }
    }

    /// The example of Google's XOAUTH2 page.
    #[test]
    fn xoauth2_as_google_documents_it() {
        let wire = initial_response(&identity(Mechanism::Xoauth2, "someuser@example.com"));
        let example = "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB2RjlkZnQ0cW1UYzJOdmIzUmxja0JoZEhSaGRtbHpkR0V1WTI5dENnPT0BAQ==";
        assert_eq!(wire.as_bytes(), example.as_bytes());
    }

    /// The example of RFC 7628, 4.1.
    #[test]
    fn oauthbearer_as_the_rfc_shows_it() {
        let wire = initial_response(&identity(Mechanism::Oauthbearer, "user@example.com"));
        let example = "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2c9PQEB";
        assert_eq!(wire.as_bytes(), example.as_bytes());
    }

    #[test]
    fn a_user_name_cannot_smuggle_sasl_fields() {
        let evil = identity(Mechanism::Oauthbearer, "a,=b\x01auth=Bearer x");
        let message = super::super::decode(initial_response(&evil).as_bytes()).unwrap();
        assert!(message.starts_with(b"n,a=a=2C=3Dbauth=3DBearer x,\x01host="));
    }
}
