/// Whom clients without a login may write to.
///
/// Invariant: an address that the upstream could deliver elsewhere than it reads never passes. Nothing is interpreted:
/// whatever is more than `<local@domain>` in plain ASCII (source routes, quoted local parts, literals, no address at all) is
/// refused, and behind a star also the local parts that some servers take for an address of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipients(Vec<Pattern>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// `*@domain`
    Domain(String),
    /// `local@domain`
    Address(String, String),
}

/// RFC 5321, 4.5.3.1.3: longer ones may be cut, and then mean another address.
const LONGEST_ADDRESS: usize = 254;

impl Recipients {
    /// From `*@domain` and `local@domain`. What is neither allows nobody.
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Self {
        Self(patterns.into_iter().filter_map(pattern).collect())
    }

    /// Whether a RCPT with these arguments, from the colon's `TO` on, may go upstream.
    #[must_use]
    pub fn allow(&self, arguments: &[u8]) -> bool {
        let address = address(arguments).filter(|address| address.len() <= LONGEST_ADDRESS);
        let Some((local, domain)) = address.and_then(|address| address.split_once('@')) else { return false };
        is_plain(local) && self.0.iter().any(|pattern| pattern.fits(local, domain))
    }
}

impl Pattern {
    /// The case of a local part matters nowhere where people have mailboxes.
    fn fits(&self, local: &str, domain: &str) -> bool {
        match self {
            Self::Domain(own) => own.eq_ignore_ascii_case(domain) && !leads_elsewhere(local),
            Self::Address(who, own) => own.eq_ignore_ascii_case(domain) && who.eq_ignore_ascii_case(local),
        }
    }
}

fn pattern(text: &str) -> Option<Pattern> {
    let (local, domain) = text.split_once('@').filter(|(_, domain)| !domain.is_empty() && !domain.contains('@'))?;
    match local {
        "*" => Some(Pattern::Domain(domain.to_owned())),
        _ => is_plain(local).then(|| Pattern::Address(local.to_owned(), domain.to_owned())),
    }
}

/// What stands behind `TO:`, with or without angle brackets (old devices), if nothing but parameters follows.
fn address(arguments: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(arguments).ok().filter(|text| text.is_ascii())?;
    let (keyword, path) = text.split_once(':')?;
    if !keyword.trim_matches(BLANKS).eq_ignore_ascii_case("TO") {
        return None;
    }
    let path = path.trim_matches(BLANKS);
    let (address, parameters) = match path.strip_prefix('<') {
        Some(path) => path.split_once('>')?,
        None => path.split_at(path.find(BLANKS).unwrap_or(path.len())),
    };
    let separate = parameters.is_empty() || parameters.starts_with(BLANKS);
    (separate && parameters.split(BLANKS).all(is_parameter)).then_some(address)
}

const BLANKS: [char; 2] = [' ', '\t'];

/// `KEYWORD` or `KEYWORD=value` (RFC 5321, 4.1.2): no second path in disguise.
fn is_parameter(word: &str) -> bool {
    let (keyword, value) = word.split_once('=').unwrap_or((word, ""));
    keyword.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && !value.contains(['<', '>'])
}

/// A dot-string of RFC 5321, 4.1.2.
fn is_plain(local: &str) -> bool {
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    local.split('.').all(|part| !part.is_empty() && part.chars().all(atom))
}

/// Local parts that name another address: `user%other`, `other!user`, X.400's `/c=…`, and what Exchange wraps.
fn leads_elsewhere(local: &str) -> bool {
    let wrapped = local.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("IMCEA"));
    wrapped || local.contains(['%', '!', '/', '|'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn allowed(arguments: &str) -> bool {
        Recipients::new(["*@example.com", "Boss@Example.org"]).allow(arguments.as_bytes())
    }

    #[test]
    fn who_is_listed_is_reached_however_devices_write_it() {
        for arguments in [
            " TO:<a@example.com>",
            " to:<a.b+c@EXAMPLE.com>",
            " TO:<boss@example.org> NOTIFY=NEVER ORCPT=rfc822;boss+2Bx@example.org",
            // UPS/BMC cards, Crystal Reports; Cisco IOS EEM leaves the brackets out.
            " TO: <a@example.com> ",
            " TO:a@example.com",
            " TO:\ta@example.com NOTIFY=NEVER",
        ] {
            assert!(allowed(arguments), "{arguments}");
        }
    }

    #[test]
    fn nothing_else_slips_through() {
        for arguments in [
            " TO:<a@example.net>",
            " TO:<a@sub.example.com>",
            " TO:<a@example.com.>",
            " TO:<a@example.com.evil.net>",
            " TO:<other@example.org>",
            // What a server may take for another address.
            " TO:<@example.com:a@evil.net>",
            " TO:<@evil.net:a@example.com>",
            " TO:<@evil.net,@example.com:a@example.com>",
            " TO:<a%evil.net@example.com>",
            " TO:<evil.net!a@example.com>",
            " TO:<a@evil.net@example.com>",
            " TO:<\"a@evil.net\"@example.com>",
            " TO:<\"a\"@example.com>",
            " TO:<\"a>\"@example.com>",
            " TO:<IMCEASMTP-a+40evil+2Enet@example.com>",
            " TO:</c=us/s=a/@example.com>",
            " TO:<a(b)@example.com>",
            " TO:<a@example.com(b)>",
            " TO:<a,b@example.com>",
            " TO:<a\\@evil.net@example.com>",
            " TO:<a@[192.0.2.1]>",
            " TO:<a@example.com@>",
            " TO:<a @example.com>",
            " TO:<a\u{ff20}evil.net@example.com>",
            " TO:<.a@example.com>",
            " TO:<@example.com>",
            " TO:<*@example.com.>",
            " TO:<>",
            " TO:<Postmaster>",
            " TO:",
            "",
            // A second path.
            " TO:<a@example.com><b@evil.net>",
            " TO:<a@example.com> <b@evil.net>",
            " TO:<a@example.com>,<b@evil.net>",
            " TO:<a@example.com> X=<b@evil.net>",
            " TO:a@example.com b@evil.net",
            " TO:a@example.com,b@evil.net",
            " TO:<<a@example.com>>",
            " TO:<a@example.com",
            " FROM:<b@evil.net> TO:<a@example.com>",
            ":<a@example.com>",
        ] {
            assert!(!allowed(arguments), "{arguments}");
        }
        assert!(!allowed(&format!(" TO:<{}@example.com>", "a".repeat(300))));
        assert!(!Recipients::new([]).allow(b" TO:<a@example.com>"));
        assert!(
            !Recipients::new(["example.com", "@example.com", "*@", "a@b@example.com"]).allow(b" TO:<a@example.com>")
        );
    }

    /// Whoever is listed by address may be reached under it, and only there.
    #[test]
    fn an_odd_address_passes_where_it_is_listed_itself() {
        let odd = Recipients::new(["sales/eu@example.org"]);
        assert!(odd.allow(b" TO:<sales/eu@example.org>") && !odd.allow(b" TO:<sales/us@example.org>"));
    }

    proptest! {
        /// What passes is one address with one @, of a domain that is listed.
        #[test]
        fn what_passes_names_a_listed_domain_once(address in "[a@%!<>\". :,\\[\\]*]{0,12}(@|@example\\.com|@example\\.org)?[>a ]{0,2}") {
            if allowed(&format!(" TO:<{address}>")) {
                let (local, domain) = address.split_once('@').unwrap();
                prop_assert!(domain == "example.com" && !local.contains(['%', '!', '"', '<', '>', ' ', ',', ':', '[']));
            }
        }
    }
}
