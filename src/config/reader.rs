use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use figment::value::{Dict, Tag, Value};
use ipnet::IpNet;

use super::document::Step;
use super::error::{ConfigError, ConfigErrors, Place};
use super::layers::{Layers, leaf_tag};
use super::words::{dotted, found, is_secret, kind, nearest, short, whole};

/// Reads merged layers, and collects what is wrong with them.
pub(super) struct Reader<'a> {
    layers: &'a Layers,
    errors: RefCell<Vec<ConfigError>>,
    /// What works and should not stay so.
    warnings: RefCell<Vec<String>>,
}

/// A table that is being read. Each key that is asked for counts as known; [`Table::finish`] complains of the others.
pub(super) struct Table<'a> {
    reader: &'a Reader<'a>,
    path: Vec<Step>,
    dict: &'a Dict,
    tag: Tag,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(layers: &'a Layers) -> Self {
        Self { layers, errors: RefCell::new(Vec::new()), warnings: RefCell::new(Vec::new()) }
    }

    pub(super) fn root(&'a self) -> Table<'a> {
        static EMPTY: std::sync::LazyLock<Dict> = std::sync::LazyLock::new(Dict::new);
        let dict = self.layers.merged.as_dict().unwrap_or(&EMPTY);
        Table { reader: self, path: Vec::new(), dict, tag: self.layers.merged.tag(), known: RefCell::default() }
    }

    fn add(&self, path: &[Step], tag: Tag, shown: bool, complaint: Complaint) {
        let Complaint { problem, allowed, hint } = complaint;
        let place = self.layers.place(tag, path, shown);
        self.errors.borrow_mut().push(ConfigError { place, key: dotted(path), problem, allowed, hint });
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        self.warnings.take()
    }

    pub(super) fn finish<T>(&self, value: Option<T>) -> Result<T, ConfigErrors> {
        let mut errors = self.errors.take();
        errors.sort_by_key(|error| error.place.order());
        match value {
            Some(value) if errors.is_empty() => Ok(value),
            _ => Err(ConfigErrors(errors)),
        }
    }
}

impl<'a> Table<'a> {
    pub(super) fn has(&self, key: &str) -> bool {
        self.dict.contains_key(key)
    }

    pub(super) fn is_empty_list(&self, key: &str) -> bool {
        self.dict.get(key).and_then(Value::as_array).is_some_and(<[_]>::is_empty)
    }

    /// Whether an optional key is absent. Either way it is known from now on.
    pub(super) fn absent(&self, key: &'static str) -> bool {
        self.get(key).is_none()
    }

    pub(super) fn get(&self, key: &'static str) -> Option<&'a Value> {
        self.known.borrow_mut().push(key);
        self.dict.get(key)
    }

    pub(super) fn string(&self, key: &'static str) -> Option<String> {
        let value = self.get(key)?;
        value.as_str().map(str::to_owned).or_else(|| self.wrong_type(key, value, "a text in quotes"))
    }

    pub(super) fn required(&self, key: &'static str, what: &str) -> Option<String> {
        if self.absent(key) {
            self.error(key, format!("`{key}` is missing"), Some(what.to_owned()), None);
            return None;
        }
        self.string(key)
    }

    /// A text that means a value.
    pub(super) fn parsed<T: FromStr>(&self, key: &'static str, what: &str) -> Option<T> {
        let text = self.string(key)?;
        text.parse().ok().or_else(|| self.wrong(key, &text, what))
    }

    /// One of several words.
    pub(super) fn choice<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.string(key)?;
        let found = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.or_else(|| {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            let hint = nearest(&text, &words).map(|word| format!("did you mean \"{word}\"?"));
            let allowed = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
            self.error(key, format!("found \"{}\"", short(&text)), Some(allowed), hint);
            None
        })
    }

    pub(super) fn integer(&self, key: &'static str, allowed: &RangeInclusive<u64>) -> Option<u64> {
        let value = self.get(key)?;
        let range = || format!("a whole number from {} to {}", allowed.start(), allowed.end());
        let number = match value {
            Value::Num(_, number) => whole(*number).and_then(|number| u64::try_from(number).ok()),
            Value::String(tag, text) if self.reader.layers.is_environment(*tag) => text.parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| allowed.contains(number));
        // `password_hashes` is a number, for all its name.
        number.or_else(|| self.mismatch(key, &found(value), &range(), true))
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        let found = match value {
            Value::Bool(_, found) => Some(*found),
            Value::String(tag, text) if self.reader.layers.is_environment(*tag) => text.parse().ok(),
            _ => None,
        };
        found.or_else(|| self.wrong_type(key, value, "true or false"))
    }

    /// A list of texts; one text is a list of one.
    pub(super) fn strings(&self, key: &'static str) -> Option<Vec<String>> {
        let value = self.get(key)?;
        let all = match value {
            Value::String(_, one) => Some(vec![one.clone()]),
            Value::Array(_, values) => values.iter().map(|value| value.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        all.or_else(|| self.wrong_type(key, value, "a list of texts"))
    }

    /// Names and texts, `{ name = "text" }`.
    pub(super) fn pairs(&self, key: &'static str) -> Option<Vec<(String, String)>> {
        let value = self.get(key)?;
        let pair = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        let pairs = value.as_dict().and_then(|dict| dict.iter().map(pair).collect());
        pairs.or_else(|| self.wrong_type(key, value, "{ name = \"text\", … }"))
    }

    /// A text or one of TOML's own dates, which figment hands on as a table of one.
    pub(super) fn text_or_date(&self, key: &'static str) -> Option<String> {
        let value = self.get(key)?;
        let text = match value {
            Value::String(_, text) => Some(text.clone()),
            Value::Dict(_, dict) => dict.values().next().and_then(|date| date.as_str().map(str::to_owned)),
            _ => None,
        };
        text.or_else(|| self.wrong_type(key, value, "a text in quotes"))
    }

    /// Says what works and should not stay so.
    pub(super) fn warn(&self, text: String) {
        self.reader.warnings.borrow_mut().push(text);
    }

    /// A list of networks; an address alone is a network of one.
    pub(super) fn networks(&self, key: &'static str) -> Option<Vec<IpNet>> {
        let texts = self.strings(key)?;
        let network = |text: &String| {
            text.parse().ok().or_else(|| text.parse().ok().map(|address: std::net::IpAddr| IpNet::from(address)))
        };
        let read = texts.iter().map(|text| {
            network(text)
                .or_else(|| self.wrong(key, text, "networks such as \"10.0.0.0/8\", \"192.0.2.7\" or \"fd00::/8\""))
        });
        read.collect()
    }

    /// A path; a relative one starts at the directory of the file that names it.
    pub(super) fn file(&self, key: &'static str) -> Option<PathBuf> {
        let file = self.directory(key).join(self.string(key)?);
        self.reader.layers.names(&file);
        Some(file)
    }

    pub(super) fn directory(&self, key: &str) -> PathBuf {
        self.reader.layers.directory(self.tag_of(key))
    }

    pub(super) fn table(&self, key: &'static str) -> Option<Table<'a>> {
        let value = self.get(key)?;
        self.sub(value, &[Step::Name(key.into())])
    }

    /// The tables of a list, `[[key]]`.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Table<'a>> {
        match self.get(key) {
            None => Vec::new(),
            Some(Value::Array(_, values)) => {
                let element = |(index, value)| self.sub(value, &[Step::Name(key.into()), Step::Index(index)]);
                values.iter().enumerate().filter_map(element).collect()
            }
            Some(other) => {
                self.mismatch::<()>(key, kind(other), &format!("[[{key}]] tables"), false);
                Vec::new()
            }
        }
    }

    /// The tables of a table, `[key.NAME]`; `None` for one that is no table, which has been reported.
    pub(super) fn named(&self, key: &'static str) -> Vec<(String, Option<Table<'a>>)> {
        let Some(outer) = self.table(key) else { return Vec::new() };
        let entry = |(name, value): (&String, &'a Value)| {
            (name.clone(), self.sub(value, &[Step::Name(key.into()), Step::Name(name.clone())]))
        };
        outer.dict.iter().map(entry).collect()
    }

    fn sub(&self, value: &'a Value, steps: &[Step]) -> Option<Table<'a>> {
        let path = [&self.path[..], steps].concat();
        if let Value::Dict(tag, dict) = value {
            return Some(Table { reader: self.reader, path, dict, tag: *tag, known: RefCell::default() });
        }
        // The text is not shown: `[accounts] user = "password"` is a guess that people make.
        let problem = format!("found {}", kind(value));
        self.reader.add(&path, value.tag(), false, Complaint { problem, allowed: Some("a table".into()), hint: None });
        None
    }

    /// Complains of a value that was understood as text but means nothing.
    pub(super) fn wrong<T>(&self, key: &str, found: &str, allowed: &str) -> Option<T> {
        let is_url = key.ends_with("url") || key == "proxy";
        let password_in_url = is_url && found.contains(['@', '?']);
        let shown = !is_secret(key) && !password_in_url;
        let found = if shown { format!("{:?}", short(found)) } else { "something else".to_owned() };
        self.mismatch(key, &found, allowed, shown)
    }

    fn wrong_type<T>(&self, key: &str, value: &Value, allowed: &str) -> Option<T> {
        let shown = !is_secret(key);
        // Someone may have written a password without its quotes.
        let found = if shown { found(value) } else { kind(value).to_owned() };
        self.mismatch(key, &found, allowed, shown)
    }

    fn mismatch<T>(&self, key: &str, found: &str, allowed: &str, shown: bool) -> Option<T> {
        let complaint = Complaint { problem: format!("found {found}"), allowed: Some(allowed.to_owned()), hint: None };
        self.reader.add(&self.path_of(key), self.tag_of(key), shown, complaint);
        None
    }

    /// Adds an error at a key of this table, or at the table itself for an empty key.
    pub(super) fn error(&self, key: &str, problem: String, allowed: Option<String>, hint: Option<String>) {
        let shown = !is_secret(key) && self.known.borrow().contains(&key);
        self.reader.add(&self.path_of(key), self.tag_of(key), shown, Complaint { problem, allowed, hint });
    }

    /// How many errors there are so far, to see whether a table had any.
    pub(super) fn errors(&self) -> usize {
        self.reader.errors.borrow().len()
    }

    /// Where a key of this table stands, or the table itself for an empty key.
    pub(super) fn origin(&self, key: &str) -> Origin {
        Origin { path: self.path_of(key), tag: self.tag_of(key) }
    }

    /// `FILE:LINE:COLUMN`, or the name of a variable.
    pub(super) fn place(&self, origin: &Origin) -> Place {
        self.reader.layers.place(origin.tag, &origin.path, false)
    }

    pub(super) const fn layers(&self) -> &'a Layers {
        self.reader.layers
    }

    fn path_of(&self, key: &str) -> Vec<Step> {
        let key = (!key.is_empty()).then(|| Step::Name(key.to_owned()));
        self.path.iter().cloned().chain(key).collect()
    }

    /// Complains of keys that nobody asked for.
    pub(super) fn finish(&self) {
        let known = self.known.borrow().clone();
        for key in self.dict.keys().filter(|key| !known.contains(&key.as_str())) {
            let hint = nearest(key, &known).map(|near| format!("did you mean `{near}`?"));
            let mut allowed = known.clone();
            allowed.sort_unstable();
            allowed.dedup();
            self.error(key, format!("unknown key `{}`", short(key)), Some(allowed.join(", ")), hint);
        }
    }

    fn tag_of(&self, key: &str) -> Tag {
        match self.dict.get(key) {
            Some(value) => leaf_tag(value),
            None => self.dict.values().find(|value| value.as_dict().is_none()).map_or(self.tag, Value::tag),
        }
    }
}

/// Where a value stands; cheap until it is asked for as a [`Place`].
#[derive(Clone)]
pub(super) struct Origin {
    path: Vec<Step>,
    tag: Tag,
}

impl Origin {
    pub(super) fn path(&self) -> &[Step] {
        &self.path
    }
}

struct Complaint {
    problem: String,
    allowed: Option<String>,
    hint: Option<String>,
}
