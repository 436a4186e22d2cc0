use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use figment::value::{Dict, Map, Value as Laid};
use figment::{Metadata, Profile, Provider};
use toml_edit::{ImDocument, Item, TableLike, Value};

use super::REFERENCE;
use super::error::{ConfigError, Place, Snippet};

/// One step of a key: the name in a table, or the place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Name(String),
    Index(usize),
}

/// A file of the configuration, which knows where its keys stand.
///
/// Law 8: of its text, only key names and the one value that an error is about are ever shown, and that one only when it
/// cannot be a secret. Everything else on the line may be one: neighbours in an inline table, remarks, a line inside a text.
pub(super) struct Document {
    pub(super) path: PathBuf,
    text: String,
    /// Where each line starts, in octets.
    lines: Vec<usize>,
    /// Ten times as large as the text: kept only while places in it are asked for.
    parsed: Mutex<Option<Arc<Parsed>>>,
}

struct Parsed {
    tree: ImDocument<String>,
    values: OnceLock<Vec<Leaf>>,
}

/// A text, number or the like, which has no values inside.
struct Leaf {
    span: Range<usize>,
    path: Vec<Step>,
}

impl Document {
    #[expect(clippy::result_large_err, reason = "read a few times in a life; the error is the product")]
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|fault| ConfigError::of_file(path, format!("cannot be read: {fault}")))?;
        Self::parse(path, &text)
    }

    #[expect(clippy::result_large_err, reason = "read a few times in a life; the error is the product")]
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let lines = line_starts(text);
        match ImDocument::parse(text.to_owned()) {
            Ok(tree) => {
                let parsed = Mutex::new(Some(Parsed::of(tree)));
                Ok(Self { path: path.to_owned(), text: text.to_owned(), lines, parsed })
            }
            Err(fault) => {
                let at = fault.span().map_or(0, |span| span.start);
                let at = Some(broken(text, &lines, at));
                let place = Place::File { file: path.to_owned(), at };
                let problem = format!("not TOML: {}", fault.message().replace('\n', "; "));
                Err(ConfigError { place, ..ConfigError::of_file(path, problem) })
            }
        }
    }

    /// Where a key stands, or the nearest table around it; `shown` if its value may be seen.
    pub(super) fn locate(&self, path: &[Step], shown: bool) -> Option<Snippet> {
        let parsed = self.parsed()?;
        let (length, span) = (1..=path.len()).rev().find_map(|n| Some((n, span(&parsed.tree, &path[..n])?)))?;
        let target = (shown && length == path.len()).then_some(path);
        Some(self.snippet(&parsed, span.start, target))
    }

    /// Line number, from 1, of a key or of the nearest table around it.
    pub(super) fn line(&self, path: &[Step]) -> Option<usize> {
        let parsed = self.parsed()?;
        let span = (1..=path.len()).rev().find_map(|length| span(&parsed.tree, &path[..length]))?;
        Some(line_of(&self.lines, span.start))
    }

    /// No place is asked for any more, or not soon.
    pub(super) fn rest(&self) {
        *self.parsed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn parsed(&self) -> Option<Arc<Parsed>> {
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if parsed.is_none() {
            *parsed = ImDocument::parse(self.text.clone()).ok().map(Parsed::of);
        }
        parsed.clone()
    }

    fn snippet(&self, parsed: &Parsed, at: usize, target: Option<&[Step]>) -> Snippet {
        let text = &self.text;
        let line = line_of(&self.lines, at);
        let range = line_range(text, &self.lines, line);
        let mut masked = Masked::new(at);
        let mut from = range.start;
        let values = parsed.values.get_or_init(|| leaves(&parsed.tree));
        let first = values.partition_point(|leaf| leaf.span.end <= range.start);
        for leaf in values[first..].iter().take_while(|leaf| leaf.span.start < range.end) {
            if leaf.span.start > from {
                masked.keys(from, &text[from..leaf.span.start]);
            }
            let part = leaf.span.start.max(range.start)..leaf.span.end.min(range.end);
            if target.is_some_and(|target| is_at(&leaf.path, target)) {
                masked.show(part.start, &text[part.clone()]);
            } else {
                masked.hide(part.clone());
            }
            from = part.end;
        }
        masked.keys(from, &text[from..range.end]);
        masked.finish(line, text[range.start..at.min(range.end).max(range.start)].chars().count() + 1)
    }
}

/// Read once: a configuration may come through a pipe.
impl Provider for Document {
    fn metadata(&self) -> Metadata {
        Metadata::from("TOML file", self.path.as_path())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let parsed = self.parsed().ok_or_else(|| figment::Error::from("not TOML".to_owned()))?;
        Ok(Profile::Default.collect(dict(parsed.tree.as_table())))
    }
}

impl Parsed {
    fn of(tree: ImDocument<String>) -> Arc<Self> {
        Arc::new(Self { tree, values: OnceLock::new() })
    }
}

fn dict(table: &dyn TableLike) -> Dict {
    table.iter().filter_map(|(name, item)| Some((name.to_owned(), item_value(item)?))).collect()
}

fn item_value(item: &Item) -> Option<Laid> {
    match item {
        Item::None => None,
        Item::Value(value) => Some(laid(value)),
        Item::Table(table) => Some(dict(table).into()),
        Item::ArrayOfTables(tables) => {
            Some(tables.iter().map(|table| Laid::from(dict(table))).collect::<Vec<_>>().into())
        }
    }
}

/// A date, which figment does not know, is a table of one.
fn laid(value: &Value) -> Laid {
    match value {
        Value::String(text) => text.value().as_str().into(),
        Value::Integer(number) => (*number.value()).into(),
        Value::Float(number) => (*number.value()).into(),
        Value::Boolean(truth) => (*truth.value()).into(),
        Value::Datetime(date) => Dict::from([("date".to_owned(), date.value().to_string().into())]).into(),
        Value::Array(values) => values.iter().map(laid).collect::<Vec<_>>().into(),
        Value::InlineTable(table) => dict(table).into(),
    }
}

/// Whether a value is that of a key, or an element of its list. A table under the key may hold a secret.
fn is_at(leaf: &[Step], key: &[Step]) -> bool {
    leaf.strip_prefix(key).is_some_and(|rest| rest.iter().all(|step| matches!(step, Step::Index(_))))
}

/// A line that is being copied without what must not be seen.
struct Masked {
    text: String,
    /// The octet that the caret points at, and where that is in the copy.
    target: usize,
    caret: Option<usize>,
}

impl Masked {
    /// Enough for a key and a value; a list of a thousand networks is cut.
    const WIDTH: usize = 160;

    const fn new(target: usize) -> Self {
        Self { text: String::new(), target, caret: None }
    }

    fn show(&mut self, start: usize, part: &str) {
        for (offset, character) in part.char_indices() {
            if start + offset >= self.target && self.caret.is_none() {
                self.caret = Some(self.text.chars().count());
            }
            self.text.push(match character {
                // It would shift the caret.
                '\t' => ' ',
                // An escape sequence would reach the terminal.
                control if control.is_control() => '?',
                other => other,
            });
        }
    }

    fn hide(&mut self, part: Range<usize>) {
        if part.end > self.target && self.caret.is_none() {
            self.caret = Some(self.text.chars().count());
        }
        if !self.text.ends_with('…') {
            self.text.push('…');
        }
    }

    /// What stands between values: keys, brackets, and a remark, which is left out.
    fn keys(&mut self, start: usize, part: &str) {
        let mut quote = None;
        let remark = part.char_indices().find(|&(_, character)| {
            match (quote, character) {
                (None, '"' | '\'') => quote = Some(character),
                (Some(open), _) if open == character => quote = None,
                _ => {}
            }
            quote.is_none() && character == '#'
        });
        let end = remark.map_or(part.len(), |(offset, _)| offset);
        self.show(start, &part[..end]);
    }

    fn finish(self, line: usize, column: usize) -> Snippet {
        let mut text = self.text.trim_end().to_owned();
        let caret = self.caret.unwrap_or_else(|| text.chars().count()).min(Self::WIDTH);
        if text.chars().count() > Self::WIDTH {
            text = text.chars().take(Self::WIDTH).chain(['…']).collect();
        }
        Snippet { line, column, text, caret }
    }
}

/// The place of a syntax error. What its words are is unknown, so that only those which are keys are shown.
fn broken(text: &str, lines: &[usize], at: usize) -> Snippet {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let line = line_of(lines, at);
    let range = line_range(text, lines, line);
    let mut masked = Masked::new(at);
    let is_word = |character: char| !character.is_whitespace() && !"=[]{},.\"'#".contains(character);
    let mut from = range.start;
    while from < range.end {
        let rest = &text[from..range.end];
        let word = rest.starts_with(is_word);
        let part = &rest[..rest.find(|character| is_word(character) != word).unwrap_or(rest.len())];
        if word && !KEYS.contains(part) {
            masked.hide(from..from + part.len());
        } else {
            masked.show(from, part);
        }
        from += part.len();
    }
    masked.finish(line, text[range.start..at.max(range.start)].chars().count() + 1)
}

/// The names of all keys and tables, which the reference has.
static KEYS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let heading = |line: &'static str| line.trim_start_matches('[').split(['.', ']']).next();
    let key = |line: &'static str| line.split_once('=').map(|(key, _)| key.trim());
    let names = REFERENCE
        .lines()
        .map(|line| line.trim_start_matches("# "))
        .filter_map(|line| if line.starts_with('[') { heading(line) } else { key(line) });
    names.filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')).collect()
});

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect()
}

/// Counted from 1.
fn line_of(lines: &[usize], at: usize) -> usize {
    lines.partition_point(|start| *start <= at)
}

/// A line without its end.
fn line_range(text: &str, lines: &[usize], line: usize) -> Range<usize> {
    let start = lines[line - 1];
    let end = lines.get(line).copied().unwrap_or(text.len());
    start..start + text[start..end].trim_end_matches(['\n', '\r']).len()
}

/// All values of a document, in their order.
fn leaves(document: &ImDocument<String>) -> Vec<Leaf> {
    let mut found = Vec::new();
    in_table(document.as_table(), &mut Vec::new(), &mut found);
    found.sort_by_key(|leaf| leaf.span.start);
    found
}

fn in_table(table: &dyn TableLike, path: &mut Vec<Step>, found: &mut Vec<Leaf>) {
    for (name, item) in table.iter() {
        path.push(Step::Name(name.to_owned()));
        match item {
            Item::Value(value) => in_value(value, path, found),
            Item::Table(inner) => in_table(inner, path, found),
            Item::ArrayOfTables(tables) => {
                for (index, inner) in tables.iter().enumerate() {
                    path.push(Step::Index(index));
                    in_table(inner, path, found);
                    path.pop();
                }
            }
            Item::None => {}
        }
        path.pop();
    }
}

fn in_value(value: &Value, path: &mut Vec<Step>, found: &mut Vec<Leaf>) {
    match value {
        Value::InlineTable(inner) => in_table(inner, path, found),
        Value::Array(values) => {
            for (index, inner) in values.iter().enumerate() {
                path.push(Step::Index(index));
                in_value(inner, path, found);
                path.pop();
            }
        }
        _ => found.extend(value.span().map(|span| Leaf { span, path: path.clone() })),
    }
}

/// Where a key stands in a document: the key itself, or the heading or value of a list element.
fn span(document: &ImDocument<String>, path: &[Step]) -> Option<Range<usize>> {
    let (last, above) = path.split_last()?;
    let mut at = At::Table(document.as_table());
    for step in above {
        at = at.step(step)?;
    }
    match (last, at) {
        (Step::Name(name), At::Table(table)) => {
            let (key, item) = table.get_key_value(name)?;
            key.span().or_else(|| item.span())
        }
        (Step::Index(index), At::Tables(tables)) => tables.get(*index)?.span(),
        (Step::Index(index), At::Array(values)) => values.get(*index)?.span(),
        _ => None,
    }
}

/// What a key leads through.
enum At<'a> {
    Table(&'a dyn TableLike),
    Tables(&'a toml_edit::ArrayOfTables),
    Array(&'a toml_edit::Array),
}

impl<'a> At<'a> {
    fn step(&self, step: &Step) -> Option<Self> {
        match (self, step) {
            (Self::Table(table), Step::Name(name)) => Self::item(table.get(name)?),
            (Self::Tables(tables), Step::Index(index)) => Some(Self::Table(tables.get(*index)?)),
            (Self::Array(values), Step::Index(index)) => Some(Self::Table(values.get(*index)?.as_inline_table()?)),
            _ => None,
        }
    }

    fn item(item: &'a Item) -> Option<Self> {
        let table = item.as_table_like().map(Self::Table);
        table.or_else(|| item.as_array_of_tables().map(Self::Tables)).or_else(|| item.as_array().map(Self::Array))
    }
}
