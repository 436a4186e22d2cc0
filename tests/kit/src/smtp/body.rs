//! The content behind DATA. It ends with CRLF.CRLF alone.

use std::io;

use crate::wire::Wire;

/// Reads to the one true end of data; `None` where a fault breaks off after so many octets.
pub(super) async fn read(wire: &mut Wire, stop: Option<usize>) -> io::Result<Option<Vec<u8>>> {
    // The CRLF of DATA is also the one before a body that is only a dot.
    let mut stuffed = b"\r\n".to_vec();
    let mut searched = 2;
    loop {
        let chunk = wire.chunk().await?;
        stuffed.extend_from_slice(&chunk);
        if stop.is_some_and(|count| stuffed.len() > count + 2) {
            return Ok(None);
        }
        while let Some(at) = stuffed[searched..].iter().position(|&octet| octet == b'\n') {
            let end = searched + at + 1;
            if stuffed[..end].ends_with(b"\r\n.\r\n") {
                wire.unread(&stuffed[end..]);
                stuffed.truncate(end - 3);
                stuffed.drain(..2);
                return Ok(Some(stuffed));
            }
            searched = end;
        }
        searched = stuffed.len();
    }
}

/// Takes away the first dot of each line that has one.
pub(super) fn unstuff(stuffed: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(stuffed.len());
    let mut rest = stuffed;
    loop {
        rest = rest.strip_prefix(b".").unwrap_or(rest);
        let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else {
            content.extend_from_slice(rest);
            return content;
        };
        content.extend_from_slice(&rest[..end + 2]);
        rest = &rest[end + 2..];
    }
}

/// What no client may send (law 6).
pub(super) fn flaw(stuffed: &[u8]) -> Option<&'static str> {
    let mut before = 0;
    for &octet in stuffed {
        match (before, octet) {
            (b'\r', b'\n') => {}
            (b'\r', _) => return Some("a bare CR"),
            (_, b'\n') => return Some("a bare LF"),
            (_, 0) => return Some("a NUL"),
            _ => {}
        }
        before = octet;
    }
    (before == b'\r').then_some("a bare CR")
}

#[cfg(test)]
mod tests {
    use super::{flaw, unstuff};

    #[test]
    fn dots_go_only_behind_a_crlf() {
        let content = unstuff(b"..\r\na.\r\n...b\r\nx\n.y\r\n");
        assert_eq!(content, b".\r\na.\r\n..b\r\nx\n.y\r\n");
        assert_eq!(unstuff(b""), b"");
    }

    #[test]
    fn flaws_are_found() {
        for (body, expected) in [
            (&b"fine\r\n\r\n"[..], None),
            (b"", None),
            (b"a\nb\r\n", Some("a bare LF")),
            (b"a\rb\r\n", Some("a bare CR")),
            (b"a\r\r\n", Some("a bare CR")),
            (b"a\0b\r\n", Some("a NUL")),
        ] {
            assert_eq!(flaw(body), expected, "{body:?}");
        }
    }
}
