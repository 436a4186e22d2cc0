//! Questions on a terminal, and lines from standard input.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use anyhow::{Context as _, bail};
use tokio::sync::mpsc;

/// Whether somebody is there to be asked.
pub(super) fn is_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a line; an empty one is the suggestion.
pub(super) fn line(question: &str, suggestion: Option<&str>) -> anyhow::Result<String> {
    let suggested = suggestion.map(|text| format!(" [{text}]")).unwrap_or_default();
    loop {
        print(&format!("{question}{suggested}: "))?;
        let mut answer = String::new();
        if std::io::stdin().lock().read_line(&mut answer).context("cannot read from the terminal")? == 0 {
            bail!("nothing more was said; nothing was changed");
        }
        match (answer.trim(), suggestion) {
            ("", Some(suggestion)) => return Ok(suggestion.to_owned()),
            ("", None) => {}
            (answer, _) => return Ok(answer.to_owned()),
        }
    }
}

/// Asks for a word of a list.
pub(super) fn choice(question: &str, words: &[&str], suggestion: &str) -> anyhow::Result<String> {
    loop {
        let answer = line(&format!("{question} ({})", words.join(", ")), Some(suggestion))?;
        if words.contains(&answer.as_str()) {
            return Ok(answer);
        }
        print(&format!("{answer:?} is none of them.\n"))?;
    }
}

/// Asks yes or no. Where nobody is there, `--yes` has to say it.
pub(super) fn confirm(question: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !is_terminal() {
        bail!("{question} Nobody is there to answer; say --yes");
    }
    match line(&format!("{question} (yes, no)"), Some("no"))?.as_str() {
        "yes" | "y" => Ok(()),
        _ => bail!("nothing was changed"),
    }
}

/// Says something to whoever is being asked.
pub(super) fn tell(text: &str) -> anyhow::Result<()> {
    print(&format!("{text}\n"))
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut terminal = std::io::stderr().lock();
    terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush()).context("cannot write to the terminal")
}

/// Lines of standard input as they come, on a thread that ends with the process: a read cannot be broken off.
pub(super) fn lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if line.is_err() || line.is_ok_and(|line| sender.blocking_send(line).is_err()) {
                return;
            }
        }
    });
    lines
}
