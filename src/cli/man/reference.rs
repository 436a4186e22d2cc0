//! gatepost.toml(5), made of `config/reference.toml`: a section for each table, an item for each key.

use clap_mangen::roff::{Roff, bold, roman};

/// A line of the reference.
#[derive(Debug, PartialEq)]
enum Line<'a> {
    /// Between paragraphs.
    Empty,
    /// `[table]`, and what it is for.
    Table(&'a str, &'a str),
    /// A key as it is written, and its meaning.
    Key(&'a str, &'a str),
    /// What goes on from the line before, and text before the first table.
    Text(&'a str),
}

pub(super) fn page(reference: &str, source: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("TH", ["gatepost.toml", "5", "", source, "Gatepost"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("gatepost.toml - configuration of gatepost")]);
    roff.control("SH", ["DESCRIPTION"]);
    for line in reference.lines().map(read) {
        write(&mut roff, &line);
    }
    roff.control("SH", ["FILES"]);
    for file in [super::super::INSTALLED, "/etc/gatepost/gatepost.toml.d/*.toml"] {
        roff.text([roman(file)]);
        roff.control("br", []);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("gatepost"), roman("(1), "), bold("gatepost-config-check"), roman("(1)")]);
    roff
}

fn write(roff: &mut Roff, line: &Line<'_>) {
    match line {
        Line::Empty => {
            roff.control("PP", []);
        }
        Line::Table(name, purpose) => {
            roff.control("SH", [*name]);
            text(roff, purpose);
        }
        Line::Key(key, meaning) => {
            roff.control("TP", []);
            roff.text([bold(*key)]);
            text(roff, meaning);
        }
        Line::Text(words) => text(roff, words),
    }
}

fn text(roff: &mut Roff, words: &str) {
    if !words.is_empty() {
        roff.text([roman(words)]);
    }
}

fn read(line: &str) -> Line<'_> {
    let (written, comment) = parted(line);
    if line.trim_start_matches('#').trim().is_empty() {
        Line::Empty
    } else if written.starts_with('[') {
        Line::Table(written, comment)
    } else if is_key(written) {
        Line::Key(written, comment)
    } else {
        Line::Text(line.trim_start_matches([' ', '#']))
    }
}

/// What is written, perhaps commented out, and the comment behind it.
fn parted(line: &str) -> (&str, &str) {
    let mut quoted = false;
    let comment = line.char_indices().skip(1).find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == '#' && !quoted).then_some(at)
    });
    let (written, comment) = comment.map_or((line, ""), |at| line.split_at(at));
    (written.trim_end(), comment.trim_start_matches(['#', ' ']))
}

/// `key = …`, commented out or as one of several.
fn is_key(written: &str) -> bool {
    let key = written.strip_prefix("# ").unwrap_or(written);
    let key = key.strip_prefix("or ").unwrap_or(key);
    let word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    key.split_once('=').is_some_and(|(key, _)| word(key.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_reference_are_told_apart() {
        for (line, expected) in [
            ("", Line::Empty),
            ("#", Line::Empty),
            ("# Layers: this file, then FILE.d/*.toml", Line::Text("Layers: this file, then FILE.d/*.toml")),
            ("[log]", Line::Table("[log]", "")),
            ("[[listeners]]          # as many as you like", Line::Table("[[listeners]]", "as many as you like")),
            ("# level  = \"info\"     # off | error", Line::Key("# level  = \"info\"", "off | error")),
            ("# or tls = \"a # b\"", Line::Key("# or tls = \"a # b\"", "")),
            ("key = { file = \"k\" }  # seals", Line::Key("key = { file = \"k\" }", "seals")),
            ("              # beside it; x = 1", Line::Text("beside it; x = 1")),
            ("#   { policy = \"keep\" }   others", Line::Text("{ policy = \"keep\" }   others")),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }
}
