//! An answer of /metrics.

use std::collections::BTreeSet;

pub(crate) struct Scrape {
    pub(crate) text: String,
}

/// `name{a="b"} 1`, taken apart.
struct Sample<'a> {
    name: &'a str,
    labels: Vec<(&'a str, &'a str)>,
}

impl Scrape {
    /// The names, as the catalogue has them.
    pub(crate) fn names(&self) -> Vec<String> {
        self.samples().map(|sample| self.base(sample.name)).collect()
    }

    /// The labels of a metric.
    pub(crate) fn labels(&self, name: &str) -> BTreeSet<String> {
        let of = self.samples().filter(|sample| self.base(sample.name) == name);
        of.flat_map(|sample| sample.labels).map(|(label, _)| label.to_owned()).filter(|label| label != "le").collect()
    }

    pub(crate) fn has_value(&self, name: &str, label: &str, value: &str) -> bool {
        self.samples().any(|sample| self.base(sample.name) == name && sample.labels.contains(&(label, value)))
    }

    fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (name, rest) = line.split_once(['{', ' ']).unwrap();
            let labels = if line.contains('{') { rest.rsplit_once('}').unwrap().0 } else { "" };
            let labels = labels.split("\",").filter(|label| !label.is_empty());
            let labels = labels.map(|label| label.split_once("=\"").unwrap());
            Sample { name, labels: labels.map(|(label, value)| (label, value.trim_end_matches('"'))).collect() }
        })
    }

    fn base(&self, name: &str) -> String {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        let histogram = |base: &&str| self.text.contains(&format!("# TYPE {base} histogram\n"));
        base.filter(histogram).unwrap_or(name).to_owned()
    }
}
