use std::collections::HashMap;

use figment::value::Value;

use super::super::reader::Table;
use crate::model::Account;

/// Where an account of the file stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPlace {
    /// `FILE:LINE`, or the name of a variable.
    pub line: String,
    /// It is one of a pattern's `users`.
    pub listed: bool,
}

/// By each folded user name, also of accounts whose token is not known yet.
pub(in super::super) fn places(root: &Table<'_>) -> HashMap<String, AccountPlace> {
    let mut places = HashMap::new();
    for (name, table) in root.named("accounts") {
        let Some(table) = table else { continue };
        let own = std::iter::once(("", name)).filter(|(_, name)| !name.contains('*'));
        let others = ["aliases", "users"].into_iter().flat_map(|key| names(&table, key).map(move |name| (key, name)));
        for (key, name) in own.chain(others) {
            if let Some(line) = table.layers().origin(table.origin(key).path()) {
                let place = AccountPlace { line, listed: key == "users" };
                places.entry(Account::folded(&name)).or_insert(place);
            }
        }
    }
    places
}

/// What is listed there, by itself or with hashes.
fn names(table: &Table<'_>, key: &'static str) -> impl Iterator<Item = String> {
    let names: Vec<_> = match table.get(key) {
        Some(Value::Dict(_, dict)) => dict.keys().cloned().collect(),
        Some(Value::Array(_, values)) => values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect(),
        Some(Value::String(_, one)) => vec![one.clone()],
        _ => Vec::new(),
    };
    names.into_iter()
}
