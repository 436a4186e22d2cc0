//! What the dashboard and the alerts ask for: as much of Prometheus's language as it takes to find metrics and their labels.

pub(crate) const DASHBOARD: &str = include_str!("../../deploy/grafana/gatepost.json");
pub(crate) const ALERTS: &str = include_str!("../../deploy/prometheus/gatepost-alerts.yml");

/// A metric that is asked for.
#[derive(Debug)]
pub(crate) struct Query {
    /// Where.
    pub(crate) place: String,
    /// As the catalogue has it.
    pub(crate) name: String,
    /// Labels with the values that are wanted.
    pub(crate) labels: Vec<(String, Vec<String>)>,
}

pub(crate) fn all() -> Vec<Query> {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let place = format!("dashboard, {}", panel["title"].as_str().unwrap());
            queries.extend(read(&place, target["expr"].as_str().unwrap()));
        }
    }
    // Comments and annotations name no metric.
    for line in ALERTS.lines().filter(|line| !line.trim_start().starts_with('#')) {
        queries.extend(read("alerts", line));
    }
    queries
}

fn read(place: &str, text: &str) -> Vec<Query> {
    let mut queries = Vec::new();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = text;
    while let Some(start) = ["gatepost_", "process_"].iter().filter_map(|prefix| rest.find(prefix)).min() {
        let name: String = rest[start..].chars().take_while(|c| is_name(*c)).collect();
        rest = &rest[start + name.len()..];
        let matchers =
            rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(matchers, _)| matchers);
        let labels = matchers.split(',').filter(|matcher| !matcher.is_empty()).map(matcher).collect();
        queries.push(Query { place: place.to_owned(), name: base(&name), labels });
    }
    queries
}

/// A histogram is asked for by its parts.
fn base(name: &str) -> String {
    name.strip_suffix("_bucket").unwrap_or(name).to_owned()
}

/// `state=~"a|b"`
fn matcher(text: &str) -> (String, Vec<String>) {
    let (label, value) = text.split_once(['=', '~']).unwrap_or_else(|| panic!("{text}"));
    let value = value.trim_start_matches('~').trim_matches('"');
    let values = value.split('|').filter(|value| !value.starts_with('$') && !value.is_empty());
    (label.trim_end_matches('!').trim().to_owned(), values.map(str::to_owned).collect())
}
