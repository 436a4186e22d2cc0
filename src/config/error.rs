use std::fmt;
use std::path::{Path, PathBuf};

/// All that is wrong with a configuration, in the order of its files and lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

/// One thing that is wrong: where, what was found, what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it stands.
    pub place: Place,
    /// The key, as `[table]` headings write it; empty for a whole file.
    pub key: String,
    /// What is wrong, with what was found.
    pub problem: String,
    /// What would be right.
    pub allowed: Option<String>,
    /// A guess at what was meant, or the next step.
    pub hint: Option<String>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file, and where in it.
    File {
        /// Its path as given.
        file: PathBuf,
        /// Where in it, if it is about one place.
        at: Option<Snippet>,
    },
    /// An environment variable.
    Environment(String),
}

/// A line of a file as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// Line in the file, from 1.
    pub line: usize,
    /// Column in that line, from 1.
    pub column: usize,
    /// The line, with all values left out that could be secret.
    pub text: String,
    /// The character of the text that the caret points at, from 0.
    pub caret: usize,
}

impl ConfigError {
    pub(super) fn of_file(file: &Path, problem: String) -> Self {
        let place = Place::File { file: file.to_owned(), at: None };
        Self { place, key: String::new(), problem, allowed: None, hint: None }
    }
}

impl Place {
    /// Files by name and line, then the environment.
    pub(super) fn order(&self) -> (bool, PathBuf, usize) {
        match self {
            Self::File { file, at } => (false, file.clone(), at.as_ref().map_or(0, |snippet| snippet.line)),
            Self::Environment(variable) => (true, PathBuf::from(variable), 0),
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.0 {
            writeln!(f, "{error}")?;
        }
        let count = self.0.len();
        write!(f, "{count} error{} in the configuration", if count == 1 { "" } else { "s" })
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        writeln!(f, "{}", self.problem)?;
        if let Place::File { at: Some(Snippet { line, text, caret, .. }), .. } = &self.place {
            let margin = line.to_string().len();
            writeln!(f, "{:margin$} |", "")?;
            writeln!(f, "{line} | {text}")?;
            writeln!(f, "{:margin$} | {:caret$}^", "", "")?;
        }
        for (label, note) in [("allowed", &self.allowed), ("help", &self.hint)] {
            if let Some(note) = note {
                writeln!(f, "  = {label}: {note}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, at: Some(Snippet { line, column, .. }) } => {
                write!(f, "{}:{line}:{column}", file.display())
            }
            Self::File { file, at: None } => write!(f, "{}", file.display()),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
        }
    }
}
