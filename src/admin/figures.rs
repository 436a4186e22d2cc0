//! Times and sizes as people read them.

use chrono::{DateTime, Utc};

/// A time for people and machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// RFC 3339.
    pub(super) exact: String,
    /// How far it is from now.
    pub(super) distance: String,
}

impl Moment {
    pub(super) fn new(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        let (left, ahead) = if at >= now { (at - now, true) } else { (now - at, false) };
        let distance = match left.num_seconds() {
            seconds @ 0..=119 => format!("{seconds} s"),
            seconds @ 120..=7199 => format!("{} min", seconds / 60),
            seconds @ 7200..=172_799 => format!("{} h", seconds / 3600),
            seconds => format!("{} days", seconds / 86_400),
        };
        let distance = if ahead { format!("in {distance}") } else { format!("{distance} ago") };
        Self { exact: machine(at), distance }
    }

    /// The day and the time of day.
    pub(super) fn plain(&self) -> String {
        self.exact.replace('T', " ").replace('Z', " UTC")
    }
}

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

    #[test]
    fn a_time_says_how_far_it_is() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let said = |seconds| Moment::new(now + chrono::TimeDelta::seconds(seconds), now).distance;
        assert_eq!(
            [59, -59, 3600, 86_400 * 3, -86_400].map(said),
            ["in 59 s", "59 s ago", "in 60 min", "in 3 days", "24 h ago"]
        );
        assert_eq!(Moment::new(now, now).plain(), "2027-01-15 08:00:00 UTC");
    }
}
