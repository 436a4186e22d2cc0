//! Drawings: both axes logarithmic, so that a straight line is a power and its slope the exponent.

use std::fmt::Write as _;

use crate::law::{Curve, May, Study};
use crate::page::shown;

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 230.0;
/// Around the field of a panel: left, top, right, below.
const ROOM: [f64; 4] = [52.0, 34.0, 12.0, 30.0];
const COLUMNS: usize = 2;

/// Readable on light and on dark ground.
const STYLE: &str = "text{font:11px system-ui,sans-serif;fill:#333}.name{font-weight:600;font-size:12px}\
.grid{stroke:#ddd}.line{stroke:#0b62c4;stroke-width:2;fill:none}.dot{fill:#0b62c4}\
.may{stroke:#888;stroke-dasharray:4 4}\
@media (prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#3a3a3a}.line{stroke:#6cb0ff}.dot{fill:#6cb0ff}}";

/// One panel for each figure. The dashed line is as much as it may grow.
pub(crate) fn draw(study: &Study) -> String {
    let (mut panels, mut rows) = (String::new(), 0.0);
    for (index, curve) in study.curves.iter().enumerate() {
        let column = if index % COLUMNS == 0 { 0.0 } else { WIDTH };
        rows += if index % COLUMNS == 0 { 1.0 } else { 0.0 };
        let _ = writeln!(panels, "<g transform=\"translate({column} {})\">", (rows - 1.0) * HEIGHT);
        panel(&mut panels, study.subject.name(), curve);
        panels.push_str("</g>\n");
    }
    let (width, height) = (2.0 * WIDTH, rows * HEIGHT);
    let title = study.subject.name();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
         <title>Gatepost by the number of {title}</title>\n<style>{STYLE}</style>\n{panels}</svg>\n"
    )
}

/// What part of the paper an axis covers, from one power of ten to another.
struct Axis {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Axis {
    fn new(values: impl Iterator<Item = f64> + Clone, start: f64, end: f64) -> Self {
        let from = values.clone().fold(f64::INFINITY, f64::min).max(1e-6).log10().floor();
        let to = values.fold(0.0, f64::max).max(1e-6).log10().ceil();
        Self { from, to: to.max(from + 1.0), start, end }
    }

    fn at(&self, value: f64) -> f64 {
        let part = (value.max(1e-6).log10() - self.from) / (self.to - self.from);
        self.start + part * (self.end - self.start)
    }

    fn powers(&self) -> impl Iterator<Item = f64> {
        std::iter::successors(Some(self.from), |power| Some(power + 1.0))
            .take_while(|power| *power <= self.to)
            .map(|power| 10_f64.powf(power))
    }
}

fn panel(svg: &mut String, subject: &str, curve: &Curve) {
    let [left, top, right, below] = ROOM;
    let across = Axis::new(curve.points.iter().map(|point| point.0), left, WIDTH - right);
    let up = Axis::new(curve.points.iter().map(|point| point.1), HEIGHT - below, top);
    let _ = writeln!(svg, "<text class=\"name\" x=\"{left}\" y=\"20\">{}</text>", curve.figure.name());
    for power in across.powers() {
        let x = across.at(power);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{x:.1} {top}V{:.1}\"/>", HEIGHT - below);
        let y = HEIGHT - below + 14.0;
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{}</text>", shown(power));
    }
    for power in up.powers() {
        let y = up.at(power);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{left} {y:.1}H{:.1}\"/>", WIDTH - right);
        let (x, y) = (left - 5.0, y + 4.0);
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>", shown(power));
    }
    may(svg, curve, &across, &up);
    let dots: Vec<_> = curve.points.iter().map(|(x, y)| (across.at(*x), up.at(*y))).collect();
    let line = dots.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ");
    let _ = writeln!(svg, "<polyline class=\"line\" points=\"{line}\"/>");
    for ((x, y), (size, value)) in dots.iter().zip(&curve.points) {
        let told = format!("{} {subject}: {}", shown(*size), shown(*value));
        let _ =
            writeln!(svg, "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"><title>{told}</title></circle>");
    }
}

/// From the last point backwards: whatever is above this line grows by less than it may.
fn may(svg: &mut String, curve: &Curve, across: &Axis, up: &Axis) {
    let (Some(first), Some(last)) = (curve.points.first(), curve.points.last()) else { return };
    let floor = 10_f64.powf(up.from);
    let (size, value) = match curve.figure.may() {
        May::Independent | May::Anything => (first.0, last.1),
        May::Linear => {
            let size = first.0.max(last.0 * floor / last.1);
            (size, last.1 * size / last.0)
        }
    };
    let (x1, y1, x2, y2) = (across.at(size), up.at(value), across.at(last.0), up.at(last.1));
    let _ = writeln!(svg, "<path class=\"may\" d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\"/>");
}
