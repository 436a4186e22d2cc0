//! The pages and their blocks of code.

use std::fmt;
use std::path::{Path, PathBuf};

/// A page of the handbook.
pub(crate) struct Page {
    /// As `docs/tokens.md`.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A block of code.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) page: String,
    /// Of its fence.
    pub(crate) line: usize,
    /// The heading that it stands under.
    pub(crate) heading: String,
    pub(crate) language: String,
    /// What stands behind the language.
    pub(crate) words: Vec<String>,
    pub(crate) text: String,
}

impl Block {
    pub(crate) fn says(&self, word: &str) -> bool {
        self.words.iter().any(|said| said == word)
    }

    /// The value of `name=value`.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.page, self.line)
    }
}

/// Where the house stands.
pub(crate) fn house() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The README and every page of docs/.
pub(crate) fn pages() -> Vec<Page> {
    let mut files = vec![house().join("README.md")];
    collect(&house().join("docs"), &mut files);
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
}

fn read(file: &Path) -> Page {
    let name = file.strip_prefix(house()).unwrap().display().to_string();
    Page { name, text: std::fs::read_to_string(file).unwrap() }
}

/// The blocks of all pages.
pub(crate) fn blocks() -> Vec<Block> {
    pages().iter().flat_map(Page::blocks).collect()
}

/// One page by its name.
pub(crate) fn page(name: &str) -> Page {
    read(&house().join(name))
}

impl Page {
    /// Its blocks, in order; those within lists are freed of their indentation.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<(Block, usize)> = None;
        let mut heading = "";
        for (number, line) in self.text.lines().enumerate() {
            let fence = fence(line);
            match (&mut open, fence) {
                (Some(_), Some((_, ""))) => blocks.extend(open.take().map(|(block, _)| block)),
                (Some((block, indent)), _) => {
                    let cut = line.len() - line.trim_start().len();
                    block.text.push_str(&line[cut.min(*indent)..]);
                    block.text.push('\n');
                }
                (None, Some((indent, words))) => open = Some((self.begin(number + 1, heading, words), indent)),
                (None, None) => {
                    heading = line.strip_prefix('#').map_or(heading, |rest| rest.trim_start_matches(['#', ' ']));
                }
            }
        }
        assert!(open.is_none(), "{}: a block has no end", self.name);
        blocks
    }

    fn begin(&self, line: usize, heading: &str, words: &str) -> Block {
        let mut words = words.split_whitespace().map(str::to_owned);
        let language = words.next().unwrap_or_default();
        Block {
            page: self.name.clone(),
            line,
            heading: heading.to_owned(),
            language,
            words: words.collect(),
            text: String::new(),
        }
    }
}

/// The indentation of a fence, and what stands behind it.
fn fence(line: &str) -> Option<(usize, &str)> {
    let item = line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit() || c == '.');
    let indent = line.len() - item.len();
    item.strip_prefix("```").map(|words| (indent, words.trim()))
}
