//! The local passwords of the accounts: from a terminal, or from lines `account:password`. Never from the arguments.

use std::collections::HashMap;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::found::Account;
use super::open::Opened;
use crate::cli::{password, prompt};

pub(super) enum Passwords {
    Asked,
    Given(HashMap<String, SecretString>),
    /// For a rehearsal: nothing is opened.
    Nobody,
}

/// What came of asking for an account's password.
pub(super) enum Answer {
    Opened(SecretString, Opened),
    /// What there is to say.
    LeftOut(String),
    NotAsked,
}

/// Octets of a list; ten thousand lines.
const LONGEST: u64 = 1024 * 1024;

impl Passwords {
    pub(super) fn of(file: Option<&Path>, rehearsal: bool) -> anyhow::Result<Self> {
        match file {
            Some(file) => Ok(Self::Given(lines(&read(file)?)?)),
            None if rehearsal => Ok(Self::Nobody),
            None if prompt::is_terminal() => Ok(Self::Asked),
            None => bail!(
                "each account's password is needed to open its tokens, and nobody is there to be asked; \
                 give --passwords FILE with lines `account:password` (- is standard input)"
            ),
        }
    }

    pub(super) fn of_account(&self, account: &Account) -> anyhow::Result<Answer> {
        match self {
            Self::Nobody => Ok(Answer::NotAsked),
            Self::Given(all) => Ok(given(account, all.get(&account.name.to_lowercase()))),
            Self::Asked => asked(account),
        }
    }
}

fn given(account: &Account, password: Option<&SecretString>) -> Answer {
    let Some(password) = password else {
        return Answer::LeftOut("left out: its password was not given".to_owned());
    };
    match account.open(password) {
        Ok(Some(opened)) => Answer::Opened(password.clone(), opened),
        Ok(None) => Answer::LeftOut(
            "left out: the password that was given does not open its tokens; run it again with the right one"
                .to_owned(),
        ),
        Err(why) => Answer::LeftOut(format!("left out: its tokens cannot be opened: {why}")),
    }
}

/// Until it is right, or nothing is typed.
fn asked(account: &Account) -> anyhow::Result<Answer> {
    let name = &account.name;
    loop {
        let Some(password) = password::ask_or_nothing(&format!("Password of {name} (nothing: leave it out): "))? else {
            return Ok(Answer::LeftOut("left out, as you wished".to_owned()));
        };
        if !account.is_sealed() && password::ask("Again: ")?.expose_secret() != password.expose_secret() {
            prompt::tell("The two are not the same.")?;
            continue;
        }
        match account.open(&password) {
            Ok(Some(opened)) => return Ok(Answer::Opened(password, opened)),
            Ok(None) => prompt::tell("This is not the password that its tokens are sealed with.")?,
            Err(why) => return Ok(Answer::LeftOut(format!("left out: its tokens cannot be opened: {why}"))),
        }
    }
}

fn read(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    if file == Path::new("-") {
        std::io::stdin().lock().take(LONGEST + 1).read_to_string(&mut text).context("cannot read standard input")?;
    } else {
        let shown = file.display();
        let mut open = std::fs::File::open(file).with_context(|| format!("cannot read {shown}"))?;
        let mode = open.metadata().with_context(|| format!("cannot read {shown}"))?.permissions().mode();
        let of_others = mode & 0o077;
        ensure!(of_others == 0, "{shown} can be read or written by others; run: chmod 600 {shown}");
        open.by_ref().take(LONGEST + 1).read_to_string(&mut text).with_context(|| format!("cannot read {shown}"))?;
    }
    ensure!(text.len() as u64 <= LONGEST, "the list of passwords is longer than {LONGEST} octets");
    Ok(text)
}

/// Blank lines and remarks count for nothing; blanks in a password do.
fn lines(text: &str) -> anyhow::Result<HashMap<String, SecretString>> {
    let mut all = HashMap::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
    {
        let number = index + 1;
        let (name, password) = line
            .split_once(':')
            .filter(|(name, password)| !name.trim().is_empty() && !password.is_empty())
            .with_context(|| format!("line {number} of the passwords is not `account:password`"))?;
        if all.insert(name.trim().to_lowercase(), password.into()).is_some() {
            bail!("line {number} of the passwords names an account for the second time");
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_keep_their_colons_and_blanks() {
        let all = lines("# mine\n\nA@b.example: p:ä \r\nc@d.example:#x\n").unwrap();
        assert_eq!(all["a@b.example"].expose_secret(), " p:ä ");
        assert_eq!(all["c@d.example"].expose_secret(), "#x");
        for wrong in ["nothing", ":p", "a:", "a:x\nA:y"] {
            let told = lines(wrong).unwrap_err().to_string();
            assert!(told.contains("line ") && !told.contains("nothing"), "{told}");
        }
    }
}
