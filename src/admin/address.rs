//! Addresses of pages that have the name of a token or an account in them.

use url::form_urlencoded;

/// Stands before a name that would be another address (a page of ours, or a step up), and before one that begins with it.
const APART: char = '~';

/// Where the page of a thing is, below the root: in its list, which has these pages of its own. Names may hold anything: they
/// are one segment of the path.
pub(super) fn path(list: &str, pages: &[&str], name: &str) -> String {
    let is_apart = pages.contains(&name) || matches!(name, "." | "..") || name.starts_with(APART);
    let apart = if is_apart { APART.to_string() } else { String::new() };
    // Of a query, where a blank is a plus.
    let encoded: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    format!("{list}/{apart}{}", encoded.replace('+', "%20"))
}

/// The name that a segment stands for.
pub(super) fn name(segment: &str) -> &str {
    segment.strip_prefix(APART).unwrap_or(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_one_segment_that_leads_back_to_it() {
        for (text, expected) in [
            ("support", "/x/support"),
            ("a@example.com", "/x/a%40example.com"),
            ("../../sign-out", "/x/..%2F..%2Fsign-out"),
            ("50% <b> \"x\" + y?#", "/x/50%25%20%3Cb%3E%20%22x%22%20%2B%20y%3F%23"),
            ("add", "/x/~add"),
            ("~add", "/x/~%7Eadd"),
            ("..", "/x/~.."),
            ("Büro", "/x/B%C3%BCro"),
        ] {
            let path = path("/x", &["add"], text);
            assert_eq!(path, expected);
            let (segment, _) = form_urlencoded::parse(path.strip_prefix("/x/").unwrap().as_bytes()).next().unwrap();
            assert_eq!(name(&segment), text);
        }
    }
}
