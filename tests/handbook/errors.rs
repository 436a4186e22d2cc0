//! docs/errors.md has every cause that Gatepost can explain, as the source tells it, and every reply that it gives itself.

use std::fmt::Write as _;
use std::path::Path;

use gatepost::explain::catalogue::{Entry, mail_servers, microsoft, standard};
use gatepost::explain::{GOOGLE_HURDLES, Hurdle, MICROSOFT_HURDLES};

use crate::pages::{house, page};

const PAGE: &str = "docs/errors.md";

/// `UPDATE_HANDBOOK=1 cargo test --test handbook errors` writes the tables anew.
#[test]
fn every_cause_stands_in_the_catalogue_as_the_source_tells_it() {
    let tables = [
        ("microsoft", causes(microsoft())),
        ("standard", causes(standard())),
        ("mail", causes(mail_servers())),
        ("hurdles", hurdles(&[("Microsoft", &MICROSOFT_HURDLES), ("Google", &GOOGLE_HURDLES)])),
    ];
    let text = page(PAGE).text;
    let made = tables.iter().fold(text.clone(), |text, (name, table)| with(&text, name, table));
    if std::env::var_os("UPDATE_HANDBOOK").is_some() {
        std::fs::write(house().join(PAGE), &made).unwrap();
    } else {
        assert!(
            made == text,
            "{PAGE} is not as the source has it: run this test with UPDATE_HANDBOOK=1 and look at the difference"
        );
    }
}

fn causes(entries: impl Iterator<Item = Entry>) -> String {
    let mut table = "| it says | what happened | what to do | whose turn |\n|---|---|---|---|\n".to_owned();
    for Entry { said, known } in entries {
        let said = if said.starts_with("AADSTS") { said.replace(' ', "`, `") } else { said };
        let (remedy, cause, turn) = (known.remedy.replace("{token}", "NAME"), known.cause, known.turn.name());
        let _ = writeln!(table, "| `{said}` | {cause} | {remedy} | {turn} |");
    }
    table
}

fn hurdles(all: &[(&str, &[Hurdle])]) -> String {
    let mut table = "| where | the page says | what to do |\n|---|---|---|\n".to_owned();
    for (place, hurdles) in all {
        for Hurdle { says, remedy } in *hurdles {
            let _ = writeln!(table, "| {place} | {says} | {remedy} |");
        }
    }
    table
}

/// The page with this table between its marks.
fn with(text: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{PAGE} has no {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{PAGE} has no {end}"));
    format!("{before}{begin}{table}{end}{after}")
}

/// Where replies and what is told to clients stand in the source.
const REPLIES: [&str; 5] = ["src/proto/smtp", "src/proto/imap", "src/proto/pop3", "src/submit", "src/session"];
/// Where all literals are texts for clients or for the log.
const TEXTS: [&str; 3] = ["src/session/failure.rs", "src/submit/gate/full.rs", "src/token/error.rs"];

/// Literals there that nobody is told.
const NOT_TOLD: [(&str, &str); 5] = [
    ("* BYE Bye", "an answer to LOGOUT, no refusal"),
    ("[ALERT] Too many simultaneous connections", "what Gmail says"),
    (
        "-ERR [IN-USE] {text}",
        "a limit is [SYS/TEMP] in POP3: [IN-USE] would say that somebody else has locked the mailbox",
    ),
    ("you have left", "to a client that has left"),
    ("{}; next: {}", "joins two texts"),
];

#[test]
fn every_reply_of_gatepost_stands_in_the_catalogue() {
    let told = page(PAGE).text;
    let mut literals = Vec::new();
    for directory in REPLIES {
        collect(&house().join(directory), &mut |source| literals.extend(quoted(source).filter(|text| is_reply(text))));
    }
    assert!(literals.len() > 40, "the source is not read rightly: {literals:?}");
    for file in TEXTS {
        literals
            .extend(quoted(&std::fs::read_to_string(house().join(file)).unwrap()).filter(|text| text.contains(' ')));
    }
    literals.retain(|literal| !NOT_TOLD.iter().any(|(text, _)| literal.starts_with(text)));
    let missing: Vec<_> =
        literals.iter().filter(|literal| !pieces(literal).all(|piece| told.contains(piece))).collect();
    assert!(missing.is_empty(), "{PAGE} does not tell of {missing:#?}");
}

fn collect(path: &Path, take: &mut impl FnMut(&str)) {
    let name = path.file_name().unwrap().to_str().unwrap();
    if path.is_dir() && name != "tests" {
        for entry in std::fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), take);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") && !matches!(name, "tests.rs" | "queue_id.rs")
    {
        take(std::fs::read_to_string(path).unwrap().split("#[cfg(test)]\nmod tests {").next().unwrap());
    }
}

/// The literals of a source, comments left out.
fn quoted(source: &str) -> impl Iterator<Item = String> {
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let code = code.replace("\\\"", "\u{1}");
    code.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// A permanent or temporary refusal in one of the three protocols.
fn is_reply(text: &str) -> bool {
    let smtp = |text: &str| {
        let digits = |part: Option<&str>, count| {
            part.is_some_and(|part| part.len() == count && part.bytes().all(|c| c.is_ascii_digit()))
        };
        text.starts_with(['4', '5'])
            && digits(text.get(..3), 3)
            && digits(text.get(4..5), 1)
            && text.get(5..6) == Some(".")
    };
    let imap = text.starts_with("* BYE ") || (text.starts_with('[') && text.contains("] ") && text.is_ascii());
    smtp(text) || imap || text.starts_with("-ERR ")
}

/// What of it is always so: what stands between the values that are put in.
fn pieces(literal: &str) -> impl Iterator<Item = &str> {
    let line = literal.split("\\r\\n").next().unwrap();
    line.split(['{', '}']).step_by(2).map(str::trim).filter(|piece| piece.len() > 5)
}
