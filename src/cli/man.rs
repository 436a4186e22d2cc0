//! `gatepost man`: manual pages of every command, and of the configuration.

mod reference;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::{Cli, say};
use crate::config::REFERENCE;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The directory, which is made where there is none; pages that are there are overwritten
    directory: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let directory = &arguments.directory;
    let cannot = |path: &Path| format!("cannot write {}", path.display());
    fs::create_dir_all(directory).with_context(|| cannot(directory))?;
    let pages = pages()?;
    for page in &pages {
        let path = directory.join(&page.file);
        fs::write(&path, &page.text).with_context(|| cannot(&path))?;
    }
    say(format_args!("{}: {} pages; look at one with `man -l`", directory.display(), pages.len()))
}

/// A page and the name of its file.
struct Page {
    file: String,
    text: Vec<u8>,
}

fn pages() -> std::io::Result<Vec<Page>> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut all = Vec::new();
    add(&program, &mut all)?;
    let text = reference::page(REFERENCE, &version());
    all.push(Page { file: "gatepost.toml.5".into(), text: text.render().into_bytes() });
    Ok(all)
}

fn version() -> String {
    format!("gatepost {}", env!("CARGO_PKG_VERSION"))
}

/// The page of a command, and those of the commands below it.
fn add(command: &Command, all: &mut Vec<Page>) -> std::io::Result<()> {
    all.push(page(command)?);
    command.get_subcommands().filter(|sub| !sub.is_hide_set()).try_for_each(|sub| add(sub, all))
}

fn page(command: &Command) -> std::io::Result<Page> {
    let man = Man::new(command.clone()).source(version()).manual("Gatepost");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        man.render_options_section(&mut text)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    ending(command).to_writer(&mut text)?;
    Ok(Page { file: man.get_filename(), text })
}

/// What clap says after the help, as notes and examples, and where to read on.
fn ending(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (notes, examples) = help.split_once("Example:\n").unwrap_or((&help, ""));
    if !notes.trim().is_empty() {
        roff.control("SH", ["NOTES"]);
        verbatim(&mut roff, notes.trim_end());
    }
    if !examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
        verbatim(&mut roff, examples);
    }
    roff.control("SH", ["EXIT STATUS"]);
    roff.text([roman("0, or 1 when it failed, 64 when it was called wrongly, 78 when the configuration is wrong.")]);
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("gatepost"), roman("(1), "), bold("gatepost.toml"), roman("(5)")]);
    roff
}

/// Lines as they are.
fn verbatim(roff: &mut Roff, text: &str) {
    roff.control("nf", []);
    for line in text.lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(file: &str) -> String {
        let page = pages().unwrap().into_iter().find(|page| page.file == file).unwrap();
        String::from_utf8(page.text).unwrap()
    }

    #[test]
    fn every_command_has_a_page_and_is_named_by_the_one_above_it() {
        let files: Vec<_> = pages().unwrap().into_iter().map(|page| page.file).collect();
        for file in ["gatepost.1", "gatepost-serve.1", "gatepost-token.1", "gatepost-token-add.1", "gatepost-man.1"] {
            assert!(files.iter().any(|made| made == file), "{file}: {files:?}");
        }
        assert!(text("gatepost.1").contains(r"gatepost\-doctor(1)"));
        assert!(text("gatepost-token.1").contains(r"gatepost\-token\-add(1)"));
    }

    #[test]
    fn a_page_reads_well() {
        insta::assert_snapshot!(text("gatepost-key-generate.1"));
    }

    #[test]
    fn the_page_of_the_configuration_has_every_key_and_word_of_the_reference() {
        let page = text("gatepost.toml.5").replace(r"\-", "-").replace("\\fB", "").replace("\\fR", "");
        let page: Vec<_> = page.split_whitespace().collect();
        for word in REFERENCE.split_whitespace().filter(|word| word.chars().all(char::is_alphanumeric)) {
            assert!(page.contains(&word), "{word}");
        }
    }
}
