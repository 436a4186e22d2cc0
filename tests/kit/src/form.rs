//! Form-urlencoding, as bodies and queries have it.

use std::fmt::Write as _;

/// Names and values, in order.
pub(crate) fn fields(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

/// An address with these parameters behind those that it has.
pub(crate) fn with_query(address: &str, parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = parameters.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    format!("{address}{}{}", if address.contains('?') { '&' } else { '?' }, pairs.join("&"))
}

fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._".contains(&octet) {
            encoded.push(char::from(octet));
        } else {
            let _ = write!(encoded, "%{octet:02X}");
        }
    }
    encoded
}

pub(crate) fn decode(text: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, hex) {
            (b'%', Some(octet)) => {
                octets.push(octet);
                rest = &tail[2..];
            }
            (octet, _) => {
                octets.push(if octet == b'+' { b' ' } else { octet });
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}
