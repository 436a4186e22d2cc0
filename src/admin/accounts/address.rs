use url::form_urlencoded;

use crate::model::Account;
use crate::registry::Declared;

/// The page that adds one.
pub(super) const ADD: &str = "/accounts/add";

/// Stands before a name that would be another address: a page of ours, or a step up.
const APART: &str = "~";
const OTHERS: [&str; 3] = ["add", ".", ".."];

/// Where the page of an account is, below the root. Names may hold anything: they are one segment of the path.
pub(in crate::admin) fn path(name: &str) -> String {
    if OTHERS.contains(&name) {
        return format!("/accounts/{APART}{name}");
    }
    format!("/accounts/{}", segment(name))
}

/// A name in the path of an address.
pub(in crate::admin) fn segment(name: &str) -> String {
    // Of a query, where a blank is a plus.
    let encoded: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    encoded.replace('+', "%20")
}

/// The name that a segment stands for.
pub(in crate::admin) fn name<'a>(declared: &Declared, segment: &'a str) -> &'a str {
    let apart = segment.strip_prefix(APART).filter(|rest| OTHERS.contains(rest));
    match apart {
        Some(name) if find(declared, segment).is_none() => name,
        _ => segment,
    }
}

/// The account of that name, or of that alias.
pub(in crate::admin) fn find<'a>(declared: &'a Declared, name: &str) -> Option<&'a Account> {
    let folded = Account::folded(name);
    let own = declared.accounts.iter().find(|account| Account::folded(&account.name) == folded);
    own.or_else(|| declared.accounts.iter().find(|account| account.answers_to(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_one_segment_that_leads_back_to_it() {
        for (text, expected) in [
            ("evmail", "/accounts/evmail"),
            ("a@example.com", "/accounts/a%40example.com"),
            ("../../sign-out", "/accounts/..%2F..%2Fsign-out"),
            ("50% <b> \"x\" + y?#", "/accounts/50%25%20%3Cb%3E%20%22x%22%20%2B%20y%3F%23"),
            ("add", "/accounts/~add"),
            ("..", "/accounts/~.."),
            ("Büro", "/accounts/B%C3%BCro"),
        ] {
            assert_eq!(path(text), expected);
        }
        let declared = Declared::default();
        assert_eq!(
            ["~add", "~..", "~other", "evmail"].map(|segment| name(&declared, segment)),
            ["add", "..", "~other", "evmail"]
        );
    }
}
