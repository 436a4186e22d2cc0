use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::encode;
use crate::proto::{Output, UpstreamIdentity, Violation};

/// What is presented upstream, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// A token, by [`Sasl::Xoauth2`].
    Xoauth2,
    /// A token, by [`Sasl::Oauthbearer`].
    Oauthbearer,
    /// An ordinary password, by [`Sasl::Plain`] or [`Sasl::Login`], whichever the server offers; PLAIN first.
    Password,
}

impl Mechanism {
    /// What will do, best first.
    #[must_use]
    pub const fn candidates(self) -> &'static [Sasl] {
        match self {
            Self::Xoauth2 => &[Sasl::Xoauth2],
            Self::Oauthbearer => &[Sasl::Oauthbearer],
            Self::Password => &[Sasl::Plain, Sasl::Login],
        }
    }

    /// The best of the candidates that the server offers. Only one is ever tried: a password that was refused by PLAIN
    /// would be refused by LOGIN, and counted twice by a server that locks accounts.
    pub fn choose(self, offers: impl Fn(&str) -> bool) -> Result<Sasl, Violation> {
        let offered = self.candidates().iter().copied().find(|sasl| offers(sasl.name()));
        offered.ok_or(Violation::NoMechanism(self.names()))
    }

    /// The names of the candidates, for people.
    #[must_use]
    pub const fn names(self) -> &'static str {
        match self {
            Self::Xoauth2 => "XOAUTH2",
            Self::Oauthbearer => "OAUTHBEARER",
            Self::Password => "PLAIN or LOGIN",
        }
    }
}

/// A SASL mechanism, from the client's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sasl {
    /// Google's and Microsoft's own (<https://developers.google.com/gmail/imap/xoauth2-protocol>).
    Xoauth2,
    /// RFC 7628.
    Oauthbearer,
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login: user name and password in two answers.
    Login,
}

impl Sasl {
    /// The name on the wire. Upper case: one provider was seen to compare it exactly.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xoauth2 => "XOAUTH2",
            Self::Oauthbearer => "OAUTHBEARER",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }
}

/// The answers to a server's challenges. Challenges are counted and not read: LOGIN's prompts differ from server to server,
/// and what an OAuth challenge says is said again by the refusal behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answers {
    sasl: Sasl,
    given: u8,
}

impl Answers {
    /// None given yet.
    #[must_use]
    pub const fn begin(sasl: Sasl) -> Self {
        Self { sasl, given: 0 }
    }

    /// The next answer, in base64 without a line break; `None` when there is nothing left to say.
    #[must_use]
    pub fn answer(self, identity: &UpstreamIdentity) -> Option<(Self, Output)> {
        let message = Zeroizing::new(message(self, identity)?);
        Some((Self { given: self.given + 1, ..self }, encode(message.as_bytes()).into()))
    }

    /// The first answer where it may come before any challenge, as an initial response: not with LOGIN, whose server begins.
    #[must_use]
    pub fn initial(self, identity: &UpstreamIdentity) -> Option<(Self, Output)> {
        if self == Self::begin(Sasl::Login) { None } else { self.answer(identity) }
    }

    /// Whether the server has heard all that it needs to say yes, and no challenge after it.
    #[must_use]
    pub const fn are_complete(self) -> bool {
        match self.sasl {
            Sasl::Xoauth2 | Sasl::Oauthbearer | Sasl::Plain => self.given == 1,
            Sasl::Login => self.given == 2,
        }
    }
}

/// What the best candidate says first, in base64 without a line break.
#[must_use]
pub fn initial_response(identity: &UpstreamIdentity) -> Output {
    let best = identity.mechanism.candidates().first();
    best.and_then(|&sasl| Answers::begin(sasl).answer(identity)).map(|(_, answer)| answer).unwrap_or_default()
}

/// What is due after the answers given so far.
///
/// A user name with control characters would let its owner write SASL fields of their own; they are dropped here, after
/// the configuration has refused them.
///
/// The second answer to an OAuth server meets its error challenge, so that its real refusal can follow: nothing for XOAUTH2,
/// a single `^A` for OAUTHBEARER (RFC 7628, 3.2.3). A server left unanswered hangs.
fn message(answers: Answers, identity: &UpstreamIdentity) -> Option<String> {
    let secret = identity.token.expose_secret();
    let user: String = identity.user.chars().filter(|c| !c.is_control()).collect();
    match (answers.sasl, answers.given) {
        (Sasl::Xoauth2, 0) => Some(format!("user={user}\x01auth=Bearer {secret}\x01\x01")),
        (Sasl::Oauthbearer, 0) => Some(format!(
            "n,a={},\x01host={}\x01port={}\x01auth=Bearer {secret}\x01\x01",
            user.replace('=', "=3D").replace(',', "=2C"),
            identity.host,
            identity.port,
        )),
        (Sasl::Plain, 0) => Some(format!("\0{user}\0{secret}")),
        (Sasl::Login, 0) => Some(user),
        (Sasl::Login, 1) => Some(secret.to_owned()),
        (Sasl::Xoauth2, 1) => Some(String::new()),
        (Sasl::Oauthbearer, 1) => Some("\x01".to_owned()),
        _ => None,
    }
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

    fn answers(sasl: Sasl, identity: &UpstreamIdentity) -> Vec<(String, bool)> {
        let mut answers = Answers::begin(sasl);
        std::iter::from_fn(|| {
            let (next, answer) = answers.answer(identity)?;
            answers = next;
            Some((String::from_utf8_lossy(answer.as_bytes()).into_owned(), next.are_complete()))
        })
        .collect()
    }

    /// RFC 4616, 4 and, for LOGIN, its draft; a challenge too many finds no answer.
    #[test]
    fn passwords_as_the_rfc_shows_them() {
        let tim = UpstreamIdentity { token: "tanstaaftanstaaf".into(), ..identity(Mechanism::Password, "tim") };
        assert_eq!(answers(Sasl::Plain, &tim), [("AHRpbQB0YW5zdGFhZnRhbnN0YWFm".into(), true)]);
        assert_eq!(answers(Sasl::Login, &tim), [("dGlt".into(), false), ("dGFuc3RhYWZ0YW5zdGFhZg==".into(), true)]);
        assert!(Answers::begin(Sasl::Login).initial(&tim).is_none());
        assert!(Answers::begin(Sasl::Plain).initial(&tim).is_some());
    }

    #[test]
    fn an_error_challenge_is_answered_and_no_yes_can_follow() {
        let user = identity(Mechanism::Xoauth2, "user");
        assert_eq!(answers(Sasl::Xoauth2, &user)[1..], [(String::new(), false)]);
        assert_eq!(answers(Sasl::Oauthbearer, &user)[1..], [("AQ==".into(), false)]);
    }

    #[test]
    fn the_best_that_is_offered_is_chosen() {
        let choose = |offered: &[&str]| Mechanism::Password.choose(|name| offered.contains(&name));
        assert_eq!(choose(&["XOAUTH2", "LOGIN", "PLAIN"]), Ok(Sasl::Plain));
        assert_eq!(choose(&["LOGIN", "XOAUTH2"]), Ok(Sasl::Login));
        assert_eq!(choose(&["XOAUTH2"]), Err(Violation::NoMechanism("PLAIN or LOGIN")));
    }
}
