//! The doors of the house: which room may import which. Read from the sources, so that no one forgets.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops at once")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What each room may import beside itself.
const DOORS: [(&str, &[&str]); 13] = [
    (
        "cli",
        &[
            "config",
            "session",
            "submit",
            "account",
            "token",
            "oauth",
            "store",
            "net",
            "proto",
            "model",
            "clock",
            "lifecycle",
        ],
    ),
    ("config", &["model", "clock", "lifecycle"]),
    ("session", &["submit", "proto", "account", "token", "net", "model", "clock", "lifecycle"]),
    ("submit", &["proto", "token", "net", "model", "clock", "lifecycle"]),
    ("account", &["store", "model", "clock", "lifecycle"]),
    ("token", &["oauth", "store", "model", "clock", "lifecycle"]),
    ("oauth", &["net", "model", "clock", "lifecycle"]),
    ("store", &["model", "clock", "lifecycle"]),
    ("net", &["clock", "lifecycle"]),
    ("proto", &[]),
    ("model", &[]),
    ("clock", &[]),
    ("lifecycle", &["clock"]),
];

/// What a protocol core must not see: sockets, clocks, randomness.
const FORBIDDEN_IN_PROTO: [&str; 7] = ["tokio", "std::net", "std::time", "std::fs", "std::env", "aws_lc_rs", "chrono"];

#[test]
fn every_import_goes_through_a_door() {
    let mut complaints = Vec::new();
    for path in sources(Path::new("src")) {
        let text = std::fs::read_to_string(&path).unwrap();
        complaints.extend(check(&path, &text));
    }
    assert!(complaints.is_empty(), "forbidden doors:\n{}", complaints.join("\n"));
}

fn check(path: &Path, text: &str) -> Vec<String> {
    let room = room(path);
    let code = without_comments_and_texts(text);
    // A room's tests may build what they need; what they test is the room.
    let in_tests = path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs");
    let mut complaints = Vec::new();
    if room != "lib" && room != "main" {
        let Some((_, open)) = DOORS.iter().find(|(name, _)| *name == room) else {
            return vec![format!("{}: the room {room:?} has no doors; give it some in this test", path.display())];
        };
        let imports = imports(&code);
        for other in imports.iter().filter(|other| **other != room && !open.contains(&other.as_str()) && !in_tests) {
            complaints.push(format!("{}: {room} → {other}", path.display()));
        }
    }
    if room == "proto" {
        for word in FORBIDDEN_IN_PROTO.iter().filter(|word| code.contains(**word)) {
            complaints.push(format!("{}: a protocol core uses {word}", path.display()));
        }
    }
    complaints
}

/// The room that a file belongs to: the first name below `src`.
fn room(path: &Path) -> String {
    let below = path.strip_prefix("src").unwrap_or(path);
    let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The rooms named behind `crate::` or `gatepost::`, also within braces.
fn imports(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, prefix) in ["crate::", "gatepost::"].iter().flat_map(|prefix| code.match_indices(prefix)) {
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(list) => rooms.extend(top_level_names(list)),
            None => rooms.extend(name(rest)),
        }
    }
    rooms
}

/// The names at the first level of `a, b::{c, d}, e}`.
fn top_level_names(list: &str) -> Vec<String> {
    let (mut depth, mut names, mut fresh) = (0, Vec::new(), true);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && !c.is_whitespace() => {
                names.extend(name(&list[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    names
}

fn name(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

fn without_comments_and_texts(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |at| at + 2)
        } else if rest.starts_with("r#\"") {
            rest.match_indices("\"#").find(|(at, _)| *at > 2).map_or(rest.len(), |(at, end)| at + end.len())
        } else if c == '"' {
            text_end(rest)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest[1..].find('\'').map_or(rest.len(), |at| at + 2)
        } else {
            code.push(c);
            c.len_utf8()
        };
        rest = &rest[skip..];
    }
    code
}

fn text_end(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_checker_finds_what_is_forbidden_and_nothing_else() {
    let found = |file: &str, text: &str| check(Path::new(file), text).len();
    assert_eq!(found("src/proto/x.rs", "use crate::net::Link;"), 1);
    assert_eq!(found("src/proto/x.rs", "use crate::proto::Input;"), 0);
    assert_eq!(found("src/proto/x.rs", "use crate::{net::{Link, Stream}, proto, model};"), 2);
    assert_eq!(found("src/proto/x.rs", "// crate::net\n/* crate::net */ let a = \"crate::net \\\" crate::store\";"), 0);
    assert_eq!(found("src/proto/x.rs", "let quote = '\"'; crate::net::dial();"), 1);
    assert_eq!(found("src/proto/x.rs", "let raw = r#\" \" crate::net \"#;"), 0);
    assert_eq!(found("src/proto/x.rs", "fn f() { std::time::Instant::now(); }"), 1);
    assert_eq!(found("src/session/login.rs", "use crate::config::Config;"), 1);
    assert_eq!(found("src/submit/body.rs", "fn f() -> crate::account::Directory {}"), 1);
    assert_eq!(found("src/util/mod.rs", ""), 1);
}
