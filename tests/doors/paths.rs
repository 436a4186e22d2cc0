//! The paths that a file names, in full: `use` trees unfolded, `self` and `super` resolved, local names replaced.

use std::collections::HashMap;

use crate::tokens::{Kind, Token};

/// A path and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// Begins with `crate` for the house's own; `core` and `alloc` are told as `std`. A glob ends in `*`.
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

impl Named {
    /// Whether it leads into the house, not into a library.
    pub(crate) fn is_own(&self) -> bool {
        self.path.first().is_some_and(|first| first == "crate")
    }

    /// Whether it is `word`, something within it, or a glob that brings it along.
    pub(crate) fn reaches(&self, word: &str) -> bool {
        let mut parts = word.split("::");
        for part in &self.path {
            match parts.next() {
                Some(_) if part == "*" => return true,
                Some(wanted) if part == wanted => {}
                Some(_) => return false,
                None => return true,
            }
        }
        parts.next().is_none()
    }
}

/// All paths of a file that holds `module` (without `crate`).
pub(crate) fn named(tokens: &[Token], module: &[String]) -> Vec<Named> {
    let mut reader = Reader { tokens, at: 0, scopes: Vec::new(), found: Vec::new() };
    reader.read();
    let home = module.to_vec();
    let mut locals = HashMap::new();
    for found in &reader.found {
        let path = resolve(&found.path, &home, &found.inner);
        locals.extend(found.local.clone().map(|local| (local, path)));
    }
    let full = |found: &Found| {
        let mut path = resolve(&found.path, &home, &found.inner);
        // A local name can stand for a path that begins with another local name, but not for ever.
        for _ in 0..4 {
            match locals.get(&path[0]) {
                Some(meant) if meant[0] != path[0] => path = meant.iter().cloned().chain(path.drain(1..)).collect(),
                _ => break,
            }
        }
        if path[0] == "core" || path[0] == "alloc" {
            path[0] = "std".into();
        }
        Named { path, line: found.line }
    };
    reader.found.iter().map(full).collect()
}

/// From `crate` where the path is relative, with `gatepost` as its other name.
fn resolve(path: &[String], home: &[String], inner: &[String]) -> Vec<String> {
    let mut module: Vec<String> = home.iter().chain(inner).cloned().collect();
    let mut rest = path;
    match path.first().map(String::as_str) {
        Some("crate" | "gatepost") => module.clear(),
        Some("self" | "super") => {}
        _ => return path.to_vec(),
    }
    while let Some((first, after)) = rest.split_first() {
        match first.as_str() {
            "super" => drop(module.pop()),
            "crate" | "gatepost" | "self" => {}
            _ => break,
        }
        rest = after;
    }
    std::iter::once("crate".to_owned()).chain(module).chain(rest.iter().cloned()).collect()
}

/// A path as written.
struct Found {
    path: Vec<String>,
    line: usize,
    /// The modules within the file that it stands in.
    inner: Vec<String>,
    /// What a `use` calls it here.
    local: Option<String>,
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    /// An entry for each open brace: the module's name, if it opens one.
    scopes: Vec<Option<String>>,
    found: Vec<Found>,
}

impl Reader<'_> {
    fn read(&mut self) {
        while let Some(token) = self.tokens.get(self.at) {
            match &token.kind {
                Kind::Word(word) if word == "use" && !self.sign(self.at + 1, '<') => {
                    self.at += 1;
                    self.tree(&[]);
                }
                Kind::Word(word) if word == "crate" && self.word(self.at.wrapping_sub(1)) == Some("extern") => {
                    self.at += 1;
                    let house = if self.word(self.at) == Some("self") { &["crate".to_owned()][..] } else { &[] };
                    self.tree(house);
                }
                Kind::Word(_) => self.path(),
                Kind::Sign('{') => {
                    let opens = self.word(self.at.wrapping_sub(2)) == Some("mod");
                    self.scopes.push(self.word(self.at.wrapping_sub(1)).filter(|_| opens).map(ToOwned::to_owned));
                    self.at += 1;
                }
                Kind::Sign('}') => {
                    self.scopes.pop();
                    self.at += 1;
                }
                Kind::PathSeparator | Kind::Sign(_) => self.at += 1,
            }
        }
    }

    /// A path within code: only those of several parts lead anywhere.
    fn path(&mut self) {
        let (mut path, line) = (self.take_word(), self.tokens[self.at - 1].line);
        while self.separator() && self.word(self.at + 1).is_some() {
            self.at += 1;
            path.extend(self.take_word());
        }
        if path.len() > 1 {
            self.enter(path, line, None);
        }
    }

    /// A tree behind `use`, below `prefix`, up to `,` `}` or `;`.
    fn tree(&mut self, prefix: &[String]) {
        let mut path = prefix.to_vec();
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        loop {
            if self.separator() {
                self.at += 1;
            } else if self.sign(self.at, '{') {
                return self.group(&path);
            } else if self.sign(self.at, '*') {
                self.at += 1;
                path.push("*".into());
            } else if self.word(self.at).is_some_and(|word| word != "as") {
                path.extend(self.take_word());
            } else {
                break;
            }
        }
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let mut local = path.last().cloned();
        if self.word(self.at) == Some("as") {
            self.at += 1;
            local = self.take_word().pop();
        }
        self.enter(path, line, local);
    }

    fn group(&mut self, path: &[String]) {
        self.at += 1;
        while self.at < self.tokens.len() && !self.sign(self.at, '}') {
            if self.sign(self.at, ',') {
                self.at += 1;
            } else {
                let before = self.at;
                self.tree(path);
                // Not a tree (a macro's pattern): do not stand still.
                self.at = self.at.max(before + 1);
            }
        }
        self.at += 1;
    }

    fn enter(&mut self, path: Vec<String>, line: usize, local: Option<String>) {
        let inner = self.scopes.iter().flatten().cloned().collect();
        if !path.is_empty() {
            self.found.push(Found { path, line, inner, local });
        }
    }

    fn word(&self, at: usize) -> Option<&str> {
        match self.tokens.get(at).map(|token| &token.kind) {
            Some(Kind::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn take_word(&mut self) -> Vec<String> {
        let word = self.word(self.at).map(ToOwned::to_owned);
        self.at += 1;
        word.into_iter().collect()
    }

    fn sign(&self, at: usize, sign: char) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == Kind::Sign(sign))
    }

    fn separator(&self) -> bool {
        self.tokens.get(self.at).is_some_and(|token| token.kind == Kind::PathSeparator)
    }
}
