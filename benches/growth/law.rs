//! Figures by size, and what law they follow.

use crate::subject::Subject;

/// What was measured of a subject.
pub(crate) struct Study {
    pub(crate) subject: Subject,
    pub(crate) curves: Vec<Curve>,
}

/// A figure at every size.
pub(crate) struct Curve {
    pub(crate) figure: Figure,
    /// Size and value.
    pub(crate) points: Vec<(f64, f64)>,
}

/// What is measured, and how it may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// From nothing to that many sessions, in seconds.
    SetUp,
    /// From the start of the process to the first login that was accepted, in milliseconds.
    Start,
    /// Processor time until the process is quiet after its start, in milliseconds.
    StartWork,
    /// From the signal to the line of the log, in milliseconds.
    Reload,
    /// Processor time of a reload until the process is quiet after it, in milliseconds.
    ReloadWork,
    /// Resident, in MiB.
    Memory,
    /// Processor time of a login whose password and token are known, in microseconds.
    Login,
    /// How long such a login takes, with four programs at a time, in milliseconds.
    LoginTime,
}

/// How it may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum May {
    /// At most twice as much for twice the size.
    Linear,
    /// Not at all.
    Independent,
    /// As it likes: whom else the machine works for shows most in it.
    Anything,
}

/// Above 1 by as much as a measurement on a busy machine may be off.
const LINEAR: f64 = 1.15;
/// A tenth more for ten times the size may be caches.
const INDEPENDENT: f64 = 0.05;

impl Figure {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::SetUp => "set-up, s",
            Self::Start => "start, ms",
            Self::StartWork => "start, ms of processor",
            Self::Reload => "reload, ms",
            Self::ReloadWork => "reload, ms of processor",
            Self::Memory => "resident, MiB",
            Self::Login => "login, µs of processor",
            Self::LoginTime => "login, ms",
        }
    }

    /// Less is not told from nothing: processor time is counted in ticks.
    const fn least(self) -> f64 {
        match self {
            Self::StartWork | Self::ReloadWork => 10.0,
            _ => 1e-9,
        }
    }

    pub(crate) const fn may(self) -> May {
        match self {
            Self::Login => May::Independent,
            Self::LoginTime => May::Anything,
            _ => May::Linear,
        }
    }
}

impl Curve {
    /// The exponent of the power law that fits best: least squares on logarithms. NaN below two points.
    pub(crate) fn exponent(&self) -> f64 {
        slope(&self.points, self.figure.least())
    }

    /// The same between the two greatest sizes: there a constant part hides least.
    pub(crate) fn at_the_end(&self) -> f64 {
        slope(&self.points[self.points.len().saturating_sub(2)..], self.figure.least())
    }

    pub(crate) fn holds(&self) -> bool {
        match self.figure.may() {
            May::Linear => self.exponent() <= LINEAR && self.at_the_end() <= LINEAR,
            May::Independent => self.exponent() <= INDEPENDENT,
            May::Anything => true,
        }
    }

    pub(crate) fn verdict(&self) -> &'static str {
        match (self.holds(), self.figure.may()) {
            (_, May::Anything) => "–",
            _ if self.points.len() < 2 => "–",
            (true, May::Linear) => "no worse than linear",
            (true, May::Independent) => "independent",
            (false, May::Linear) => "WORSE THAN LINEAR",
            (false, May::Independent) => "GROWS",
        }
    }
}

impl Study {
    pub(crate) fn is_broken(&self) -> bool {
        self.curves.iter().any(|curve| !curve.holds())
    }
}

/// Laws that are known are found.
pub(crate) fn check() {
    let curve = |figure, power: i32| {
        let points = [10.0, 100.0, 1000.0].map(|size: f64| (size, 3.0 * size.powi(power)));
        Curve { figure, points: points.to_vec() }
    };
    let square = curve(Figure::Memory, 2);
    assert!((square.exponent() - 2.0).abs() < 1e-6 && (square.at_the_end() - 2.0).abs() < 1e-6);
    assert_eq!(square.verdict(), "WORSE THAN LINEAR");
    assert_eq!(curve(Figure::Memory, 1).verdict(), "no worse than linear");
    assert_eq!([0, 1].map(|power| curve(Figure::Login, power).verdict()), ["independent", "GROWS"]);
    let ticks = Curve { figure: Figure::ReloadWork, points: vec![(10.0, 0.0), (100.0, 10.0)] };
    assert_eq!(ticks.verdict(), "no worse than linear");
}

fn slope(points: &[(f64, f64)], least: f64) -> f64 {
    let logs: Vec<_> = points.iter().map(|(x, y)| (x.ln(), y.max(least).ln())).collect();
    let count = f64::from(u32::try_from(logs.len()).unwrap());
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let covariance: f64 = logs.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let variance: f64 = logs.iter().map(|point| (point.0 - x).powi(2)).sum();
    covariance / variance
}
