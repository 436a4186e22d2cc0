//! What an import did, what it could not do and why, and what comes next.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::say;
use crate::cli::table::Table;

#[derive(Default)]
pub(super) struct Report {
    pub(super) accounts: Vec<Imported>,
    pub(super) remarks: Remarks,
    /// What was written: files and the store.
    pub(super) written: Vec<PathBuf>,
    pub(super) next: Vec<String>,
    pub(super) dry: bool,
}

/// One account or token that was taken over.
pub(super) struct Imported {
    pub(super) name: String,
    pub(super) provider: String,
    pub(super) grant: String,
    pub(super) state: State,
}

/// How a token is after the import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It was taken over, and is used at the next login.
    Taken,
    /// It will be, when this is no rehearsal.
    NotOpened,
    /// A person has to sign in.
    NeedsAuthorization,
    /// It obtains what it needs by itself.
    ByItself,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken over",
            Self::NotOpened => "not opened yet",
            Self::NeedsAuthorization => "needs authorization",
            Self::ByItself => "by itself",
        }
    }
}

/// What was not carried over, or is otherwise than it was; nothing of it is secret.
#[derive(Default)]
pub(super) struct Remarks(Vec<Remark>);

struct Remark {
    file: PathBuf,
    line: usize,
    about: String,
    text: String,
}

impl Remarks {
    pub(super) fn add(&mut self, file: &Path, line: usize, about: &str, text: impl Into<String>) {
        let remark = Remark { file: file.to_owned(), line, about: about.to_owned(), text: text.into() };
        self.0.push(remark);
    }

    /// Those of several parts in the order of their lines.
    pub(super) fn sort(&mut self) {
        self.0.sort_by(|one, two| (&one.file, one.line).cmp(&(&two.file, two.line)));
    }
}

impl Remark {
    fn place(&self) -> String {
        let line = if self.line == 0 { String::new() } else { format!(":{}", self.line) };
        format!("{}{line}", self.file.display())
    }
}

impl Report {
    pub(super) fn print(&self, as_json: bool) -> anyhow::Result<()> {
        if as_json {
            return say(serde_json::to_string_pretty(&self.json())?);
        }
        self.accounts()?;
        self.remarks()?;
        let written = self.written.iter().map(|path| path.display().to_string());
        list(if self.dry { "Would be written" } else { "Written" }, written)?;
        let steps = self.next.iter().enumerate().map(|(index, step)| format!("{}. {step}", index + 1));
        list(if self.dry { "Nothing was changed. Next" } else { "Next" }, steps)
    }

    fn accounts(&self) -> anyhow::Result<()> {
        if self.accounts.is_empty() {
            return Ok(());
        }
        let mut table = Table::new(["NAME", "PROVIDER", "GRANT", "TOKEN"]);
        for Imported { name, provider, grant, state } in &self.accounts {
            table.row([name.clone(), provider.clone(), grant.clone(), state.word().to_owned()]);
        }
        table.print()
    }

    fn remarks(&self) -> anyhow::Result<()> {
        let lines = self.remarks.0.iter().map(|remark| {
            let about = if remark.about.is_empty() { String::new() } else { format!(" [{}]", remark.about) };
            format!("{}:{about} {}", remark.place(), remark.text)
        });
        list("Not as it was", lines)
    }

    fn json(&self) -> Value {
        let account = |imported: &Imported| {
            json!({
                "name": imported.name,
                "provider": imported.provider,
                "grant": imported.grant,
                "token": imported.state.word(),
            })
        };
        let remark = |remark: &Remark| {
            json!({
                "file": remark.file,
                "line": (remark.line > 0).then_some(remark.line),
                "section": remark.about,
                "text": remark.text,
            })
        };
        json!({
            "dry_run": self.dry,
            "accounts": self.accounts.iter().map(account).collect::<Vec<_>>(),
            "remarks": self.remarks.0.iter().map(remark).collect::<Vec<_>>(),
            "written": self.written,
            "next": self.next,
        })
    }
}

fn list(title: &str, lines: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return Ok(());
    }
    say(format_args!("\n{title}:"))?;
    lines.try_for_each(|line| say(format_args!("  {line}")))
}
