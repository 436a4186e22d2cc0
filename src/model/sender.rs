use super::{Account, Protocol};

/// As whom an account may send by SMTP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SenderPolicy {
    /// As whoever its messages say; the provider judges.
    #[default]
    Keep,
    /// As these addresses alone, `*@domain` for all of a domain; other messages are refused.
    Require {
        /// No address is nobody.
        addresses: Vec<String>,
    },
    /// As this address, whatever its messages say.
    Rewrite {
        /// The address, in ASCII.
        address: String,
        /// Whether replies still go to whom the message named.
        reply_to: bool,
    },
}

impl SenderPolicy {
    /// The word of the configuration.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Require { .. } => "require",
            Self::Rewrite { .. } => "rewrite",
        }
    }

    /// Whether a text can be put behind MAIL FROM and From as it is: `local@domain` in ASCII, without quotes or literals.
    #[must_use]
    pub fn is_address(text: &str) -> bool {
        const SPECIAL: &str = "!#$%&'*+-/=?^_`{|}~";
        let Some((local, domain)) = text.split_once('@') else { return false };
        let all = |part: &str, special: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || special.contains(c))
        };
        let lengths = local.len() <= 64 && domain.len() <= 255;
        lengths && local.split('.').all(|atom| all(atom, SPECIAL)) && domain.split('.').all(|label| all(label, "-"))
    }

    /// An address, or `*@domain`.
    #[must_use]
    pub fn is_pattern(text: &str) -> bool {
        match text.strip_prefix("*@") {
            Some(domain) => Self::is_address(&format!("x@{domain}")),
            None => Self::is_address(text) && !text.contains('*'),
        }
    }
}

impl Account {
    /// The addresses that are its own: as whom it logs in by SMTP, and its mailbox.
    #[must_use]
    pub fn own_addresses(&self) -> Vec<String> {
        let user = self.upstream_user(Protocol::Smtp);
        let mailbox = self.upstream_user(Protocol::Imap);
        let mut own: Vec<String> = Vec::new();
        for address in [user, mailbox] {
            if SenderPolicy::is_address(address) && !own.iter().any(|known| known.eq_ignore_ascii_case(address)) {
                own.push(address.to_owned());
            }
        }
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_patterns() {
        for (text, address, pattern) in [
            ("support@example.com", true, true),
            ("o'neil+tag@sub.example.com", true, true),
            ("root@localhost", true, true),
            ("*@example.com", true, true),
            ("a*@example.com", true, false),
            ("*@", false, false),
            ("*", false, false),
            ("*@*.example.com", false, false),
            ("support", false, false),
            ("a b@example.com", false, false),
            ("a@b@example.com", false, false),
            ("a@example.com.", false, false),
            ("\"a\"@example.com", false, false),
            ("a@[192.0.2.1]", false, false),
            ("a@example.com\r\nBcc: x", false, false),
            ("Support <a@example.com>", false, false),
            ("m\u{fc}ller@example.com", false, false),
        ] {
            assert_eq!((SenderPolicy::is_address(text), SenderPolicy::is_pattern(text)), (address, pattern), "{text}");
        }
    }
}
