use secrecy::ExposeSecret;

use crate::proto::identity::escaped;
use crate::proto::{Output, UpstreamIdentity};

/// The LOGIN command (RFC 3501, 6.2.3), cut into lines behind each of which the server has to say `+`.
///
/// User name and password are quoted strings, or synchronising literals where a quoted string cannot hold them; the
/// non-synchronising ones are for servers that are known to take them, and these have SASL.
pub(super) fn lines(tag: &str, identity: &UpstreamIdentity) -> Vec<Output> {
    let mut lines = Vec::new();
    let mut line = Output::from(format!("{tag} LOGIN"));
    for text in [identity.user.as_str(), identity.token.expose_secret()] {
        line.extend(b" ");
        if text.bytes().all(|octet| octet == b' ' || octet.is_ascii_graphic()) {
            line.extend(b"\"");
            line.extend(escaped(text).as_bytes());
            line.extend(b"\"");
        } else {
            line.extend(format!("{{{}}}\r\n", text.len()).as_bytes());
            lines.push(std::mem::replace(&mut line, text.into()));
        }
    }
    line.extend(b"\r\n");
    lines.push(line);
    lines
}
