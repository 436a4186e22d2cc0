use std::fmt::Write as _;
use std::path::Path;

use gatepost_kit::bench::{Series, Table};
use serde_json::{Value, json};

use crate::choice::Choice;
use crate::peers::Kind;

/// All that was measured.
#[derive(Default)]
pub(crate) struct Ledger(Vec<Record>);

/// One measurement.
pub(crate) struct Record {
    pub(crate) bench: &'static str,
    /// What was the same for all peers: `IMAP, 16 programs`.
    pub(crate) setting: String,
    pub(crate) peer: Kind,
    pub(crate) figures: Vec<(&'static Figure, f64)>,
    /// Cores that worked for others.
    pub(crate) disturbed: f64,
    pub(crate) failures: usize,
    /// Why the last of those failed.
    pub(crate) trouble: Option<String>,
}

/// What a number says.
#[derive(Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) decimals: usize,
    /// What it is said in ratio to.
    pub(crate) base: Base,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// The better of HAProxy and nginx, where more is better …
    MostOfFloor,
    /// … and where less is.
    LeastOfFloor,
    Direct,
    Nothing,
}

impl Ledger {
    pub(crate) fn add(&mut self, record: Record) {
        eprintln!("  {}", record.line());
        self.0.push(record);
    }

    /// A table for each setting of a bench, with headings.
    pub(crate) fn tables(&self, bench: &str, markdown: bool) -> String {
        let mut text = String::new();
        for setting in unique(self.of(bench).map(|record| record.setting.as_str())) {
            let table = self.table(bench, setting);
            let _ = if markdown {
                write!(text, "\n**{setting}**\n\n{table:#}")
            } else {
                write!(text, "\n{bench}: {setting}\n{table}")
            };
        }
        text
    }

    fn of(&self, bench: &str) -> impl Iterator<Item = &Record> {
        self.0.iter().filter(move |record| record.bench == bench)
    }

    fn at(&self, bench: &str, setting: &str) -> Vec<&Record> {
        self.of(bench).filter(|record| record.setting == setting).collect()
    }

    fn table(&self, bench: &str, setting: &str) -> Table {
        let records = self.at(bench, setting);
        let figures = unique(records.iter().flat_map(|record| record.figures.iter().map(|(figure, _)| *figure)));
        let mut columns = vec!["peer"];
        for figure in &figures {
            columns.push(figure.name);
            columns.extend((figure.base != Base::Nothing).then_some("ratio"));
        }
        columns.extend(["failures", "disturbed"]);
        let mut table = Table::new(&columns);
        for peer in unique(records.iter().map(|record| record.peer)) {
            let mut cells = vec![peer.to_string()];
            for figure in &figures {
                cells.push(format!("{:.*}", figure.decimals, series(&records, peer, figure)));
                cells.extend((figure.base != Base::Nothing).then(|| shown(ratio(&records, peer, figure))));
            }
            let of_peer = || records.iter().filter(|record| record.peer == peer);
            cells.push(of_peer().map(|record| record.failures).sum::<usize>().to_string());
            cells.push(format!("{:.2}", of_peer().map(|record| record.disturbed).fold(0.0, f64::max)));
            table.row(cells);
        }
        table
    }

    /// Writes everything to `target/bench/relay.json`.
    pub(crate) fn save(&self, choice: &Choice) {
        let name = if choice.rehearsal { "rehearsal.json" } else { "relay.json" };
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench").join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let records: Vec<_> = self.0.iter().map(Record::json).collect();
        let all = json!({
            "gatepost": env!("CARGO_PKG_VERSION"),
            "machine": machine(),
            "chosen": format!("{choice:?}"),
            "summary": self.summary(),
            "measurements": records,
        });
        std::fs::write(&file, format!("{all:#}\n")).unwrap();
        eprintln!("everything is in {}", file.display());
    }

    fn summary(&self) -> Vec<Value> {
        let mut summary = Vec::new();
        for (bench, setting) in unique(self.0.iter().map(|record| (record.bench, record.setting.as_str()))) {
            let records = self.at(bench, setting);
            for (peer, figure) in
                unique(records.iter().flat_map(|record| record.figures.iter().map(|(f, _)| (record.peer, *f))))
            {
                let series = series(&records, peer, figure);
                summary.push(json!({
                    "bench": bench, "setting": setting, "peer": peer.to_string(), "figure": figure.name,
                    "median": series.median(), "min": series.min(), "max": series.max(), "ratio": ratio(&records, peer, figure),
                }));
            }
        }
        summary
    }

    /// What went wrong; in a rehearsal, what must not.
    pub(crate) fn troubles(&self, rehearsal: bool) -> Vec<String> {
        // email-oauth2-proxy gives up when the machine has too much to do.
        let meant = self.0.iter().filter(|record| !rehearsal || record.peer != Kind::Emailproxy);
        unique(meant.filter_map(Record::trouble)).into_iter().collect()
    }
}

impl Record {
    fn line(&self) -> String {
        let figures = self.figures.iter().map(|(figure, value)| format!("{value:.*} {}", figure.decimals, figure.name));
        let figures = figures.collect::<Vec<_>>().join(", ");
        let trouble = self.trouble().map_or_else(String::new, |trouble| format!(" [{trouble}]"));
        format!("{} · {}: {figures} (disturbed {:.2}){trouble}", self.setting, self.peer, self.disturbed)
    }

    fn trouble(&self) -> Option<String> {
        let why = self.trouble.as_ref()?;
        Some(format!("{}, {}, {}: {} failures, the last: {why}", self.bench, self.setting, self.peer, self.failures))
    }

    fn json(&self) -> Value {
        let figures: serde_json::Map<_, _> =
            self.figures.iter().map(|(figure, value)| (figure.name.to_owned(), json!(value))).collect();
        json!({
            "bench": self.bench, "setting": self.setting, "peer": self.peer.to_string(), "figures": figures,
            "disturbed_cores": self.disturbed, "failures": self.failures, "trouble": self.trouble,
        })
    }
}

fn series(records: &[&Record], peer: Kind, wanted: &Figure) -> Series {
    let of_peer = records.iter().filter(|record| record.peer == peer);
    of_peer
        .flat_map(|record| record.figures.iter().filter(|(figure, _)| *figure == wanted).map(|(_, value)| *value))
        .collect()
}

/// Of medians.
fn ratio(records: &[&Record], peer: Kind, figure: &Figure) -> Option<f64> {
    let median = |peer| Some(series(records, peer, figure).median()).filter(|median| median.is_finite());
    let floor = || Kind::all().filter(|kind| kind.is_floor()).filter_map(median);
    let base = match figure.base {
        Base::MostOfFloor => floor().reduce(f64::max),
        Base::LeastOfFloor => floor().reduce(f64::min),
        Base::Direct => median(Kind::Direct),
        Base::Nothing => None,
    };
    Some(median(peer)? / base.filter(|base| *base > 0.0)?)
}

fn shown(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"))
}

/// In the order in which they came first.
fn unique<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut unique = Vec::new();
    for one in all {
        if !unique.contains(&one) {
            unique.push(one);
        }
    }
    unique
}

fn machine() -> Value {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let processor = read("/proc/cpuinfo");
    let model =
        processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, model)| model);
    json!({
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "processor": model,
        "memory": read("/proc/meminfo").lines().next().map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")),
        "linux": read("/proc/sys/kernel/osrelease").trim(),
    })
}
