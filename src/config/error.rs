use std::fmt;
use std::path::PathBuf;

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
        /// Line and column from 1, and the line with its values hidden where they could be secret.
        at: Option<(usize, usize, String)>,
    },
    /// An environment variable.
    Environment(String),
}

impl Place {
    /// Files by name and line, then the environment.
    pub(super) fn order(&self) -> (bool, PathBuf, usize) {
        match self {
            Self::File { file, at } => (false, file.clone(), at.as_ref().map_or(0, |(line, _, _)| *line)),
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
        match &self.place {
            Place::File { file, at: Some((line, column, _)) } => write!(f, "{}:{line}:{column}: ", file.display())?,
            Place::File { file, at: None } => write!(f, "{}: ", file.display())?,
            Place::Environment(variable) => write!(f, "environment variable {variable}: ")?,
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        writeln!(f, "{}", self.problem)?;
        if let Place::File { at: Some((line, column, text)), .. } = &self.place {
            let margin = line.to_string().len();
            writeln!(f, "{:margin$} |", "")?;
            writeln!(f, "{line} | {text}")?;
            writeln!(f, "{:margin$} | {:>column$}", "", "^")?;
        }
        for (label, note) in [("allowed", &self.allowed), ("help", &self.hint)] {
            if let Some(note) = note {
                writeln!(f, "  = {label}: {note}")?;
            }
        }
        Ok(())
    }
}
