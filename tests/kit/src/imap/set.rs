/// Whether a sequence set holds a number; `*` is the largest there is. `None` if it is no sequence set.
pub(super) fn holds(set: &str, number: u32, largest: u32) -> Option<bool> {
    let value = |text: &str| if text == "*" { Some(largest) } else { text.parse().ok() };
    let mut found = false;
    for range in set.split(',') {
        let (from, to) = range.split_once(':').unwrap_or((range, range));
        let (from, to) = (value(from)?, value(to)?);
        found |= (from.min(to)..=from.max(to)).contains(&number);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn sets() {
        for (set, expected) in [
            ("3", Some(true)),
            ("1,2", Some(false)),
            ("1:2,3:9", Some(true)),
            ("*", Some(false)),
            ("*:1", Some(true)),
            ("ALL", None),
        ] {
            assert_eq!(holds(set, 3, 5), expected, "{set}");
        }
        // An empty mailbox's `1:*`, and a `4:*` that stands above all there is.
        assert_eq!(holds("4:*", 3, 3), Some(true));
    }
}
