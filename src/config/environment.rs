use std::collections::BTreeMap;

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use super::document::Step;
use super::error::{ConfigError, Place};

/// The prefix of environment variables; two underscores separate tables.
const PREFIX: &str = "GATEPOST__";

/// `GATEPOST__STORE__URL=x` as `store.url = "x"`. Values stay text: figment's own provider would turn a secret of digits
/// into a number, and print it.
pub(super) struct Environment {
    values: Dict,
    /// The variables as they are called, by the keys that they set.
    names: BTreeMap<Vec<String>, String>,
}

impl Environment {
    pub(super) const NAME: &'static str = "environment";

    /// Whether a variable belongs to it.
    pub(super) fn is_ours(name: &str) -> bool {
        name.starts_with(PREFIX)
    }

    /// `below` is what lies under it: names of accounts and tokens there keep their case.
    pub(super) fn of(
        variables: impl IntoIterator<Item = (String, String)>,
        below: Option<&Dict>,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let ours = |(name, value): (String, String)| Some((steps(name.strip_prefix(PREFIX)?, below), name, value));
        let mut sorted: Vec<_> = variables.into_iter().filter_map(ours).collect();
        sorted.sort();
        let mut environment = Self { values: Dict::new(), names: BTreeMap::new() };
        for (steps, name, value) in sorted {
            if insert(&mut environment.values, &steps, value) {
                environment.names.insert(steps, name);
            } else {
                let problem = "another variable already sets this key, or one above it".to_owned();
                let place = Place::Environment(name);
                errors.push(ConfigError { place, key: String::new(), problem, allowed: None, hint: None });
            }
        }
        environment
    }

    /// The variable that sets a key, or else one beside or below it.
    pub(super) fn variable(&self, path: &[Step]) -> String {
        let name = |step: &Step| match step {
            Step::Name(name) => name.clone(),
            Step::Index(index) => index.to_string(),
        };
        let path: Vec<_> = path.iter().map(name).collect();
        let near = (0..=path.len()).rev().find_map(|length| self.under(&path[..length]));
        near.map_or_else(|| PREFIX.to_owned(), str::to_owned)
    }

    fn under(&self, path: &[String]) -> Option<&str> {
        let (steps, name) = self.names.range(path.to_vec()..).next()?;
        steps.starts_with(path).then_some(name.as_str())
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named(Self::NAME)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

fn steps(path: &str, below: Option<&Dict>) -> Vec<String> {
    let mut below = below;
    let step = |typed: &str| {
        let lower = typed.to_lowercase();
        let known = below.and_then(|dict| {
            dict.get_key_value(&lower).or_else(|| dict.iter().find(|(name, _)| name.to_lowercase() == lower))
        });
        below = known.and_then(|(_, value)| value.as_dict());
        known.map_or(lower, |(name, _)| name.clone())
    };
    path.split("__").map(step).collect()
}

/// False if there is a text where a table would have to be.
fn insert(dict: &mut Dict, steps: &[String], value: String) -> bool {
    match steps {
        [] => false,
        [last] => dict.insert(last.clone(), Value::from(value)).is_none(),
        [first, rest @ ..] => match dict.entry(first.clone()).or_insert_with(|| Value::from(Dict::new())) {
            Value::Dict(_, inner) => insert(inner, rest, value),
            _ => false,
        },
    }
}
