use std::collections::HashMap;
use std::path::{Path, PathBuf};

use figment::providers::{Format as _, Toml};
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};
use toml_edit::ImDocument;

use super::error::{ConfigError, ConfigErrors, Place};

/// The layers of a configuration, laid over each other, with where each value came from.
pub(super) struct Layers {
    figment: Figment,
    pub(super) merged: Value,
    documents: HashMap<PathBuf, ImDocument<String>>,
    main: PathBuf,
}

/// One step of a key: the name in a table, or the place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Name(String),
    Index(usize),
}

/// The prefix of environment variables; two underscores separate tables.
pub(super) const PREFIX: &str = "GATEPOST__";

impl Layers {
    pub(super) fn read(
        file: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        let mut errors = Vec::new();
        let mut documents = HashMap::new();
        let mut figment = Figment::new();
        for path in files(file, &mut errors) {
            match parse(&path) {
                Ok(document) => {
                    figment = figment.merge(Toml::file_exact(&path));
                    documents.insert(path, document);
                }
                Err(error) => errors.push(error),
            }
        }
        figment = figment.merge(Environment::of(environment));
        match figment.find_value("") {
            Ok(merged) if errors.is_empty() => Ok(Self { figment, merged, documents, main: file.to_owned() }),
            Ok(_) => Err(ConfigErrors(errors)),
            Err(fault) => {
                errors.push(whole(file, &fault.to_string(), None));
                Err(ConfigErrors(errors))
            }
        }
    }

    /// The file or variable that a value came from.
    pub(super) fn place(&self, tag: Tag, path: &[Step], secret: bool) -> Place {
        let metadata = self.figment.get_metadata(tag);
        match metadata.and_then(|metadata| metadata.source.as_ref()) {
            Some(Source::File(file)) => Place::File { file: file.clone(), at: self.locate(file, path, secret) },
            _ if metadata.is_some_and(|metadata| metadata.name == Environment::NAME) => {
                Place::Environment(variable(path))
            }
            _ => Place::File { file: self.main.clone(), at: None },
        }
    }

    /// The directory that a relative path in this value starts from: that of the file which names it.
    pub(super) fn directory(&self, tag: Tag) -> PathBuf {
        let source = self.figment.get_metadata(tag).and_then(|metadata| metadata.source.clone());
        let file = if let Some(Source::File(file)) = source { file } else { self.main.clone() };
        file.parent().map(Path::to_owned).unwrap_or_default()
    }

    pub(super) fn is_environment(&self, tag: Tag) -> bool {
        self.figment.get_metadata(tag).is_some_and(|metadata| metadata.name == Environment::NAME)
    }

    /// Line, column and text of a key, or of the nearest table around it.
    fn locate(&self, file: &Path, path: &[Step], secret: bool) -> Option<(usize, usize, String)> {
        let document = self.documents.get(file)?;
        let span = (0..=path.len()).rev().find_map(|length| span(document, &path[..length]))?;
        let text = document.raw();
        let before = &text[..span.start.min(text.len())];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = text[start..].lines().next().unwrap_or_default();
        let shown = if secret { hide(line) } else { line.to_owned() };
        Some((before.matches('\n').count() + 1, text[start..span.start].chars().count() + 1, shown))
    }
}

/// Everything behind the first `=` of a line, for it may hold a secret.
fn hide(line: &str) -> String {
    line.split_once('=').map_or_else(|| line.to_owned(), |(key, _)| format!("{key}= …"))
}

/// The main file and, in the order of their names, `FILE.d/*.toml`.
fn files(main: &Path, errors: &mut Vec<ConfigError>) -> Vec<PathBuf> {
    let mut extra = main.as_os_str().to_owned();
    extra.push(".d");
    let mut found = Vec::new();
    if let Ok(entries) = std::fs::read_dir(PathBuf::from(extra)) {
        for entry in entries {
            match entry {
                Ok(entry) => found.push(entry.path()),
                Err(fault) => errors.push(whole(main, &format!("cannot list its .d directory: {fault}"), None)),
            }
        }
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    found.sort();
    std::iter::once(main.to_owned()).chain(found).collect()
}

#[expect(clippy::result_large_err, reason = "read a few times in a life; the error is the product")]
fn parse(path: &Path) -> Result<ImDocument<String>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|fault| {
        let hint = "name the file with --config FILE; config/example.toml is a start".to_owned();
        whole(path, &format!("cannot be read: {fault}"), Some(hint))
    })?;
    ImDocument::parse(text.clone()).map_err(|fault| {
        let start = fault.span().map_or(0, |span| span.start.min(text.len()));
        let line = text[..start].matches('\n').count() + 1;
        let column = start - text[..start].rfind('\n').map_or(0, |at| at + 1) + 1;
        let shown = hide(text.lines().nth(line - 1).unwrap_or_default());
        let problem = format!("not TOML: {}", fault.message().replace('\n', "; "));
        let place = Place::File { file: path.to_owned(), at: Some((line, column, shown)) };
        ConfigError { place, key: String::new(), problem, allowed: None, hint: None }
    })
}

fn whole(file: &Path, problem: &str, hint: Option<String>) -> ConfigError {
    let place = Place::File { file: file.to_owned(), at: None };
    ConfigError { place, key: String::new(), problem: problem.to_owned(), allowed: None, hint }
}

/// Where a key stands in a document: the key itself, or the heading or value of a table or list element.
fn span(document: &ImDocument<String>, path: &[Step]) -> Option<std::ops::Range<usize>> {
    let (last, above) = path.split_last()?;
    let mut item: Option<&toml_edit::Item> = None;
    let mut table: &dyn toml_edit::TableLike = document.as_table();
    let mut above = above.iter().peekable();
    while let Some(step) = above.next() {
        match step {
            Step::Name(name) => {
                item = table.get(name);
                if let Some(next) = item.and_then(toml_edit::Item::as_table_like) {
                    table = next;
                } else if !matches!(above.peek(), Some(Step::Index(_))) {
                    break;
                }
            }
            Step::Index(index) => {
                let elements = item?;
                table = match (elements.as_array_of_tables(), elements.as_array()) {
                    (Some(tables), _) => tables.get(*index)?,
                    (_, Some(array)) => array.get(*index)?.as_inline_table()?,
                    _ => return None,
                };
            }
        }
    }
    match last {
        Step::Name(name) => {
            let (key, item) = table.get_key_value(name)?;
            key.span().or_else(|| item.span())
        }
        Step::Index(index) => {
            let elements = item.or_else(|| path.get(path.len().checked_sub(2)?).and_then(|step| named(table, step)))?;
            match (elements.as_array_of_tables(), elements.as_array()) {
                (Some(tables), _) => tables.get(*index)?.span(),
                (_, Some(array)) => array.get(*index)?.span(),
                _ => None,
            }
        }
    }
}

fn named<'a>(table: &'a dyn toml_edit::TableLike, step: &Step) -> Option<&'a toml_edit::Item> {
    if let Step::Name(name) = step { table.get(name) } else { None }
}

fn variable(path: &[Step]) -> String {
    let names = path.iter().map(|step| match step {
        Step::Name(name) => name.to_uppercase(),
        Step::Index(index) => index.to_string(),
    });
    format!("{PREFIX}{}", names.collect::<Vec<_>>().join("__"))
}

/// `GATEPOST__STORE__URL=x` as `store.url = "x"`. Values stay text: figment's own provider would turn a secret of digits
/// into a number, and print it.
struct Environment(Dict);

impl Environment {
    const NAME: &'static str = "environment";

    fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut root = Dict::new();
        for (name, value) in variables {
            if let Some(path) = name.strip_prefix(PREFIX) {
                let steps: Vec<_> = path.split("__").map(str::to_lowercase).collect();
                insert(&mut root, &steps, value);
            }
        }
        Self(root)
    }
}

fn insert(dict: &mut Dict, steps: &[String], value: String) {
    match steps {
        [] => {}
        [last] => {
            dict.insert(last.clone(), Value::from(value));
        }
        [first, rest @ ..] => {
            let inner = dict.entry(first.clone()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named(Self::NAME)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.0.clone())]))
    }
}
