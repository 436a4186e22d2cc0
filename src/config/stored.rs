//! Tokens and accounts that were made with the command line or the pages. They live in the store, as the settings that would
//! stand in a file, and are read by the same code.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use super::accounts::{AccountPlace, Unknown};
use super::layers::Layers;
use super::providers::Known;
use super::reader::Reader;
use super::words::quoted;
use super::{Config, ConfigErrors, accounts, tokens};
use crate::model::{Account, Token};

/// The settings of one declaration, by key.
pub type Settings = Map<String, Value>;

/// What it takes to read a declaration of the store as one of the file, and to say where those of the file are.
pub(super) struct Reading {
    pub(super) providers: Known,
    /// Absent only while the file is being read.
    pub(super) layers: Option<Layers>,
    /// The places of the file's accounts, from when they are first asked for.
    pub(super) places: OnceLock<HashMap<String, AccountPlace>>,
}

/// Variables may be secrets.
impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading").field("providers", &self.providers.len()).finish_non_exhaustive()
    }
}

impl Config {
    /// The providers that a token may name.
    #[must_use]
    pub fn provider_names(&self) -> Vec<String> {
        self.reading.providers.keys().cloned().collect()
    }

    /// A token of the store. Errors name it as `token "NAME"`.
    pub fn stored_token(&self, name: &str, settings: &Settings) -> Result<Token, ConfigErrors> {
        let layers = self.layers("tokens", "token", name, settings)?;
        let reader = Reader::new(&layers);
        let table = reader.root().named("tokens").into_iter().next().and_then(|(_, table)| table);
        let token = table.and_then(|table| tokens::token(name, &table, &self.reading.providers));
        reader.finish(token)
    }

    /// The accounts of the file, which may be of any of these tokens: a token of the store may have an account in the file.
    pub fn accounts_of(&self, tokens: &[Arc<Token>]) -> Result<Vec<Account>, ConfigErrors> {
        let Some(layers) = &self.reading.layers else { return Ok(self.accounts.clone()) };
        let reader = Reader::new(layers);
        let accounts = accounts::read(&reader.root(), &declared(tokens), Unknown::IsWrong);
        reader.finish(Some(accounts))
    }

    /// The same for a service that goes on: an account whose token is nowhere is kept with a token that stands in for it, and
    /// one that is wrong otherwise spoils no other.
    #[must_use]
    pub fn accounts_anyway(&self, tokens: &[Arc<Token>]) -> (Vec<Account>, Option<ConfigErrors>) {
        let Some(layers) = &self.reading.layers else { return (self.accounts.clone(), None) };
        let reader = Reader::new(layers);
        let accounts = accounts::read(&reader.root(), &declared(tokens), Unknown::StandsIn);
        (accounts, reader.finish(Some(())).err())
    }

    /// An account of the store, which may be one of these tokens' only; several for a pattern.
    pub fn stored_account(
        &self,
        name: &str,
        settings: &Settings,
        tokens: &[Arc<Token>],
    ) -> Result<Vec<Account>, ConfigErrors> {
        // A mistake tells what else there is.
        self.account_of_store(name, settings, &declared(tokens), Unknown::IsWrong)
    }

    /// The same for a service that goes on, as [`Config::accounts_anyway`]; `token` finds one by its name: there may be many
    /// of them, and many accounts.
    pub fn stored_account_anyway(
        &self,
        name: &str,
        settings: &Settings,
        token: impl Fn(&str) -> Option<Arc<Token>>,
    ) -> Result<Vec<Account>, ConfigErrors> {
        let own = settings.get("token").and_then(Value::as_str).and_then(token);
        self.account_of_store(name, settings, &own.iter().map(named).collect(), Unknown::StandsIn)
    }

    fn account_of_store(
        &self,
        name: &str,
        settings: &Settings,
        tokens: &tokens::Declared,
        unknown: Unknown,
    ) -> Result<Vec<Account>, ConfigErrors> {
        let layers = self.layers("accounts", "account", name, settings)?;
        let reader = Reader::new(&layers);
        let read = accounts::read(&reader.root(), tokens, unknown);
        let read = if read.is_empty() { None } else { Some(read) };
        reader.finish(read)
    }

    /// Where a token of the file stands: `FILE:LINE`, or the name of a variable.
    #[must_use]
    pub fn token_place(&self, name: &str) -> Option<String> {
        self.tokens.iter().find(|token| token.name == name)?;
        let find = |layers| {
            let reader = Reader::new(layers);
            let table = reader.root().named("tokens").into_iter().find(|(found, _)| found == name)?.1?;
            let place = layers.origin(table.origin("").path());
            layers.rest();
            place
        };
        Some(self.reading.layers.as_ref().and_then(find).unwrap_or_else(|| "the configuration".to_owned()))
    }

    /// Where an account of the file stands, by any of its user names.
    #[must_use]
    pub fn account_place(&self, user: &str) -> Option<&AccountPlace> {
        self.account_places().get(&Account::folded(user))
    }

    /// Every user name of the file, folded, also of accounts whose token is not known.
    pub fn account_names(&self) -> impl Iterator<Item = &str> {
        self.account_places().keys().map(String::as_str)
    }

    fn account_places(&self) -> &HashMap<String, AccountPlace> {
        let find = || {
            let layers = self.reading.layers.as_ref()?;
            let places = accounts::places(&Reader::new(layers).root());
            layers.rest();
            Some(places)
        };
        self.reading.places.get_or_init(|| find().unwrap_or_default())
    }

    fn layers(&self, table: &str, kind: &str, name: &str, settings: &Settings) -> Result<Layers, ConfigErrors> {
        let text =
            as_toml(&format!("[{table}.{}]", quoted(name)), settings.iter().map(|(key, value)| (key.as_str(), value)));
        let variables = self.reading.layers.as_ref().map(Layers::variables).cloned().unwrap_or_default();
        Layers::stored(&format!("{kind} {name:?}"), &text, variables)
    }
}

fn declared(tokens: &[Arc<Token>]) -> tokens::Declared {
    tokens.iter().map(named).collect()
}

fn named(token: &Arc<Token>) -> (String, Option<Arc<Token>>) {
    (token.name.clone(), Some(Arc::clone(token)))
}

/// A table as a file has it, below this heading.
#[must_use]
pub fn as_toml<'a>(heading: &str, settings: impl IntoIterator<Item = (&'a str, &'a Value)>) -> String {
    let mut text = format!("{heading}\n");
    for (key, value) in settings {
        let _ = writeln!(text, "{} = {}", bare(key), toml(value));
    }
    text
}

/// A key, in quotes where it needs them.
fn bare(key: &str) -> String {
    let is_bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_bare { key.to_owned() } else { quoted(key) }
}

/// A TOML value; the escapes of its texts are JSON's.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| format!("{} = {}", bare(key), toml(value));
            format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(toml).collect::<Vec<_>>().join(", ")),
        // JSON leaves it as it is, TOML does not take it.
        other => other.to_string().replace('\u{7f}', "\\u007f"),
    }
}
