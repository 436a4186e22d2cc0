/// Where servers put the id under which they queued a message, in the text of their final reply.
enum Place {
    /// The word behind this.
    Behind(&'static str),
    /// The word in front of this.
    Before(&'static str),
    /// Between this and the next `>`.
    Bracketed(&'static str),
}

/// The first that is found tells.
const PLACES: [Place; 6] = [
    // Postfix: `250 2.0.0 Ok: queued as 4XYZ`
    Place::Behind(" queued as "),
    // Exchange: `250 2.0.0 OK <id@host.prod.outlook.com> [Hostname=…]`, and between servers `250 2.6.0 <id> [InternalId=…`
    Place::Bracketed(" OK <"),
    Place::Bracketed("250 2.6.0 <"),
    // Gmail: `250 2.0.0 OK  1732170000 id - gsmtp`
    Place::Before(" - gsmtp"),
    // Exim: `250 OK id=1tDoRr-000000001Ab-2xyz`
    Place::Behind("OK id="),
    // Sendmail: `250 2.0.0 4ALBk0T5012345 Message accepted for delivery`
    Place::Before(" Message accepted for delivery"),
];

/// Longest id that is believed, in octets.
const LONGEST: usize = 200;

/// The upstream's id of a message, out of its final reply: what its administrator searches the provider's logs for.
#[must_use]
pub fn queue_id(reply: &str) -> Option<&str> {
    PLACES.iter().find_map(|place| place.find(reply))
}

impl Place {
    fn find<'a>(&self, reply: &'a str) -> Option<&'a str> {
        let id = match *self {
            Self::Behind(mark) => reply.split_once(mark)?.1.split(' ').next()?.trim_end_matches(['.', ';', ',']),
            Self::Before(mark) => reply.split_once(mark)?.0.rsplit(' ').next()?,
            Self::Bracketed(mark) => reply.split_once(mark)?.1.split_once('>')?.0,
        };
        let sound = (1..=LONGEST).contains(&id.len()) && id.bytes().all(|octet| octet.is_ascii_graphic());
        sound.then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::queue_id;

    #[test]
    fn the_id_is_found_where_each_server_puts_it() {
        for (reply, id) in [
            ("250 2.0.0 Ok: queued as 4XYZ0k2Zz1z9", Some("4XYZ0k2Zz1z9")),
            (
                "250 2.0.0 OK <AS4P190MB0001.eurprd@AS4P190.EURP190.PROD.OUTLOOK.COM> [Hostname=AS4P190.EURP190.PROD.OUTLOOK.COM]",
                Some("AS4P190MB0001.eurprd@AS4P190.EURP190.PROD.OUTLOOK.COM"),
            ),
            ("250 2.6.0 <a@b> [InternalId=1, Hostname=x] 1234 bytes in 0.1 Queued mail for delivery", Some("a@b")),
            ("250 2.0.0 OK  1732170000 d9443c01a7336-21 - gsmtp", Some("d9443c01a7336-21")),
            ("250 OK id=1tDoRr-000000001Ab-2xyz", Some("1tDoRr-000000001Ab-2xyz")),
            ("250 2.0.0 4ALBk0T5012345 Message accepted for delivery", Some("4ALBk0T5012345")),
            ("250-2.0.0 all is well / 250 2.0.0 Ok: queued as ABC.", Some("ABC")),
            ("250 2.0.0 Ok", None),
            ("250 queued as ", None),
            ("250 2.0.0 OK <with blank> [", None),
            ("554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException", None),
        ] {
            assert_eq!(queue_id(reply), id, "{reply}");
        }
    }
}
