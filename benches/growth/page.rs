//! Figures for people and for programs.

use gatepost_kit::bench::Table;
use serde_json::{Value, json};

use crate::choice::Choice;
use crate::law::{Curve, Study};
use crate::plot;

/// A row for each size, then the law that they follow.
pub(crate) fn table(study: &Study, markdown: bool) -> String {
    let names = study.curves.iter().map(|curve| curve.figure.name());
    let columns: Vec<_> = std::iter::once(study.subject.name()).chain(names).collect();
    let mut table = Table::new(&columns);
    let sizes = study.curves.first().map_or(0, |curve| curve.points.len());
    for index in 0..sizes {
        let values = study.curves.iter().map(|curve| shown(curve.points[index].1));
        table.row(std::iter::once(shown(study.curves[0].points[index].0)).chain(values).collect());
    }
    let mut law = |name: &str, tell: fn(&Curve) -> String| {
        table.row(std::iter::once(name.to_owned()).chain(study.curves.iter().map(tell)).collect());
    };
    law("exponent", |curve| format!("{:.2}", curve.exponent()));
    law("exponent at the end", |curve| format!("{:.2}", curve.at_the_end()));
    law("verdict", |curve| curve.verdict().to_owned());
    if markdown { format!("{table:#}") } else { table.to_string() }
}

/// Three digits that mean something.
pub(crate) fn shown(value: f64) -> String {
    match value {
        value if value.fract() == 0.0 || value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// `growth.json` and a drawing of each subject.
pub(crate) fn save(studies: &[Study], choice: &Choice) {
    std::fs::create_dir_all(&choice.plots).unwrap();
    std::fs::create_dir_all("target/bench").unwrap();
    let all = json!({ "machine": machine(), "studies": studies.iter().map(told).collect::<Vec<_>>() });
    std::fs::write("target/bench/growth.json", serde_json::to_string_pretty(&all).unwrap()).unwrap();
    for study in studies {
        let file = choice.plots.join(format!("{}.svg", study.subject.file()));
        std::fs::write(&file, plot::draw(study)).unwrap();
        eprintln!("{}", file.display());
    }
}

fn told(study: &Study) -> Value {
    let curve = |curve: &Curve| {
        json!({
            "figure": curve.figure.name(), "points": curve.points, "exponent": curve.exponent(),
            "exponent_at_the_end": curve.at_the_end(), "verdict": curve.verdict(),
        })
    };
    json!({ "subject": study.subject.name(), "curves": study.curves.iter().map(curve).collect::<Vec<_>>() })
}

fn machine() -> Value {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let memory = read("/proc/meminfo").lines().next().unwrap_or_default().to_owned();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZeroUsize::get);
    json!({ "cores": cores, "memory": memory, "kernel": read("/proc/sys/kernel/osrelease").trim() })
}
