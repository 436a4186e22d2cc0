//! Times and sizes as people read them.

use chrono::{DateTime, Utc};

/// A time to the second, in the zone of the log.
pub(super) fn exact(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A time for machines.
pub(super) fn machine(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A size in the largest unit of which there is at least one, to a tenth.
pub(super) fn octets(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let place = (1..UNITS.len()).rev().find(|&place| count >> (10 * place) > 0).unwrap_or(0);
    if place == 0 {
        return format!("{count} B");
    }
    let tenths = (u128::from(count) * 10) >> (10 * place);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        let sizes = [0, 1023, 1024, 1536, 10 * 1024 * 1024 - 1, 1 << 40, u64::MAX];
        let shown = ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "9.9 MiB", "1.0 TiB", "16777215.9 TiB"];
        assert_eq!(sizes.map(octets), shown);
    }
}
