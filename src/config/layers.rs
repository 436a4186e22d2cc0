use std::collections::{BTreeSet, HashMap};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use figment::value::{Tag, Value};
use figment::{Figment, Source};

use super::document::{Document, Step};
use super::environment::Environment;
use super::error::{ConfigError, ConfigErrors, Place};

/// The layers of a configuration, laid over each other, with where each value came from.
pub(super) struct Layers {
    /// Where the values that bear a tag come from.
    sources: HashMap<Tag, From>,
    pub(super) merged: Value,
    /// In the order in which they are laid.
    documents: Vec<Document>,
    environment: Environment,
    /// All variables, for secrets that stand in one.
    variables: HashMap<String, String>,
    main: PathBuf,
    /// Files that were named by what has been read.
    files: Mutex<BTreeSet<PathBuf>>,
}

#[derive(Clone, Debug)]
enum From {
    Environment,
    File(PathBuf),
}

impl Layers {
    pub(super) fn read(
        file: &Path,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        let mut errors = Vec::new();
        let mut documents = Vec::new();
        let mut figment = Figment::new();
        for path in files(file, &mut errors) {
            match Document::read(&path) {
                Ok(document) => {
                    figment = figment.merge(&document);
                    documents.push(document);
                }
                Err(error) => errors.push(error),
            }
        }
        let variables: HashMap<_, _> = variables.into_iter().collect();
        // A copy of everything, which only variables ask for.
        let below =
            variables.keys().any(|name| Environment::is_ours(name)).then(|| figment.find_value("").ok()).flatten();
        let environment = Environment::of(variables.clone(), below.as_ref().and_then(Value::as_dict), &mut errors);
        let figment = figment.merge(&environment);
        match figment.find_value("") {
            Ok(merged) if errors.is_empty() => Ok(Self {
                sources: sources(&figment, &merged),
                merged,
                documents,
                environment,
                variables,
                main: file.to_owned(),
                files: Mutex::default(),
            }),
            Ok(_) => Err(ConfigErrors(errors)),
            Err(_) => {
                // figment's own words would quote the file.
                errors.push(ConfigError::of_file(file, "its layers do not fit over each other".to_owned()));
                Err(ConfigErrors(errors))
            }
        }
    }

    /// A declaration of the store, `[tokens.NAME]` or `[accounts.NAME]`. `name` stands where a file would.
    pub(super) fn stored(name: &str, text: &str, variables: HashMap<String, String>) -> Result<Self, ConfigErrors> {
        Self::of_text(Path::new(name), text, variables)
    }

    /// A text that stands in for a file.
    pub(super) fn of_text(file: &Path, text: &str, variables: HashMap<String, String>) -> Result<Self, ConfigErrors> {
        let main = file.to_owned();
        let document = Document::parse(&main, text).map_err(|error| ConfigErrors(vec![error]))?;
        let figment = Figment::new().merge(&document);
        let environment = Environment::of([], None, &mut Vec::new());
        let unfit = |_| ConfigErrors(vec![ConfigError::of_file(&main, "cannot be read".to_owned())]);
        let merged = figment.find_value("").map_err(unfit)?;
        let documents = vec![document];
        let sources = sources(&figment, &merged);
        Ok(Self { sources, merged, documents, environment, variables, main, files: Mutex::default() })
    }

    /// Notes a file that a value names.
    pub(super) fn names(&self, file: &Path) {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(file.to_owned());
    }

    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) const fn variables(&self) -> &HashMap<String, String> {
        &self.variables
    }

    /// The file or variable that a value came from; `shown` if its value may be seen.
    pub(super) fn place(&self, tag: Tag, path: &[Step], shown: bool) -> Place {
        if self.is_environment(tag) {
            return Place::Environment(self.environment.variable(path));
        }
        match self.document(tag) {
            Some(document) => Place::File { file: document.path.clone(), at: document.locate(path, shown) },
            None => Place::File { file: self.main.clone(), at: None },
        }
    }

    /// `FILE:LINE` or the name of a variable; `None` for a default.
    pub(super) fn origin(&self, path: &[Step]) -> Option<String> {
        let tag = leaf_tag(path.iter().try_fold(&self.merged, |value, step| match (value, step) {
            (Value::Dict(_, dict), Step::Name(name)) => dict.get(name),
            (Value::Array(_, values), Step::Index(index)) => values.get(*index),
            _ => None,
        })?);
        if self.is_environment(tag) {
            return Some(self.environment.variable(path));
        }
        let document = self.document(tag)?;
        let line = document.line(path).map(|line| format!(":{line}")).unwrap_or_default();
        Some(format!("{}{line}", document.path.display()))
    }

    /// The directory that a relative path in this value starts from: that of the file which names it.
    pub(super) fn directory(&self, tag: Tag) -> PathBuf {
        let file = self.document(tag).map_or(&self.main, |document| &document.path);
        file.parent().map(Path::to_owned).unwrap_or_default()
    }

    pub(super) fn is_environment(&self, tag: Tag) -> bool {
        matches!(self.sources.get(&tag), Some(From::Environment))
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The layer of a value: later ones lie over earlier ones.
    pub(super) fn rank(&self, tag: Tag) -> usize {
        let file = self.file(tag).and_then(|file| self.documents.iter().position(|document| document.path == file));
        file.unwrap_or(self.documents.len())
    }

    fn document(&self, tag: Tag) -> Option<&Document> {
        let file = self.file(tag)?;
        self.documents.iter().find(|document| document.path == file)
    }

    fn file(&self, tag: Tag) -> Option<&Path> {
        match self.sources.get(&tag)? {
            From::File(file) => Some(file),
            From::Environment => None,
        }
    }

    /// No place is asked for any more, or not soon: what that takes is not kept.
    pub(super) fn rest(&self) {
        self.documents.iter().for_each(Document::rest);
    }
}

/// figment itself would keep all values once more.
fn sources(figment: &Figment, merged: &Value) -> HashMap<Tag, From> {
    let mut sources = HashMap::new();
    let mut values = vec![merged];
    while let Some(value) = values.pop() {
        match value {
            Value::Dict(_, dict) => values.extend(dict.values()),
            Value::Array(_, array) => values.extend(array),
            _ => {}
        }
        let tag = value.tag();
        if sources.contains_key(&tag) {
            continue;
        }
        let Some(metadata) = figment.get_metadata(tag) else { continue };
        if metadata.name == Environment::NAME {
            sources.insert(tag, From::Environment);
        } else if let Some(Source::File(file)) = &metadata.source {
            sources.insert(tag, From::File(file.clone()));
        }
    }
    sources
}

/// A table that several layers share has the tag of one of them: a value inside tells a file that has it.
pub(super) fn leaf_tag(value: &Value) -> Tag {
    match value {
        Value::Dict(tag, dict) => dict.values().next().map_or(*tag, leaf_tag),
        other => other.tag(),
    }
}

/// The main file and, in the order of their names, `FILE.d/*.toml`.
fn files(main: &Path, errors: &mut Vec<ConfigError>) -> Vec<PathBuf> {
    let mut extra = main.as_os_str().to_owned();
    extra.push(".d");
    let extra = PathBuf::from(extra);
    let listed = std::fs::read_dir(&extra)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>());
    let mut found = listed.unwrap_or_else(|fault| {
        if fault.kind() != ErrorKind::NotFound {
            errors.push(ConfigError::of_file(&extra, format!("cannot be listed: {fault}")));
        }
        Vec::new()
    });
    found.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    found.sort();
    if std::fs::metadata(main).is_err_and(|fault| fault.kind() == ErrorKind::NotFound) {
        let hint = "name the file: `gatepost serve --config FILE`; config/example.toml is a start";
        let error = ConfigError::of_file(main, "there is no such file".to_owned());
        errors.push(ConfigError { hint: Some(hint.to_owned()), ..error });
        return found;
    }
    std::iter::once(main.to_owned()).chain(found).collect()
}
