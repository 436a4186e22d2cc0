use chrono::{DateTime, Utc};

use super::Percent;

/// One measure over a time, as bars.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Chart {
    /// Names its elements on the page.
    pub(in crate::admin) id: &'static str,
    /// What is measured.
    pub(in crate::admin) title: &'static str,
    /// What it comes to, large.
    pub(in crate::admin) figure: String,
    /// The same and more in a sentence.
    pub(in crate::admin) told: String,
    pub(in crate::admin) height: u64,
    /// Only those that are not nothing.
    pub(in crate::admin) bars: Vec<Bar>,
}

/// One slot of the time.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::admin) struct Bar {
    pub(in crate::admin) x: Percent,
    pub(in crate::admin) width: Percent,
    pub(in crate::admin) y: u64,
    pub(in crate::admin) height: u64,
    pub(in crate::admin) told: String,
}

/// How high the picture is, in pixels.
const HEIGHT: u64 = 56;
/// How much of its slot a bar fills.
const FILLED: f64 = 0.8;

impl Chart {
    /// The highest bar fills the height, and a bar of anything at all can be seen.
    pub(in crate::admin) fn of(id: &'static str, title: &'static str, slots: &[(DateTime<Utc>, u64)]) -> Self {
        let (highest, count) = (slots.iter().map(|(_, value)| *value).max().unwrap_or(0), slots.len());
        let bar = |(index, (at, value)): (usize, &(DateTime<Utc>, u64))| {
            let height = (value * HEIGHT).div_ceil(highest.max(1)).clamp(2, HEIGHT);
            let told = format!("{} UTC: {value}", at.format("%H:%M"));
            Bar { x: share(index, count, 1.0), width: share(1, count, FILLED), y: HEIGHT - height, height, told }
        };
        let bars = slots.iter().enumerate().filter(|(_, (_, value))| *value > 0).map(bar).collect();
        Self { id, title, figure: String::new(), told: String::new(), height: HEIGHT, bars }
    }

    /// What it comes to.
    pub(in crate::admin) fn figure(self, figure: impl Into<String>, told: impl Into<String>) -> Self {
        Self { figure: figure.into(), told: told.into(), ..self }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a picture has fewer slots than a float has digits")]
fn share(part: usize, of: usize, filled: f64) -> Percent {
    Percent(part as f64 * 100.0 * filled / of.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[u64]) -> Vec<(String, u64, u64)> {
        let start: DateTime<Utc> = "2026-11-21T10:00:00Z".parse().unwrap();
        let slots: Vec<_> = values.iter().map(|value| (start, *value)).collect();
        Chart::of("c", "C", &slots).bars.iter().map(|bar| (bar.x.to_string(), bar.y, bar.height)).collect()
    }

    #[test]
    fn the_highest_fills_the_picture_and_the_lowest_can_be_seen() {
        let drawn = drawn(&[0, 1_000_000, 500_000, 1]);
        assert_eq!(drawn, [("25.00%".into(), 0, 56), ("50.00%".into(), 28, 28), ("75.00%".into(), 54, 2)]);
    }

    #[test]
    fn nothing_is_an_empty_picture() {
        assert_eq!((drawn(&[]).len(), drawn(&[0, 0]).len()), (0, 0));
        assert_eq!(drawn(&[u64::from(u32::MAX)]).len(), 1);
    }
}
