use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::UpstreamFailure;
use super::sasl::{self, Mechanism};

/// What to present upstream.
#[derive(Clone, Debug)]
pub struct UpstreamIdentity {
    /// How it is presented.
    pub mechanism: Mechanism,
    /// SASL user: the mailbox. Control characters have been refused by the configuration and again here or by `sasl`.
    pub user: String,
    /// The access token; with [`Mechanism::Password`] the password.
    pub token: SecretString,
    /// Host and port of the upstream, which OAUTHBEARER repeats inside its message (RFC 7628, 3.1).
    pub host: String,
    /// See `host`.
    pub port: u16,
    /// The name to say in EHLO (SMTP).
    pub ehlo: String,
}

impl UpstreamIdentity {
    /// Refuses a password, or a user name with it, that would end its own field and begin another: NUL ends the fields of
    /// PLAIN (RFC 4616, 2), and where `lines` are sent as they are, CR and LF end these. Tokens are `sasl`'s affair.
    pub(super) fn check(&self, lines: Lines) -> Result<(), UpstreamFailure> {
        if self.mechanism != Mechanism::Password {
            return Ok(());
        }
        let fields = [self.user.as_str(), self.token.expose_secret()];
        let holds = |octets: &[u8]| fields.iter().any(|field| field.bytes().any(|octet| octets.contains(&octet)));
        match lines {
            _ if fields.contains(&"") => Err(UpstreamFailure::Unsayable("is empty")),
            _ if holds(b"\0") => Err(UpstreamFailure::Unsayable("holds a NUL")),
            Lines::Raw if holds(b"\r\n") => Err(UpstreamFailure::Unsayable("holds a line break")),
            Lines::Raw | Lines::Wrapped => Ok(()),
        }
    }

    /// An upstream's text for the log: one printable line. A server may repeat the line that it did not understand, and that
    /// line held a secret (law 8): words that are long, or have anything to do with it, are left out.
    pub(super) fn log_text(&self, text: &[u8]) -> String {
        const LONGEST_WORD: usize = 64;
        let echoes = self.echoes();
        let text = String::from_utf8_lossy(text);
        let tells = |word: &str| word.len() > LONGEST_WORD || echoes.iter().any(|echo| is_echo(word, echo));
        let words = text.split_whitespace().map(|word| if tells(word) { "…" } else { word });
        let line = words.collect::<Vec<_>>().join(" ");
        line.chars().map(|c| if c.is_control() { '?' } else { c }).take(400).collect()
    }

    /// The secret in every form in which it is sent, and its words, in lower case: servers fold what they repeat.
    fn echoes(&self) -> Vec<Zeroizing<String>> {
        let secret = self.token.expose_secret();
        let quoted = escaped(secret);
        let encoded = Zeroizing::new(sasl::encode(secret.as_bytes()));
        let response = sasl::initial_response(self);
        let response = String::from_utf8_lossy(response.as_bytes());
        let words = secret.split_whitespace().chain(quoted.split_whitespace()).filter(|word| word.len() >= PART);
        words.chain([secret, &encoded, &response]).map(|echo| Zeroizing::new(echo.to_lowercase())).collect()
    }
}

/// The inside of an IMAP quoted string (RFC 3501, 4.3).
pub(super) fn escaped(text: &str) -> Zeroizing<String> {
    let mut escaped = Zeroizing::new(String::with_capacity(2 * text.len()));
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// How a protocol carries a user name and a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// In base64 or in literals.
    Wrapped,
    /// On a line as they are.
    Raw,
}

/// Fewest octets that count as part of a secret.
const PART: usize = 4;

/// Whether a word holds an echo or is a part of one, as when a server cuts what it repeats.
fn is_echo(word: &str, echo: &str) -> bool {
    let word = Zeroizing::new(word.to_lowercase());
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    (!echo.is_empty() && word.contains(echo)) || (bare.len() >= PART && echo.contains(bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(mechanism: Mechanism, user: &str, secret: &str) -> UpstreamIdentity {
        UpstreamIdentity {
            mechanism,
            user: user.into(),
            token: secret.into(),
            host: "mail.example.com".into(),
            port: 587,
            ehlo: String::new(),
        }
    }

    #[test]
    fn a_password_that_would_end_its_field_is_refused() {
        let check = |user: &str, password: &str, lines| identity(Mechanism::Password, user, password).check(lines);
        assert_eq!(check("tim", "tan staaf", Lines::Raw), Ok(()));
        assert_eq!(check("tim", "tan\nstaaf", Lines::Wrapped), Ok(()));
        for (user, password, why) in [
            ("tim", "tan\0staaf", "holds a NUL"),
            ("ti\0m", "tanstaaf", "holds a NUL"),
            ("tim", "tan\rstaaf", "holds a line break"),
            ("tim\n", "tanstaaf", "holds a line break"),
            ("tim", "", "is empty"),
            ("", "tanstaaf", "is empty"),
        ] {
            assert_eq!(
                check(user, password, Lines::Raw),
                Err(UpstreamFailure::Unsayable(why)),
                "{user:?} {password:?}"
            );
        }
        assert_eq!(identity(Mechanism::Xoauth2, "tim", "a\0b").check(Lines::Raw), Ok(()));
    }

    #[test]
    fn a_password_is_not_logged_however_it_is_echoed() {
        let tim = identity(Mechanism::Password, "tim", "Tan staaf\"tan");
        for (said, logged) in [
            ("535 5.7.8 Authentication failed", "535 5.7.8 Authentication failed"),
            // \0tim\0Tan staaf"tan, whole and cut; the password alone; its words, also when quoted.
            ("500 what: AUTH PLAIN AHRpbQBUYW4gc3RhYWYidGFu", "500 what: AUTH PLAIN …"),
            ("500 what: 'AHRpbQBUYW4gc3'", "500 what: …"),
            ("-ERR what: VGFuIHN0YWFmInRhbg==", "-ERR what: …"),
            ("-ERR what: PASS TAN STAAF\"TAN", "-ERR what: PASS TAN …"),
            ("a BAD what: LOGIN tim \"Tan staaf\\\"tan\"", "a BAD what: LOGIN tim \"Tan …"),
        ] {
            assert_eq!(tim.log_text(said.as_bytes()), logged);
        }
    }

    #[test]
    fn nothing_of_it_is_printed() {
        let printed = format!("{:?}", identity(Mechanism::Password, "tim", "tanstaaf"));
        assert!(printed.contains("tim") && !printed.contains("tanstaaf"), "{printed}");
    }
}
