//! Two people edit a token at once: what only one of them has changed is no conflict.

use std::collections::BTreeMap;

use serde_json::json;

use super::draft;
use super::keys::{self, Is, Key};
use crate::admin::typed::Typed;
use crate::config::Settings;

/// The field that tells what the form was loaded with.
pub(super) const LOADED: &str = "loaded";

/// What became of two changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Merged {
    /// What both have changed: label, what was typed, what is stored now.
    pub(super) differ: Vec<(&'static str, String, String)>,
    /// What only they have changed: label, and what is stored now. It stands in the form.
    pub(super) taken: Vec<(&'static str, String)>,
}

/// What a form is loaded with, for it to tell later; no secrets.
pub(super) fn loaded(settings: &Settings) -> String {
    let all: BTreeMap<_, _> = open().map(|key| (key.name, draft::shown(key, settings))).collect();
    json!(all).to_string()
}

/// Takes over into what was typed what only somebody else has changed. Where the form does not tell what it was loaded with, nobody
/// knows who changed what, and every difference is one.
pub(super) fn merge(typed: &mut Typed, now: &Settings) -> Merged {
    let loaded: Option<BTreeMap<String, String>> = serde_json::from_str(typed.text(LOADED)).ok();
    let mut merged = Merged::default();
    let mut differ = Vec::new();
    for key in open() {
        let (mine, theirs) = (draft::shown_again(key, typed), draft::shown(key, now));
        let was = loaded.as_ref().map(|all| all.get(key.name).map_or("", String::as_str));
        match was {
            _ if same(key, &mine, &theirs) => {}
            Some(was) if same(key, &mine, was) => {
                merged.taken.push((key.label, named(&theirs)));
                typed.set(key.name, values(key, &theirs));
            }
            Some(was) if same(key, &theirs, was) => {}
            _ => differ.push((key, named(&mine), named(&theirs))),
        }
    }
    let counts = |(key, ..): &(&Key, String, String)| key.when.holds(typed);
    merged.differ = differ.into_iter().filter(counts).map(|(key, mine, theirs)| (key.label, mine, theirs)).collect();
    merged
}

fn open() -> impl Iterator<Item = &'static Key> {
    keys::all().filter(|key| !key.is.is_secret() && key.name != "name")
}

fn same(key: &Key, one: &str, two: &str) -> bool {
    match key.is {
        Is::Words | Is::Protocols => words(one).eq(words(two)),
        _ => one == two,
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '\t', '\r', '\n', ',']).filter(|word| !word.is_empty())
}

fn values(key: &Key, shown: &str) -> Vec<String> {
    match key.is {
        Is::Protocols => words(shown).map(str::to_owned).collect(),
        _ => vec![shown.to_owned()],
    }
}

fn named(text: &str) -> String {
    if text.is_empty() { "(empty)".to_owned() } else { text.to_owned() }
}
