use std::borrow::Cow;

/// What else a user name may stand for, the likelier first; all folded, and none of them before the name as it is.
///
/// Windows and Outlook put a domain before a backslash, old IMAP programs write `user%domain`, and some programs leave the
/// domain out, or add it to a name that has none. What cannot be told apart stands for nothing here: `user@domain@host` and
/// `user#mailbox` need an alias.
pub(super) fn readings<'a>(folded: &'a str, default_domain: Option<&'a str>) -> impl Iterator<Item = Cow<'a, str>> {
    let user = folded.rsplit_once('\\').map(|(_, user)| user);
    let written = user.unwrap_or(folded);
    let address = address(written);
    let full = address.as_deref().unwrap_or(written);
    let domain = default_domain.and_then(|domain| with_or_without(full, domain));
    [user.map(Cow::Borrowed), address.clone().map(Cow::Owned), domain.map(Cow::Owned)]
        .into_iter()
        .flatten()
        .filter(|reading| !reading.is_empty())
}

/// `user%domain` as an address.
fn address(user: &str) -> Option<String> {
    match user.rsplit_once('%') {
        Some((user, domain)) if !user.contains('@') && !domain.contains('@') => Some(format!("{user}@{domain}")),
        _ => None,
    }
}

/// A bare user in the domain, or a user of the domain without it.
fn with_or_without(user: &str, domain: &str) -> Option<String> {
    match user.rsplit_once('@') {
        None if user.is_empty() => None,
        None => Some(format!("{user}@{domain}")),
        Some((user, at)) => (at == domain).then(|| user.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(user: &str, domain: Option<&str>) -> Vec<String> {
        readings(user, domain).map(Cow::into_owned).collect()
    }

    #[test]
    fn what_a_user_name_may_stand_for() {
        let none: [&str; 0] = [];
        for (user, without, with) in [
            ("tim", &none[..], &["tim@example.com"][..]),
            ("tim@example.com", &none, &["tim"]),
            ("tim@example.org", &none, &none),
            ("corp\\tim", &["tim"], &["tim", "tim@example.com"]),
            ("corp\\tim@example.com", &["tim@example.com"], &["tim@example.com", "tim"]),
            ("tim%example.com", &["tim@example.com"], &["tim@example.com", "tim"]),
            ("tim%example.org", &["tim@example.org"], &["tim@example.org"]),
            (
                "corp\\tim%example.com",
                &["tim%example.com", "tim@example.com"],
                &["tim%example.com", "tim@example.com", "tim"],
            ),
            ("tim@example.com@mail.example", &none, &none),
            ("tim@example.org@example.com", &none, &["tim@example.org"]),
            ("tim%example.com@host", &none, &none),
            ("tim#inbox", &none, &["tim#inbox@example.com"]),
            ("", &none, &none),
            ("corp\\", &none, &none),
            ("@example.com", &none, &none),
            ("%", &["@"], &["@"]),
        ] {
            assert_eq!(of(user, None), without, "{user:?}");
            assert_eq!(of(user, Some("example.com")), with, "{user:?} with a default domain");
        }
    }
}
