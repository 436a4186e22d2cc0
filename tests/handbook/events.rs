//! Every event that the source logs is in the catalogue, with its levels and fields; and the catalogue tells of no other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::pages::{house, page};

/// What is told of an event: its levels and its fields.
type Told = (BTreeSet<String>, BTreeSet<String>);

/// Logged for whatever is done, with the deed's name instead of the braces.
const DEEDS: &str = "admin.{what}";

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

#[test]
fn every_event_and_field_of_the_source_is_documented() {
    let (documented, logged) = (documented(), logged());
    assert!(logged.len() > 50, "{}: the source is not read rightly", logged.len());
    let mut faults = Vec::new();
    for (event, (levels, fields)) in &logged {
        let row = || format!("| `{event}` | {} | {} |", listed(levels, ""), listed(fields, "`"));
        match documented.get(event) {
            None => faults.push(format!("missing:  {}", row())),
            Some(told) if *told != (levels.clone(), fields.clone()) => faults.push(format!("should be {}", row())),
            Some(_) => {}
        }
    }
    let gone = documented.keys().filter(|event| !logged.contains_key(*event));
    faults.extend(gone.map(|event| format!("nothing logs {event}")));
    assert!(faults.is_empty(), "docs/events.md:\n{}", faults.join("\n"));
}

fn listed(words: &BTreeSet<String>, quote: &str) -> String {
    words.iter().map(|word| format!("{quote}{word}{quote}")).collect::<Vec<_>>().join(", ")
}

/// From the rows `| `name` | levels | fields | … |` of docs/events.md.
fn documented() -> BTreeMap<String, Told> {
    let text = page("docs/events.md").text;
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [name, levels, fields, _, ""] = cells[..] else { panic!("no row of four: {row}") };
        let fields = fields.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        (name.trim_end_matches('`').to_owned(), (levels.split(", ").map(str::to_owned).collect(), fields))
    })
    .collect()
}

fn logged() -> BTreeMap<String, Told> {
    let mut files = Vec::new();
    collect(&house().join("src"), &mut files);
    let sources: Vec<_> = files.iter().map(|file| source(file)).collect();
    let deeds: BTreeSet<_> = sources.iter().flat_map(|source| deeds(source)).collect();
    let mut all: BTreeMap<String, Told> = BTreeMap::new();
    for (level, name, fields) in sources.iter().flat_map(|source| events(source)) {
        let names = if name == DEEDS { deeds.iter().map(|deed| format!("admin.{deed}")).collect() } else { vec![name] };
        for name in names {
            let (levels, known) = all.entry(name).or_default();
            levels.insert(level.clone());
            known.extend(fields.iter().cloned());
        }
    }
    all
}

/// A file without its tests.
fn source(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned()
}

/// What is noted in the trail, and so logged as `admin.DEED`.
fn deeds(source: &str) -> Vec<String> {
    let mut all = Vec::new();
    for mark in [".note(", "Done::new(", "let what = ", "Work::"] {
        for (at, _) in source.match_indices(mark) {
            let statement = source[at..].split([';', '\n']).next().unwrap();
            let literals = statement.split('"').skip(1).step_by(2);
            all.extend(literals.filter(|text| is_name(text)).map(str::to_owned));
        }
    }
    all
}

/// `token.added`
fn is_name(text: &str) -> bool {
    let mut parts = text.split('.');
    let word = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    text.contains('.') && parts.all(word) && !text.starts_with("admin.")
}

/// All sources but tests.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "tests" {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "tests.rs" {
            files.push(path);
        }
    }
}

/// What the logging macros of a file tell: a literal as the last argument, and fields before it.
fn events(source: &str) -> Vec<(String, String, Vec<String>)> {
    let mut all = Vec::new();
    for level in LEVELS {
        let opening = format!("{level}!(");
        for (at, _) in source.match_indices(&opening) {
            let arguments = arguments(&source[at + opening.len()..]);
            let literal = |argument: &String| argument.starts_with('"').then(|| argument.trim_matches('"').to_owned());
            let Some(name) = arguments.last().and_then(literal) else { continue };
            let fields = arguments[..arguments.len() - 1]
                .iter()
                .map(|argument| field(argument))
                .filter(|field| !field.is_empty());
            all.push((level.to_owned(), name, fields.collect()));
        }
    }
    all
}

/// `a, %b, c = f(x, y)` in its parts, up to the bracket that closes the macro.
fn arguments(text: &str) -> Vec<String> {
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    let (mut all, mut current) = (Vec::new(), String::new());
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' if !quoted && depth == 0 => break,
            ')' | ']' | '}' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                all.push(std::mem::take(&mut current).trim().to_owned());
                continue;
            }
            _ => {}
        }
        current.push(c);
    }
    let last = current.trim();
    if !last.is_empty() {
        all.push(last.to_owned());
    }
    all
}

/// The name of a field: `%a`, `a = …`, `a.b`; levels and targets are none.
fn field(argument: &str) -> String {
    let name = argument.split('=').next().unwrap().trim().trim_start_matches(['%', '?']);
    let name = name.split_once(':').map_or(name, |_| "");
    name.to_owned()
}

#[test]
fn a_macro_is_taken_apart() {
    let source = r#"info!(account = f(a, "x, y"), %peer, sent.total = 1, ?wait, token, "session.closed"); warn!("just prose {a}");"#;
    let [(_, prose, none), (_, name, fields)] = &events(source)[..] else { panic!() };
    assert_eq!((name.as_str(), fields.join(" ")), ("session.closed", "account peer sent.total wait token".to_owned()));
    assert_eq!((prose.as_str(), none.len()), ("just prose {a}", 0));
}
