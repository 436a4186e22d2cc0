#![no_main]
//! The sender policy: the same for any split, nothing else changes, and a rewritten message has the one sender.

use std::collections::BTreeSet;

use gatepost::proto::smtp::header::{HeaderFilter, Passage, Policy, mail_from};
use gatepost::proto::smtp::{BodyScanner, Scan};
use libfuzzer_sys::fuzz_target;

const OWN: &str = "support@example.com";

fuzz_target!(|bytes: &[u8]| {
    let addresses = [OWN.to_owned(), "*@list.example".to_owned()];
    let require = Policy::Require { who: "evmail", addresses: &addresses };
    let rewrite = Policy::Rewrite { address: OWN, reply_to: bytes.len() % 2 == 0 };
    for policy in [Policy::Keep, require, rewrite] {
        let _ = mail_from(policy, bytes);
        let whole = pass(policy, bytes.chunks(bytes.len().max(1)));
        assert_eq!(whole, pass(policy, bytes.chunks(1)));
        match (policy, whole) {
            (Policy::Rewrite { .. }, passed) => passed.iter().for_each(|passed| rewritten(bytes, passed)),
            (Policy::Keep, passed) => assert_eq!(passed.as_deref(), Some(bytes)),
            (Policy::Require { .. }, passed) => assert!(passed.is_none_or(|passed| bytes.starts_with(&passed))),
        }
    }
    let Scan::End { forward } = BodyScanner::new().scan(bytes) else { return };
    assert!(pass(rewrite, [&bytes[..forward]].into_iter()).is_none_or(|passed| passed.ends_with(b".\r\n")));
});

/// What went on; none for a refusal.
fn pass<'a>(policy: Policy<'_>, chunks: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut filter = HeaderFilter::new(policy, 2000);
    let mut passed = Vec::new();
    for chunk in chunks {
        match filter.pass(chunk) {
            Passage::Hold => {}
            Passage::Forward(octets) => passed.extend_from_slice(&octets),
            Passage::Refuse(_) => return None,
        }
    }
    Some(passed)
}

fn rewritten(before: &[u8], after: &[u8]) {
    // Held to the end of the input, or only the body is new.
    if after.is_empty() {
        return;
    }
    let known: BTreeSet<_> = before.split_inclusive(|&octet| octet == b'\n').collect();
    let (mut from, mut own, mut sender) = (0, false, Vec::new());
    for line in after.split_inclusive(|&octet| octet == b'\n').take_while(|line| !matches!(*line, b"\r\n" | b".\r\n")) {
        let is_from = line.to_ascii_lowercase().starts_with(b"from") && line[4..].trim_ascii_start().starts_with(b":");
        from += usize::from(is_from);
        own = is_from || (own && (line.starts_with(b" ") || line.starts_with(b"\t")));
        if own {
            sender.extend(line.to_ascii_lowercase());
        }
        let policys = own || line.starts_with(b"Reply-To: ") || line.starts_with(b" ");
        assert!(known.contains(line) || (policys && line.len() <= 1000), "{}", String::from_utf8_lossy(line));
    }
    assert_eq!(from, 1);
    assert!(String::from_utf8_lossy(&sender).contains(OWN), "{}", String::from_utf8_lossy(&sender));
}
