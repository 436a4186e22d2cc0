//! Where the pages of a token are.

use url::form_urlencoded;

use crate::registry::Declared;

/// Stands before a name that would be another address: a page of ours, or a step up.
const APART: &str = "~";
const OTHERS: [&str; 5] = ["add", "lint", "upload", ".", ".."];

/// The page of a token, below the root. Names may hold anything: they are one segment of the path.
pub(in crate::admin) fn path(name: &str) -> String {
    if OTHERS.contains(&name) {
        return format!("/tokens/{APART}{name}");
    }
    format!("/tokens/{}", segment(name))
}

/// Any text as one segment of a path.
fn segment(text: &str) -> String {
    // Of a query, where a blank is a plus.
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    encoded.replace('+', "%20")
}

/// The name that a segment stands for.
pub(in crate::admin) fn name<'a>(declared: &Declared, segment: &'a str) -> &'a str {
    let apart = segment.strip_prefix(APART).filter(|rest| OTHERS.contains(rest));
    apart.filter(|_| declared.find(segment).is_err()).unwrap_or(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_one_segment_that_leads_back_to_it() {
        for (text, expected) in [
            ("support", "/tokens/support"),
            ("a@example.com", "/tokens/a%40example.com"),
            ("../../sign-out", "/tokens/..%2F..%2Fsign-out"),
            ("50% <b> \"x\" + y?#", "/tokens/50%25%20%3Cb%3E%20%22x%22%20%2B%20y%3F%23"),
            ("add", "/tokens/~add"),
            ("..", "/tokens/~.."),
            ("Büro", "/tokens/B%C3%BCro"),
        ] {
            assert_eq!(path(text), expected);
        }
        let declared = Declared::default();
        let names = ["~add", "~..", "~other", "support"].map(|segment| name(&declared, segment));
        assert_eq!(names, ["add", "..", "~other", "support"]);
    }
}
