//! The files of Python's `configparser`, as email-oauth2-proxy has it: no interpolation, no remarks behind a value.

use zeroize::Zeroizing;

/// A file's sections, in their order. Values may be secrets: nothing here can print itself.
#[derive(Default)]
pub(super) struct Ini {
    pub(super) sections: Vec<Section>,
    defaults: Vec<Entry>,
}

pub(super) struct Section {
    pub(super) name: String,
    /// From 1; 0 for one that stands in no file.
    pub(super) line: usize,
    pub(super) entries: Vec<Entry>,
}

pub(super) struct Entry {
    /// In lower case.
    pub(super) key: String,
    pub(super) value: Zeroizing<String>,
    pub(super) line: usize,
}

/// A line that is nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub(super) struct Malformed {
    line: usize,
    problem: &'static str,
}

/// What every section inherits.
const DEFAULT: &str = "DEFAULT";

impl Ini {
    pub(super) fn parse(text: &str) -> Result<Self, Malformed> {
        let mut reading = Reading::default();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            reading.line(index + 1, line)?;
        }
        reading.finish();
        Ok(reading.ini)
    }

    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// What a section says, or else the defaults.
    pub(super) fn get<'a>(&'a self, section: &'a Section, key: &str) -> Option<&'a Entry> {
        section.own(key).or_else(|| self.defaults.iter().find(|entry| entry.key == key))
    }
}

impl Section {
    pub(super) fn own(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Replaces what it says.
    pub(super) fn set(&mut self, key: &str, value: &str) {
        let line = self.own(key).map_or(0, |entry| entry.line);
        self.entries.retain(|entry| entry.key != key);
        self.entries.push(Entry { key: key.to_owned(), value: value.to_owned().into(), line });
    }
}

/// `configparser._read`: a line that is indented deeper than its key goes on with the value.
#[derive(Default)]
struct Reading {
    ini: Ini,
    place: Place,
    indent: usize,
    /// The value that may go on.
    open: Option<(String, usize, Vec<Zeroizing<String>>)>,
}

#[derive(Default, PartialEq, Eq)]
enum Place {
    #[default]
    Nowhere,
    Defaults,
    Section,
}

impl Reading {
    fn line(&mut self, number: usize, line: &str) -> Result<(), Malformed> {
        let text = line.trim();
        if text.starts_with(['#', ';']) {
            return Ok(());
        }
        if text.is_empty() {
            if let Some((_, _, parts)) = &mut self.open {
                parts.push(Zeroizing::default());
            }
            return Ok(());
        }
        let indent = line.len() - line.trim_start().len();
        if let Some((_, _, parts)) = self.open.as_mut().filter(|_| indent > self.indent) {
            parts.push(text.to_owned().into());
            return Ok(());
        }
        self.indent = indent;
        self.finish();
        match heading(text) {
            Some(name) => self.begin(number, name),
            None => self.entry(number, text),
        }
    }

    fn begin(&mut self, line: usize, name: &str) -> Result<(), Malformed> {
        if name == DEFAULT {
            self.place = Place::Defaults;
            return Ok(());
        }
        if self.ini.section(name).is_some() {
            return Err(Malformed { line, problem: "a section of this name stands above already" });
        }
        self.place = Place::Section;
        self.ini.sections.push(Section { name: name.to_owned(), line, entries: Vec::new() });
        Ok(())
    }

    fn entry(&mut self, line: usize, text: &str) -> Result<(), Malformed> {
        if self.place == Place::Nowhere {
            return Err(Malformed { line, problem: "it stands before the first [section]" });
        }
        let (key, value) = text
            .split_once(['=', ':'])
            .filter(|(key, _)| !key.trim().is_empty())
            .ok_or(Malformed { line, problem: "it is neither a [section] nor a key with a value" })?;
        let key = key.trim().to_lowercase();
        if self.entries().iter().any(|entry| entry.key == key) {
            return Err(Malformed { line, problem: "this key stands in the section already" });
        }
        self.open = Some((key, line, vec![value.trim().to_owned().into()]));
        Ok(())
    }

    fn entries(&mut self) -> &mut Vec<Entry> {
        let defaults = &mut self.ini.defaults;
        if self.place == Place::Defaults {
            return defaults;
        }
        self.ini.sections.last_mut().map_or(defaults, |section| &mut section.entries)
    }

    fn finish(&mut self) {
        let Some((key, line, parts)) = self.open.take() else { return };
        let parts: Vec<_> = parts.iter().map(|part| part.as_str()).collect();
        let value = Zeroizing::new(parts.join("\n").trim_end().to_owned());
        self.entries().push(Entry { key, value, line });
    }
}

/// Up to the last bracket: what stands behind it does not count.
fn heading(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('[')?.rsplit_once(']')?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The JSON was made by Python's own configparser.
    #[test]
    fn files_are_read_as_python_reads_them() {
        for (text, json) in [
            (
                include_str!("../../../../tests/commands/import/emailproxy.config"),
                include_str!("../../../../tests/commands/import/emailproxy.json"),
            ),
            (
                include_str!("../../../../tests/commands/import/odd.config"),
                include_str!("../../../../tests/commands/import/odd.json"),
            ),
        ] {
            let expected: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(json).unwrap();
            let ini = Ini::parse(text).unwrap();
            let keys = |section: &Section| {
                let all = section.entries.iter().chain(&ini.defaults);
                all.map(|entry| entry.key.clone()).collect::<Vec<_>>()
            };
            let value = |section, key: String| {
                let value = ini.get(section, &key).unwrap().value.to_string();
                (key, value)
            };
            let found: BTreeMap<_, BTreeMap<_, _>> = ini
                .sections
                .iter()
                .map(|section| {
                    (section.name.clone(), keys(section).into_iter().map(|key| value(section, key)).collect())
                })
                .collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn lines_are_known_and_what_is_nothing_is_refused_by_its_line() {
        let ini = Ini::parse("\u{feff}# one\r\n[a]\r\nkey = v\r\n  w\r\n\r\n[b]\nx:y\n").unwrap();
        assert_eq!((ini.sections[1].line, ini.sections[1].entries[0].line), (6, 7));
        assert_eq!(ini.sections[0].entries[0].value.as_str(), "v\nw");
        for (text, line) in
            [("key = v", 1), ("[a]\nnothing", 2), ("[a]\n[b]\n[a]", 3), ("[a]\nx=1\nX=2", 3), ("[a]\n= v", 2)]
        {
            assert_eq!(Ini::parse(text).map(drop).unwrap_err().line, line, "{text}");
        }
    }
}
