//! A plan as the text of a configuration.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;
use zeroize::Zeroizing;

use super::listener::Listener;
use super::plan::Plan;
use super::target::Target;
use crate::cli::import::{Lines, toml};

/// Only for a file of its owner: it holds secrets.
pub(super) fn text(plan: &Plan, target: &Target, source: &Path) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(ROOM));
    let source = source.display().to_string().replace(char::is_control, "?");
    let _ = writeln!(
        text,
        "# Made by `gatepost import emailproxy` of {source}.\n# It holds secrets: for the service and its administrator alone.\n"
    );
    let parts = head(plan, target).into_iter().chain(listeners(plan, target)).chain(declared(plan));
    for part in parts {
        let _ = writeln!(text, "{}", part.as_str());
    }
    text
}

/// So that it is not copied while it grows; a hundred accounts.
const ROOM: usize = 256 * 1024;

type Part = Zeroizing<String>;

fn head(plan: &Plan, target: &Target) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Target::New(_) = target {
        parts.push("[store]\nkey = { file = \"gatepost.key\" }\n".to_owned());
        parts.push("[admin]                                  # the pages: http://localhost:8590/\n".to_owned());
    }
    if let Some(certificate) = plan.listeners.certificate.as_ref().filter(|_| !target.has_tls()) {
        let lines: Lines = vec![("certificate", json!(certificate.chain)), ("key", json!(certificate.key))];
        parts.push(toml(&["tls"], &lines).to_string());
    }
    parts.into_iter().map(Zeroizing::new).collect()
}

fn listeners(plan: &Plan, target: &Target) -> Vec<Part> {
    let new = new_listeners(plan, target);
    let tables = new.iter().map(|listener| toml(&["[listeners]"], &listener.lines));
    if target.may_list() || new.is_empty() {
        return tables.collect();
    }
    let remark = |table: Part| format!("# {}\n", table.trim_end().replace('\n', "\n# "));
    let told = "# A list here would replace that of the main file: move these there.\n".to_owned();
    std::iter::once(told).chain(tables.map(remark)).map(Zeroizing::new).collect()
}

/// Those that the configuration has not yet.
pub(super) fn new_listeners<'p>(plan: &'p Plan, target: &Target) -> Vec<&'p Listener> {
    plan.listeners.all.iter().filter(|listener| !target.listens(&listener.addresses)).collect()
}

fn declared(plan: &Plan) -> Vec<Part> {
    let used = |name: &str| plan.tokens.iter().any(|planned| planned.provider == name);
    let providers = plan.providers.made.iter().filter(|(name, _)| used(name));
    let providers = providers.map(|(name, lines)| toml(&["providers", name], lines));
    let tokens = plan.tokens.iter().flat_map(|planned| {
        let account: Lines = vec![("password_hash", json!(planned.password_hash)), ("token", json!(planned.name))];
        [toml(&["tokens", &planned.name], &planned.token), toml(&["accounts", &planned.name], &account)]
    });
    providers.chain(tokens).collect()
}
