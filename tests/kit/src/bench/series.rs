use std::fmt;

/// One figure, measured more than once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series(Vec<f64>);

impl Series {
    /// One more.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// All of another.
    pub fn extend(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// As they came.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// The one that so many hundredths of all do not exceed. NaN without any.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    pub fn percentile(&self, percent: f64) -> f64 {
        let sorted = self.sorted();
        let rank = (sorted.len() as f64 * percent / 100.0).ceil() as usize;
        sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
    }

    /// The middle, or the mean of the two in the middle. NaN without any.
    #[must_use]
    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        match sorted.len() {
            0 => f64::NAN,
            odd if odd % 2 == 1 => sorted[odd / 2],
            even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
        }
    }

    /// The least.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    /// The greatest.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

impl FromIterator<f64> for Series {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// Median, least and greatest, with as many decimals as asked for: `12.1 (11.9–13.0)`.
impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(1);
        match self.0[..] {
            [] => f.write_str("–"),
            [only] => write!(f, "{only:.decimals$}"),
            _ => write!(f, "{:.decimals$} ({:.decimals$}–{:.decimals$})", self.median(), self.min(), self.max()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_says_its_middle_and_how_far_it_reaches() {
        let series: Series = [3.0, 1.0, 2.0, 10.0].into_iter().collect();
        assert_eq!(format!("{series:.2}"), "2.50 (1.00–10.00)");
        assert_eq!(series.values(), [3.0, 1.0, 2.0, 10.0]);
        assert!((series.percentile(50.0) - 2.0).abs() < 1e-9 && (series.percentile(99.0) - 10.0).abs() < 1e-9);
        assert_eq!(format!("{}", Series::from_iter([4.0])), "4.0");
        assert_eq!(format!("{}", Series::default()), "–");
        assert!(Series::default().median().is_nan());
    }
}
