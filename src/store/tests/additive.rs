//! A migration only adds: programs of the schema before go on beside it.
//!
//! What is not known to add only is refused; whoever needs another kind of statement adds it here, with the reason why programs
//! of the schema before do not notice.

/// Each statement that does more than add, with why.
pub(super) fn breaches(migration: &str) -> Vec<String> {
    let mut made = Vec::new();
    let statements = statements(migration);
    let found = statements.iter().filter_map(|words| {
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        breach(&words, &mut made).map(|why| format!("{}: {why}", words.join(" ")))
    });
    found.collect()
}

/// `made`: the tables of this migration, which no program knows before it.
fn breach(words: &[&str], made: &mut Vec<String>) -> Option<&'static str> {
    let is_new = |table: &str| made.iter().any(|new| new == table);
    match words {
        ["CREATE", "TABLE", table, "(", ..] => {
            made.push((*table).to_owned());
            None
        }
        ["CREATE", "INDEX" | "SEQUENCE" | "FUNCTION", ..] | ["CREATE", "TRIGGER", _, "AFTER", ..] => None,
        ["CREATE", "UNIQUE", "INDEX", _, "ON", table, ..]
        | ["ALTER", "TABLE", table, ..]
        | ["INSERT", "INTO", table, ..]
        | ["UPDATE", table, ..]
            if is_new(table) =>
        {
            None
        }
        ["ALTER", "TABLE", _, changes @ ..] => parts(changes).into_iter().find_map(column),
        _ => Some("it is not known to add only"),
    }
}

/// What a change of a table does to those who do not know of it.
fn column(change: &[&str]) -> Option<&'static str> {
    let ["ADD", "COLUMN", _, kind @ ..] = change else { return Some("it changes what was there") };
    let bounds = ["UNIQUE", "PRIMARY", "REFERENCES", "CHECK", "CONSTRAINT", "GENERATED", "EXCLUDE"];
    if kind.iter().any(|word| bounds.contains(word)) {
        return Some("it bounds what may be written");
    }
    let is_needed = kind.windows(2).any(|pair| pair == ["NOT", "NULL"]);
    let is_given = kind.windows(2).any(|pair| pair[0] == "DEFAULT" && pair[1] != "NULL");
    (is_needed && !is_given).then_some("who does not know the column leaves it out, and it may not be left out")
}

/// What stands between commas, but for those in brackets.
fn parts<'a, 'b>(words: &'a [&'b str]) -> Vec<&'a [&'b str]> {
    let mut depth = 0;
    let ends = move |word: &&str| {
        depth += i32::from(*word == "(") - i32::from(*word == ")");
        depth == 0 && *word == ","
    };
    words.split(ends).collect()
}

/// The words of each statement, in capitals; what stands in quotes is one word.
fn statements(text: &str) -> Vec<Vec<String>> {
    let mut rest = text;
    let mut words = vec![String::new()];
    while let Some(word) = next_word(&mut rest) {
        words.push(word.to_uppercase());
    }
    let statements = words.split(|word| word == ";").map(|words| words.iter().filter(|word| !word.is_empty()).cloned());
    statements.map(Iterator::collect::<Vec<_>>).filter(|words| !words.is_empty()).collect()
}

fn next_word<'a>(rest: &mut &'a str) -> Option<&'a str> {
    loop {
        *rest = rest.trim_start();
        let Some(behind) = rest.strip_prefix("--") else { break };
        *rest = behind.split_once('\n').map_or("", |(_, next)| next);
    }
    let first = rest.chars().next()?;
    let length = match first {
        '\'' | '"' => quoted(rest, &first.to_string()),
        '$' => quoted(rest, &rest[..=1 + rest[1..].find('$').expect("the end of a mark")]),
        _ => {
            rest.find(|c: char| !(c.is_alphanumeric() || "_.".contains(c))).unwrap_or(rest.len()).max(first.len_utf8())
        }
    };
    let (word, behind) = rest.split_at(length);
    *rest = behind;
    Some(word)
}

/// How long what begins and ends with this is.
fn quoted(text: &str, mark: &str) -> usize {
    2 * mark.len() + text[mark.len()..].find(mark).expect("the end of what is quoted")
}

#[test]
fn what_would_break_the_program_before_is_found() {
    for breaking in [
        "DROP TABLE uses",
        "drop index records_ending",
        "ALTER TABLE tokens DROP COLUMN scopes",
        "ALTER TABLE tokens RENAME COLUMN scopes TO scope",
        "ALTER TABLE tokens RENAME TO grants",
        "ALTER TABLE tokens ALTER COLUMN version TYPE TEXT",
        "ALTER TABLE tokens ALTER scopes SET NOT NULL",
        "ALTER TABLE tokens ADD CONSTRAINT one UNIQUE (scopes)",
        "ALTER TABLE tokens ADD COLUMN a TEXT NOT NULL",
        "ALTER TABLE tokens ADD COLUMN a TEXT NOT NULL DEFAULT NULL",
        "ALTER TABLE tokens ADD COLUMN a TEXT UNIQUE",
        "ALTER TABLE tokens ADD COLUMN a TEXT CHECK (a <> '')",
        "ALTER TABLE tokens ADD COLUMN a NUMERIC(3, 1), DROP COLUMN scopes",
        "CREATE UNIQUE INDEX one ON tokens (scopes)",
        "CREATE TRIGGER no BEFORE INSERT ON tokens FOR EACH ROW EXECUTE FUNCTION no()",
        "CREATE OR REPLACE FUNCTION now_ms() RETURNS BIGINT LANGUAGE sql AS $$ SELECT 1 $$",
        "CREATE TABLE IF NOT EXISTS tokens (name TEXT)",
        "UPDATE tokens SET scopes = 'all'",
        "DELETE FROM notices",
        "CREATE TABLE new (one TEXT); INSERT INTO tokens (name) VALUES ('x')",
        "-- Adds only;\nDROP TABLE uses",
    ] {
        assert_eq!(breaches(breaking).len(), 1, "{breaking}");
    }
}

#[test]
fn what_only_adds_is_let_through() {
    for adding in [
        "ALTER TABLE tokens ADD COLUMN a TEXT, ADD COLUMN b NUMERIC(3, 1) NOT NULL DEFAULT 0",
        "CREATE TABLE new (one TEXT UNIQUE); CREATE UNIQUE INDEX two ON new (one); INSERT INTO new VALUES ('; DROP TABLE uses')",
        "CREATE FUNCTION f() RETURNS VOID LANGUAGE sql AS $body$ DELETE FROM uses; $body$; CREATE INDEX i ON uses (login)",
        "-- Nothing; DROP TABLE uses\n",
    ] {
        assert_eq!(breaches(adding), Vec::<String>::new());
    }
}
