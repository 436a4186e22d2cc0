//! Links between the pages lead somewhere, and the contents page leads to all of them.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use crate::pages::{house, page, pages};

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut broken = Vec::new();
    for from in pages() {
        for link in links(&from.text) {
            if let Some(fault) = fault(&from.name, &link) {
                broken.push(format!("{}: {link}: {fault}", from.name));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_contents_lead_to_every_page() {
    let contents = page("docs/README.md");
    let named: HashSet<_> =
        links(&contents.text).iter().map(|link| target("docs/README.md", link.split('#').next().unwrap())).collect();
    let missing: Vec<_> = pages()
        .into_iter()
        .map(|page| page.name)
        .filter(|name| name.starts_with("docs/") && name != "docs/README.md" && !named.contains(Path::new(name)))
        .collect();
    assert!(missing.is_empty(), "docs/README.md does not lead to {missing:?}");
}

/// The targets of `[text](target)` outside blocks of code.
fn links(text: &str) -> Vec<String> {
    let mut code = false;
    let mut all = Vec::new();
    for line in text.lines() {
        code ^= line.trim_start().starts_with("```");
        if !code {
            all.extend(line.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())));
        }
    }
    all
}

fn fault(from: &str, link: &str) -> Option<String> {
    if link.starts_with("https://") {
        return None;
    }
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let path = if file.is_empty() { PathBuf::from(from) } else { target(from, file) };
    if !house().join(&path).exists() {
        return Some("there is no such file".to_owned());
    }
    if heading.is_empty() {
        return None;
    }
    let text = std::fs::read_to_string(house().join(&path)).unwrap();
    let found = text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == heading);
    (!found).then(|| "there is no such heading".to_owned())
}

/// From the root of the house, without `..`.
fn target(from: &str, link: &str) -> PathBuf {
    let mut path = PathBuf::from(from);
    path.pop();
    for component in Path::new(link).components() {
        match component {
            Component::ParentDir => drop(path.pop()),
            other => path.push(other),
        }
    }
    path
}

/// As GitHub makes it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
