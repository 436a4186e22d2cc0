use smtp_proto::{
    AUTH_LOGIN, AUTH_OAUTHBEARER, AUTH_PLAIN, AUTH_XOAUTH2, EXT_8BIT_MIME, EXT_DSN, EXT_ENHANCED_STATUS_CODES,
    EXT_SMTP_UTF8, EXT_START_TLS, EhloResponse,
};

use super::Reply;

/// What an SMTP server offers, as far as it matters to a relay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// Largest message, in octets (RFC 1870); `None` where there is no limit or no SIZE.
    pub size: Option<u64>,
    /// Extensions without parameters, as smtp-proto's `EXT_…` bits.
    pub flags: u32,
    /// SASL mechanisms (RFC 4954), as smtp-proto's `AUTH_…` bits.
    pub mechanisms: u64,
}

/// What we tell of ourselves, in this order.
const KEYWORDS: [(u32, &str); 5] = [
    (EXT_8BIT_MIME, "8BITMIME"),
    (EXT_SMTP_UTF8, "SMTPUTF8"),
    (EXT_DSN, "DSN"),
    (EXT_ENHANCED_STATUS_CODES, "ENHANCEDSTATUSCODES"),
    (EXT_START_TLS, "STARTTLS"),
];

const MECHANISMS: [(u64, &str); 4] =
    [(AUTH_PLAIN, "PLAIN"), (AUTH_LOGIN, "LOGIN"), (AUTH_XOAUTH2, "XOAUTH2"), (AUTH_OAUTHBEARER, "OAUTHBEARER")];

impl Extensions {
    /// Reads a reply to EHLO; keywords that nobody knows are passed over, and a reply that cannot be read offers nothing.
    #[must_use]
    pub fn of(reply: &Reply) -> Self {
        let Ok(ehlo) = EhloResponse::<String>::parse(&mut reply.raw().iter()) else { return Self::default() };
        let size = Some(ehlo.size as u64).filter(|&size| size > 0);
        Self { size, flags: ehlo.capabilities, mechanisms: ehlo.auth_mechanisms }
    }

    /// What most servers have: the promise as long as none has been asked.
    pub const HOPED_FOR: u32 = EXT_8BIT_MIME | EXT_SMTP_UTF8 | EXT_ENHANCED_STATUS_CODES;

    /// Our own offer before login, when the upstream is not known yet; `likely` is what upstreams have.
    #[must_use]
    pub(super) const fn ours(message_size: u64, likely: u32, starttls: bool, passwords: bool) -> Self {
        let likely = likely & !EXT_START_TLS;
        Self {
            size: Some(message_size),
            flags: if starttls { likely | EXT_START_TLS } else { likely },
            mechanisms: if passwords { AUTH_PLAIN | AUTH_LOGIN } else { 0 },
        }
    }

    /// What can be promised to a client when this is the upstream: what both have, and no message above `message_size`.
    #[must_use]
    pub fn relayed(&self, message_size: u64) -> Self {
        let size = Some(self.size.map_or(message_size, |size| size.min(message_size)));
        Self { size, flags: self.flags & !EXT_START_TLS, mechanisms: 0 }
    }

    /// Whether STARTTLS is offered.
    #[must_use]
    pub const fn starttls(&self) -> bool {
        self.flags & EXT_START_TLS != 0
    }

    /// Whether a SASL mechanism of that name is offered.
    #[must_use]
    pub fn offers(&self, mechanism: &str) -> bool {
        MECHANISMS.iter().any(|(bit, name)| *name == mechanism && self.mechanisms & bit != 0)
    }
}

/// The reply to EHLO. PIPELINING is our own (we answer in order whatever the upstream can); CHUNKING is never offered, for
/// its bodies would pass the dot scanner by.
#[must_use]
pub fn ehlo_reply(hostname: &str, extensions: &Extensions) -> Vec<u8> {
    let mut lines = vec![hostname.to_owned(), "PIPELINING".into()];
    lines.extend(extensions.size.map(|size| format!("SIZE {size}")));
    let offered = KEYWORDS.iter().filter(|(flag, _)| extensions.flags & flag != 0);
    lines.extend(offered.map(|(_, keyword)| (*keyword).to_owned()));
    let offered = MECHANISMS.iter().filter(|(bit, _)| extensions.mechanisms & bit != 0);
    let names: Vec<_> = offered.map(|(_, name)| *name).collect();
    if !names.is_empty() {
        let names = names.join(" ");
        // Outlook Express 4 and old Lotus look for the second form only.
        lines.extend([format!("AUTH {names}"), format!("AUTH={names}")]);
    }
    let last = lines.len() - 1;
    let mark = |number| if number == last { ' ' } else { '-' };
    lines.iter().enumerate().flat_map(|(n, line)| format!("250{}{line}\r\n", mark(n)).into_bytes()).collect()
}
