use super::Reply;

/// What an SMTP server offers, as far as it matters to a relay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// Largest message, in octets (RFC 1870); `None` where there is no limit or no SIZE.
    pub size: Option<u64>,
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 2034.
    pub enhanced_status_codes: bool,
    /// RFC 3207.
    pub starttls: bool,
    /// SASL mechanisms (RFC 4954), in upper case.
    pub mechanisms: Vec<String>,
}

impl Extensions {
    /// Reads a reply to EHLO; unknown keywords are passed over.
    #[must_use]
    pub fn of(reply: &Reply) -> Self {
        let mut extensions = Self::default();
        for line in reply.lines().skip(1) {
            let text = String::from_utf8_lossy(line.get(4..).unwrap_or_default()).to_ascii_uppercase();
            extensions.note(&text);
        }
        extensions
    }

    fn note(&mut self, line: &str) {
        // `AUTH=LOGIN PLAIN` is how servers spoke to Outlook Express; it says nothing that `AUTH` does not.
        let mut words = line.split_ascii_whitespace();
        match words.next().unwrap_or_default() {
            "SIZE" => self.size = words.next().and_then(|size| size.parse().ok()).filter(|&size| size > 0),
            "8BITMIME" => self.eight_bit_mime = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "ENHANCEDSTATUSCODES" => self.enhanced_status_codes = true,
            "STARTTLS" => self.starttls = true,
            "AUTH" => self.mechanisms.extend(words.map(str::to_owned)),
            _ => {}
        }
    }

    /// What can be promised to a client when this is the upstream: what both have, and no message above `message_size`.
    #[must_use]
    pub fn relayed(&self, message_size: u64) -> Self {
        let size = Some(self.size.map_or(message_size, |size| size.min(message_size)));
        Self { size, starttls: false, mechanisms: Vec::new(), ..self.clone() }
    }
}

/// The reply to EHLO. PIPELINING is our own (we answer in order whatever the upstream can); CHUNKING is never offered, for
/// its bodies would pass the dot scanner by.
#[must_use]
pub fn ehlo_reply(hostname: &str, extensions: &Extensions) -> Vec<u8> {
    let mut lines = vec![hostname.to_owned(), "PIPELINING".into()];
    lines.extend(extensions.size.map(|size| format!("SIZE {size}")));
    for (offered, keyword) in [
        (extensions.eight_bit_mime, "8BITMIME"),
        (extensions.smtputf8, "SMTPUTF8"),
        (extensions.enhanced_status_codes, "ENHANCEDSTATUSCODES"),
        (extensions.starttls, "STARTTLS"),
    ] {
        lines.extend(offered.then(|| keyword.to_owned()));
    }
    if !extensions.mechanisms.is_empty() {
        let names = extensions.mechanisms.join(" ");
        // Outlook Express 4 and old Lotus look for the second form only.
        lines.extend([format!("AUTH {names}"), format!("AUTH={names}")]);
    }
    let last = lines.len() - 1;
    let mark = |number| if number == last { ' ' } else { '-' };
    lines.iter().enumerate().flat_map(|(n, line)| format!("250{}{line}\r\n", mark(n)).into_bytes()).collect()
}
