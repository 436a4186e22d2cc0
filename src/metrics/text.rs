use std::fmt::Write as _;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

use super::Sheet;

/// How a monitor wants it written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text format 0.0.4 of Prometheus, which older programs read.
    Text,
}

impl Format {
    /// What is wanted most of an `Accept` header; OpenMetrics where it does not matter.
    #[must_use]
    pub fn wanted(accept: &str) -> Self {
        let weight = |kind: &str| {
            let of_kind = accept.split(',').filter(|range| range.trim().to_ascii_lowercase().starts_with(kind));
            of_kind.map(quality).fold(-1.0_f64, f64::max)
        };
        if weight("text/plain") > weight("application/openmetrics-text").max(0.0) {
            Self::Text
        } else {
            Self::OpenMetrics
        }
    }

    /// As the answer's header says it.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

fn quality(range: &str) -> f64 {
    let given = range.split(';').skip(1).find_map(|parameter| parameter.trim().strip_prefix("q="));
    given.map_or(1.0, |quality| quality.parse().unwrap_or(0.0))
}

pub(super) fn write(registry: &Registry, sheet: Sheet, format: Format) -> String {
    let mut text = String::with_capacity(32 * 1024);
    let mut read = Registry::default();
    read.register_collector(Box::new(sheet));
    // Writing to a string does not fail.
    let _ = encode_registry(&mut text, registry).and_then(|()| encode_registry(&mut text, &read));
    match format {
        Format::OpenMetrics => {
            let _ = encode_eof(&mut text);
            text
        }
        Format::Text => older(&text),
    }
}

/// In the older format what describes a counter has the counter's whole name.
fn older(text: &str) -> String {
    let mut counters = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix(" counter")) {
            counters.push(name);
        }
    }
    let mut older = String::with_capacity(text.len());
    for line in text.lines() {
        let described = ["# HELP ", "# TYPE "].into_iter().find_map(|word| Some((word, line.strip_prefix(word)?)));
        match described.and_then(|(word, rest)| Some((word, rest.split_once(' ')?))) {
            Some((word, (name, rest))) if counters.contains(&name) => {
                let _ = writeln!(older, "{word}{name}_total {rest}");
            }
            _ => {
                let _ = writeln!(older, "{line}");
            }
        }
    }
    older
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monitor_gets_what_it_wants_most() {
        for (accept, format) in [
            ("", Format::OpenMetrics),
            ("*/*", Format::OpenMetrics),
            ("text/plain", Format::Text),
            ("text/plain;version=0.0.4", Format::Text),
            ("text/html, */*;q=0.1", Format::OpenMetrics),
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.6", Format::Text),
            ("text/plain;q=0", Format::OpenMetrics),
        ] {
            assert_eq!(Format::wanted(accept), format, "{accept}");
        }
    }
}
