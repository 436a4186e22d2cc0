//! The doors of the house: which room may import which. Read from the sources, so that no one forgets.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops at once")]

mod paths;
mod tokens;

use std::path::{Path, PathBuf};

use paths::Named;

/// What each room may import beside itself. The map of the house.
const DOORS: [(&str, &[&str]); 27] = [
    (
        "cli",
        &[
            "admin", "control", "health", "replicas", "registry", "activity", "consent", "doctor", "sandbox",
            "session", "upstream", "submit", "account", "token", "share", "trace", "oauth", "store", "config", "net",
            "proto", "model",
        ],
    ),
    (
        "admin",
        &[
            "health", "replicas", "registry", "activity", "consent", "doctor", "token", "oauth", "account", "store",
            "net", "model", "config",
        ],
    ),
    ("health", &["replicas", "registry", "activity", "submit", "share", "account", "store", "model"]),
    ("replicas", &["store"]),
    ("registry", &["account", "store", "config", "model"]),
    ("control", &["net"]),
    ("consent", &["upstream", "token", "oauth", "store", "model"]),
    ("doctor", &["upstream", "token", "oauth", "net", "proto", "model"]),
    ("session", &["activity", "upstream", "submit", "share", "trace", "proto", "account", "token", "net", "model"]),
    ("upstream", &["trace", "proto", "net", "model"]),
    // A session is kept for the logins of one target.
    ("submit", &["upstream", "share", "trace", "proto", "token", "net", "model"]),
    ("activity", &["trace", "store", "net", "model"]),
    ("trace", &["proto", "net", "model"]),
    ("account", &["store", "model"]),
    ("token", &["oauth", "store", "model"]),
    ("share", &["store"]),
    ("oauth", &["net", "model"]),
    ("store", &["model"]),
    ("config", &["model"]),
    ("net", &[]),
    ("proto", &[]),
    ("model", &[]),
    ("explain", &[]),
    ("sandbox", &[]),
    ("clock", &[]),
    ("metrics", &[]),
    ("lifecycle", &[]),
];

/// Open to every room but the two that must not know the world.
const OPEN_TO_ALL: [&str; 4] = ["clock", "explain", "metrics", "lifecycle"];
const SECLUDED: [&str; 2] = ["model", "proto"];

/// What a protocol core must not see: sockets, clocks, randomness.
const FORBIDDEN_IN_PROTO: [&str; 14] = [
    "tokio",
    "tokio_util",
    "tokio_rustls",
    "std::net",
    "std::time",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "aws_lc_rs",
    "chrono",
    "rand",
    "getrandom",
    "socket2",
];

/// Plain data may hold an address or a time; it must not ask for one.
const FORBIDDEN_IN_MODEL: [&str; 9] = [
    "tokio",
    "std::time::SystemTime",
    "std::time::Instant",
    "std::fs",
    "std::process",
    "std::thread",
    "aws_lc_rs",
    "rand",
    "getrandom",
];

#[test]
fn every_import_goes_through_a_door() {
    let sources = sources(Path::new("src"));
    assert!(sources.len() > 20, "the sources are not where they were");
    let complaints: Vec<_> =
        sources.iter().flat_map(|path| check(path, &std::fs::read_to_string(path).unwrap())).collect();
    assert!(complaints.is_empty(), "forbidden doors:\n{}", complaints.join("\n"));
}

/// What is wrong with a file.
fn check(path: &Path, text: &str) -> Vec<String> {
    let module = module(path);
    let Some(room) = module.first() else { return Vec::new() };
    if !DOORS.iter().any(|(name, _)| name == room) {
        return vec![format!("{}: the room {room:?} has no doors; give it some in this test", path.display())];
    }
    // A room's tests may build what they need; what they test is the room.
    let in_tests = module.iter().any(|part| part == "tests");
    let mut complaints = Vec::new();
    for named in paths::named(&tokens::tokens(text), &module) {
        let wrong = if named.is_own() && !in_tests { wrong_door(room, &named) } else { forbidden(room, &named) };
        complaints.extend(wrong.map(|wrong| format!("{}:{}: {wrong}", path.display(), named.line)));
    }
    complaints.dedup();
    complaints
}

fn wrong_door(room: &str, named: &Named) -> Option<String> {
    let Some(other) = named.path.get(1).filter(|other| *other != "*" && *other != "self") else {
        return Some("names the whole house, which hides the doors".into());
    };
    let behind = DOORS.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, behind)| behind);
    let for_all = !SECLUDED.contains(&room) && OPEN_TO_ALL.contains(&other.as_str());
    (other != room && !for_all && !behind.contains(&other.as_str())).then(|| format!("{room} → {other}"))
}

fn forbidden(room: &str, named: &Named) -> Option<String> {
    let words: &[&str] = match room {
        "proto" => &FORBIDDEN_IN_PROTO,
        "model" => &FORBIDDEN_IN_MODEL,
        _ => &[],
    };
    words.iter().find(|word| named.reaches(word)).map(|word| format!("{room} uses {word}"))
}

/// The module that a file holds, from its path; none for the two roots.
fn module(path: &Path) -> Vec<String> {
    let below = path.strip_prefix("src").unwrap_or(path).with_extension("");
    let mut module: Vec<_> = below.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if module.last().is_some_and(|last| last == "mod") || module == ["lib"] || module == ["main"] {
        module.pop();
    }
    module
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

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(file: &str, text: &str) -> Vec<String> {
        let place = format!("{file}:");
        check(Path::new(file), text).iter().map(|said| said.strip_prefix(&place).unwrap().to_owned()).collect()
    }

    #[test]
    fn a_forbidden_door_is_found_however_it_is_written() {
        for text in [
            "use crate::net::Link;",
            "use gatepost::net::Link;",
            "use ::gatepost::net::Link;",
            "use crate::proto::Input; use crate::{proto, net::{Link, Stream}};",
            "use crate\n    ::{\n    proto, // ours\n    net\n};",
            "fn f() -> crate::net::Link { todo!() }",
            "fn f() { let x = 1 < 2; crate::net::dial::<u8>(); }",
            "macro_rules! m { () => { $crate::net::dial() } }",
            "use super::super::super::net;",
            "use super::super::super::{net::Link, proto};",
            "mod inner { use super::super::super::super::net; }",
            "mod inner { struct S { x: u8 } mod deep { fn f() { super::super::super::super::super::net::dial(); } } }",
            "fn f<'a>(x: &'a str) -> char { crate::net::dial(); '\"' }",
            "const Q: char = '\\''; use crate::net;",
        ] {
            let found = complaints("src/proto/imap/table.rs", text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].ends_with("proto → net"), "{text}: {found:?}");
        }
        assert_eq!(complaints("src/proto/x.rs", "\n\nuse crate::{\n    net,\n};"), ["4: proto → net"]);
        assert_eq!(complaints("src/proto/x.rs", "use crate::{net, model};"), ["1: proto → net", "1: proto → model"]);
    }

    #[test]
    fn naming_the_whole_house_is_no_way_around() {
        for text in
            ["use crate::*;", "use crate as house;", "use crate::{self as house};", "extern crate self as house;"]
        {
            let found = complaints("src/session/login.rs", text);
            assert_eq!(found, ["1: names the whole house, which hides the doors"], "{text}");
        }
    }

    #[test]
    fn open_doors_comments_and_texts_are_no_matter() {
        for (file, text) in [
            ("src/proto/imap/x.rs", "use crate::proto::Input; use super::table; use super::super::Output;"),
            ("src/proto/imap/x.rs", "mod tests { use super::super::super::Output; use super::*; }"),
            ("src/proto/x.rs", "// use crate::net;\n/* /* crate::net */ crate::net */\n//! crate::net\nfn f() {}"),
            ("src/proto/x.rs", r#"const A: &str = "crate::net \" crate::store"; const B: &[u8] = b"crate::net";"#),
            ("src/proto/x.rs", r###"const A: &str = r##"" crate::net "# "##; const B: &[u8] = br#"crate::net"#;"###),
            ("src/proto/x.rs", "fn f() -> impl Iterator<Item = u8> + use<> { todo!() }"),
            ("src/proto/x.rs", "pub(crate) fn operand(brand: Brand) { r#use::x(); market::tokio(); }"),
            ("src/session/x.rs", "use crate::{account, clock, lifecycle, metrics, net, submit, token};"),
            ("src/store/tests.rs", "use crate::config::Config;"),
            ("src/store/tests/sqlite.rs", "use crate::config::Config;"),
            ("src/main.rs", "fn main() { gatepost::cli::main() }"),
            ("src/lib.rs", "pub mod account;"),
        ] {
            assert_eq!(complaints(file, text), [""; 0], "{file}: {text}");
        }
    }

    #[test]
    fn each_room_has_its_own_doors() {
        assert_eq!(complaints("src/session/login.rs", "use crate::config::Config;"), ["1: session → config"]);
        assert_eq!(complaints("src/submit/body.rs", "fn f(d: crate::account::Directory) {}"), ["1: submit → account"]);
        assert_eq!(complaints("src/net/dial.rs", "use crate::model::Endpoint;"), ["1: net → model"]);
        assert_eq!(complaints("src/model/x.rs", "use crate::clock;"), ["1: model → clock"]);
        assert_eq!(complaints("src/token/x.rs", "use crate::cli::serve;"), ["1: token → cli"]);
        assert_eq!(complaints("src/store/x.rs", "use crate::helpers::retry;"), ["1: store → helpers"]);
        assert_eq!(complaints("src/clock.rs", "use crate::config::Config;"), ["1: clock → config"]);
    }

    #[test]
    fn an_unknown_room_is_found() {
        for file in ["src/util/mod.rs", "src/helpers.rs", "src/common/x/y.rs"] {
            assert_eq!(check(Path::new(file), "").len(), 1, "{file}");
        }
    }

    #[test]
    fn a_protocol_core_knows_no_socket_clock_or_chance() {
        for text in [
            "use tokio::io::AsyncRead;",
            "use std::net::IpAddr;",
            "use core::net::IpAddr;",
            "use std::{fmt, net::IpAddr};",
            "use std::time::SystemTime;",
            "fn f() { std::time::SystemTime::now(); }",
            "use std::{self as s}; fn f() { s::time::SystemTime::now(); }",
            "use std as s; fn f() { s::net::TcpStream::connect(); }",
            "use std::*;",
            "fn f() { rand::random() }",
            "#[tokio::test] async fn f() {}",
        ] {
            let found = complaints("src/proto/smtp/x.rs", text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
        }
        assert_eq!(complaints("src/proto/tests.rs", "use std::net::IpAddr;"), ["1: proto uses std::net"]);
        assert_eq!(complaints("src/model/x.rs", "use std::net::IpAddr; use std::time::Duration;"), [""; 0]);
        assert_eq!(complaints("src/model/x.rs", "use std::time::SystemTime;"), ["1: model uses std::time::SystemTime"]);
    }
}
