use crate::proto::Credentials;

/// `Username:` in base64. Exactly these bytes: Xerox devices quit on any other prompt.
pub const LOGIN_USER_PROMPT: &str = "VXNlcm5hbWU6";
/// `Password:` in base64; see [`LOGIN_USER_PROMPT`].
pub const LOGIN_PASSWORD_PROMPT: &str = "UGFzc3dvcmQ6";

/// The mechanisms offered to local programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerMechanism {
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login: user name and password in two challenges.
    Login,
}

impl ServerMechanism {
    /// The mechanism of that name, in any case, quoted or not (some clients write `AUTHENTICATE "PLAIN"`).
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        let name = name.strip_prefix(b"\"").and_then(|n| n.strip_suffix(b"\"")).unwrap_or(name);
        match () {
            () if name.eq_ignore_ascii_case(b"PLAIN") => Some(Self::Plain),
            () if name.eq_ignore_ascii_case(b"LOGIN") => Some(Self::Login),
            () => None,
        }
    }
}

/// Why a SASL message cannot be used. None of them carries the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaslError {
    /// The client took it back.
    #[error("cancelled")]
    Cancelled,
    /// Not base64.
    #[error("not base64")]
    NotBase64,
    /// PLAIN without its two NULs, or with an empty user name.
    #[error("not a PLAIN message")]
    NotPlain,
    /// PLAIN with an authorization identity that differs from the authentication identity.
    #[error("acting for another user is not offered")]
    Impersonation,
}

/// Reads a decoded PLAIN message, `[authzid] NUL authcid NUL passwd` (RFC 4616, 2).
pub fn plain(message: &[u8]) -> Result<Credentials, SaslError> {
    let mut fields = message.splitn(3, |&b| b == 0);
    let (Some(acting_as), Some(user), Some(password)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(SaslError::NotPlain);
    };
    if user.is_empty() || password.contains(&0) {
        return Err(SaslError::NotPlain);
    }
    if !acting_as.is_empty() && !acting_as.eq_ignore_ascii_case(user) {
        return Err(SaslError::Impersonation);
    }
    Ok(Credentials::from_octets(user, password))
}

/// The first half of a LOGIN exchange.
pub struct LoginUser(Vec<u8>);

impl LoginUser {
    /// Remembers the decoded user name.
    #[must_use]
    pub fn new(user: &[u8]) -> Self {
        Self(user.to_vec())
    }

    /// Completes the exchange with the decoded password.
    #[must_use]
    pub fn password(self, password: &[u8]) -> Credentials {
        Credentials::from_octets(&self.0, password)
    }
}

impl Credentials {
    /// From octets of unknown charset: UTF-8 if it is, else Latin-1, which loses nothing and lets an administrator type
    /// the same password in a UTF-8 terminal.
    #[must_use]
    pub fn from_octets(user: &[u8], password: &[u8]) -> Self {
        Self { user: text(user), password: text(password).into() }
    }
}

fn text(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => octets.iter().map(|&octet| char::from(octet)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn read(message: &[u8]) -> Result<(String, String), SaslError> {
        plain(message).map(|c| (c.user, c.password.expose_secret().to_owned()))
    }

    /// RFC 4616, 4: the first example, and the second without its impersonation.
    #[test]
    fn plain_as_the_rfc_shows_it() {
        assert_eq!(read(b"\0tim\0tanstaaftanstaaf"), Ok(("tim".into(), "tanstaaftanstaaf".into())));
        assert_eq!(read(b"Ursel\0Kurt\0xipj3plmq"), Err(SaslError::Impersonation));
        assert_eq!(read(b"Kurt\0kurt\0xipj3plmq"), Ok(("kurt".into(), "xipj3plmq".into())));
    }

    #[test]
    fn plain_refuses_what_is_not_plain() {
        for message in [&b""[..], b"tim", b"\0tim", b"\0\0password", b"\0tim\0pass\0word"] {
            assert_eq!(read(message), Err(SaslError::NotPlain), "{message:?}");
        }
    }

    #[test]
    fn eight_bit_passwords_are_read_as_utf8_or_latin1() {
        assert_eq!(read(b"\0t\0caf\xc3\xa9").unwrap().1, "café");
        assert_eq!(read(b"\0t\0caf\xe9").unwrap().1, "café");
    }

    #[test]
    fn credentials_do_not_print_the_password() {
        let printed = format!("{:?}", plain(b"\0tim\0hunter2").unwrap());
        assert!(printed.contains("tim") && !printed.contains("hunter2"));
    }
}
