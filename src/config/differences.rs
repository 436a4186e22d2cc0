//! What two configurations have not in common: names of keys, never values.

use figment::value::{Dict, Value};

use super::Config;

impl Config {
    /// What is added, removed or changed here against another configuration, such as `accounts.desk added`. What stands in other
    /// files, as a secret may, is not compared.
    #[must_use]
    pub fn differences(&self, before: &Self) -> Vec<String> {
        let nothing = Dict::new();
        compare("", before.dict().unwrap_or(&nothing), self.dict().unwrap_or(&nothing))
    }

    fn dict(&self) -> Option<&Dict> {
        self.reading.layers.as_ref()?.merged.as_dict()
    }
}

fn compare(prefix: &str, before: &Dict, now: &Dict) -> Vec<String> {
    let mut keys: Vec<_> = before.keys().chain(now.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut told = Vec::new();
    for key in keys {
        let name = format!("{prefix}{key}");
        match (before.get(key), now.get(key)) {
            (Some(before), Some(now)) if before == now => {}
            (Some(Value::Dict(_, before)), Some(Value::Dict(_, now))) if prefix.is_empty() => {
                told.extend(compare(&format!("{name}."), before, now));
            }
            (Some(_), Some(_)) => told.push(format!("{name} changed")),
            (None, Some(Value::Dict(_, now))) if prefix.is_empty() => {
                told.extend(compare(&format!("{name}."), &Dict::new(), now));
            }
            (Some(Value::Dict(_, before)), None) if prefix.is_empty() => {
                told.extend(compare(&format!("{name}."), before, &Dict::new()));
            }
            (None, _) => told.push(format!("{name} added")),
            (Some(_), None) => told.push(format!("{name} removed")),
        }
    }
    told
}
