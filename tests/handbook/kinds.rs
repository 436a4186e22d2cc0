//! What is done with a block, by its language. Nothing is left out: a block of a kind that stands nowhere here is an error.

use std::io::Write as _;

use crate::pages::{Block, blocks};

/// What becomes of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Typed on the page's machine.
    Typed,
    /// Read by Gatepost's own reader.
    Settings,
    /// Read by a parser of its language.
    Parsed,
    /// Written to a file of the page's machine, for commands to use.
    Placed,
    /// Only read, for a reason.
    Read(&'static str),
}

/// Blocks that are only read: the page, what they say, and why. Every one of them is one of these.
const READ: &[(&str, &str, &str)] = &[
    ("README.md", "cargo run --release --example demo", "tests/run runs the demo, and is itself the other command"),
    ("README.md", "imap sasl     1120 ms", "what the command says to a failure that only Exchange has"),
    (
        "docs/listeners.md",
        "server gatepost 10.0.0.20:1143",
        "HAProxy's own; the header that it sends is tested in src/net",
    ),
    (
        "docs/replicas.md",
        "bash prepare",
        "needs Docker, which nothing here runs; tests/deploy runs prepare and reads the rest",
    ),
    ("docs/replicas.md", "gatepost.sql", DEPLOYED),
    ("docs/replicas.md", "apt install", DEPLOYED),
    ("docs/replicas.md", "kubectl apply", "needs Kubernetes; tests/deploy holds the manifests against its schemas"),
    ("docs/replicas.md", "store copy", "wants a database to copy to; the command is tested beside its code"),
    ("docs/administration.md", "gatepost trace evmail", TRACED),
    (
        "docs/metrics.md",
        "scrape_configs:",
        "Prometheus's own; what it scrapes and its rules are tested in tests/monitoring",
    ),
    ("docs/installation.md", "apt install", PACKAGED),
    ("docs/installation.md", "/etc/gatepost/secrets/support", PACKAGED),
    ("docs/installation.md", "dnf install", PACKAGED),
    ("docs/installation.md", "setpriv", PACKAGED),
    ("docs/installation.md", "podman run", "needs podman; tests/package runs what the image is made of"),
    ("docs/installation.md", "cargo build", "it would build the program anew; tests/package uses what it makes"),
    ("docs/administration.md", "trace evmail --minutes 5", "tests/commands/trace.rs runs it, while mail goes through"),
    ("docs/importing.md", "import emailproxy", IMPORTED),
    ("docs/importing.md", "import sasl-xoauth2", IMPORTED),
    (
        "docs/recipes/fetchers.md",
        "IMAPAccount gatepost",
        "the simulated provider's IMAP is too small for it; tests/real has it before Dovecot",
    ),
    ("docs/recipes/sql-server.md", "sysmail_add_account_sp", "needs SQL Server, which Debian does not have"),
    ("docs/recipes/jenkins.md", "adminAddress", "needs Jenkins with its plugin"),
    ("docs/benchmarks.md", "tests/bench-setup", BENCHED),
    ("docs/sizing.md", "--bench growth", BENCHED),
    ("docs/million.md", "--bench replicas", BENCHED),
    ("docs/benchmarks.md", "--bench relay -- sessions", BENCHED),
    (
        "docs/security.md",
        "systemd-creds encrypt",
        "needs the machine's own secret, which containers lack; the key as a credential is tested in src/config",
    ),
];

const BENCHED: &str =
    "takes long; tests/run does both in small, and asks whether the bench understands the page's commands";
const DEPLOYED: &str = "tests/deploy does the same in machines of its own";
const TRACED: &str = "goes on for minutes, with the time of the day; tests/commands/trace.rs plays it";
const PACKAGED: &str = "tests/package does it, in systems that are thrown away";
const IMPORTED: &str = "tests/commands/import.rs runs each of them, with files of the other programs";
const POWERSHELL: &str = "needs a tenant of Microsoft 365; the names of its commands and parameters are checked";

/// The kind of a block.
pub(crate) fn kind(block: &Block) -> Option<Kind> {
    let listed = READ.iter().find(|(page, text, _)| *page == block.page && block.text.contains(text));
    if let Some((.., reason)) = listed {
        return Some(Kind::Read(reason));
    }
    if block.language == "powershell" {
        return Some(Kind::Read(POWERSHELL));
    }
    if block.language == "text" {
        return Some(Kind::Read("a picture"));
    }
    if block.says("reading") {
        return None;
    }
    if block.value("file").is_some() {
        return Some(Kind::Placed);
    }
    Some(match block.language.as_str() {
        "toml" => Kind::Settings,
        "sh" | "console" => Kind::Typed,
        "json" | "ini" | "nginx" | "properties" => Kind::Parsed,
        _ => return None,
    })
}

#[test]
fn every_block_is_run_or_checked_or_has_a_reason() {
    let blocks = blocks();
    let unknown: Vec<_> = blocks.iter().filter(|block| kind(block).is_none()).map(ToString::to_string).collect();
    assert!(unknown.is_empty(), "nothing says what becomes of these blocks: {unknown:?}");
    for (page, text, reason) in READ {
        let said = blocks.iter().filter(|block| block.page == *page && block.text.contains(text)).count();
        assert!(said > 0, "no block of {page} says {text:?}");
        // Seen also where all goes well.
        writeln!(std::io::stderr(), "only read: {page}, {text:?}: {reason}").unwrap();
    }
}
