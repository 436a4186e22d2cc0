//! The token that every form carries.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use memchr::memmem;

use super::super::sign_in::same;

/// The field of forms.
const FIELD: &str = "csrf";
/// The header of scripts.
const HEADER: &str = "x-gatepost-csrf";

/// The token of a request, from its header, or from its form of either kind.
pub(super) fn found(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if let Some(token) = headers.get(HEADER) {
        return token.to_str().ok().map(str::to_owned);
    }
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
    if kind.starts_with("multipart/form-data") {
        return of_parts(body);
    }
    let plain = kind.starts_with("application/x-www-form-urlencoded");
    let mut fields = plain.then(|| url::form_urlencoded::parse(body))?;
    fields.find(|(name, _)| name == FIELD).map(|(_, token)| token.into_owned())
}

/// An empty one, as of a form that nobody was signed in for, is good for nothing.
pub(super) fn is_good(found: &str, expected: &str) -> bool {
    !expected.is_empty() && same(found, expected)
}

/// Of a form with files. A file may hold the like of it, which is then a token that is not ours.
fn of_parts(body: &[u8]) -> Option<String> {
    let name = format!("name=\"{FIELD}\"");
    let after = &body[memmem::find(body, name.as_bytes())? + name.len()..];
    let value = &after[memmem::find(after, b"\r\n\r\n")? + 4..];
    let value = &value[..memmem::find(value, b"\r\n")?];
    std::str::from_utf8(value).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &'static str)], body: &str) -> Option<String> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        found(&headers.collect(), body.as_bytes())
    }

    #[test]
    fn every_kind_of_form_carries_it() {
        const PLAIN: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=UTF-8");
        const PARTS: (&str, &str) = ("content-type", "multipart/form-data; boundary=x");
        let parts = "--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\na\r\n\
                     --x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nt0ken\r\n--x--\r\n";
        let token = Some("t0ken".to_owned());
        assert_eq!(of(&[PLAIN], "name=a%26csrf=no&csrf=t0ken&csrf=other"), token);
        assert_eq!(of(&[PARTS], parts), token);
        assert_eq!(of(&[(HEADER, "t0ken"), ("content-type", "application/json")], "{}"), token);
        assert_eq!(of(&[PLAIN], "name=a"), None);
        assert_eq!(of(&[PARTS], "--x--"), None);
        assert_eq!(of(&[("content-type", "text/plain")], "csrf=t0ken"), None);
        assert_eq!(of(&[], "csrf=t0ken"), None);
    }

    #[test]
    fn only_the_sessions_own_is_good() {
        assert!(is_good("t0ken", "t0ken"));
        assert!(!is_good("t0kem", "t0ken") && !is_good("", "t0ken") && !is_good("", "") && !is_good("t0ken", ""));
    }
}
