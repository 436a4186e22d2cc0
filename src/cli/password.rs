use std::io::{BufRead, IsTerminal as _, Read as _};

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::say;
use crate::account::hash_password;
use crate::registry::generated;

pub(super) fn run() -> anyhow::Result<()> {
    say(hash_password(&new(false)?)?.as_str())
}

/// A new password: made up, or asked for twice on a terminal, or one line from standard input.
pub(super) fn new(generate: bool) -> anyhow::Result<SecretString> {
    if generate {
        return Ok(generated()?);
    }
    let password = ask("Password: ")?;
    if std::io::stdin().is_terminal() && ask("Again: ")?.expose_secret() != password.expose_secret() {
        bail!("the two are not the same; nothing was changed");
    }
    Ok(password)
}

/// Prints a password that was made up: this once.
pub(super) fn tell(password: &SecretString, generated: bool) -> anyhow::Result<()> {
    if generated { say(format_args!("password (not shown again): {}", password.expose_secret())) } else { Ok(()) }
}

/// A secret from the terminal without echo, or one line from standard input. Never from the arguments: others can read
/// those.
pub(super) fn ask(prompt: &str) -> anyhow::Result<SecretString> {
    match ask_or_nothing(prompt)? {
        Some(secret) => Ok(secret),
        None => bail!("nothing was given; type it, or send one line to standard input"),
    }
}

/// The same where nothing is an answer, too.
pub(super) fn ask_or_nothing(prompt: &str) -> anyhow::Result<Option<SecretString>> {
    let text = if std::io::stdin().is_terminal() {
        Zeroizing::new(rpassword::prompt_password(prompt).context("cannot read from the terminal")?)
    } else {
        first_line(&mut std::io::stdin().lock())?
    };
    Ok((!text.is_empty()).then(|| text.as_str().into()))
}

/// More than any password or token, in octets.
const LONGEST: usize = 64 * 1024;

/// One line and no more: whoever sends it may keep the pipe open.
fn first_line(input: &mut impl BufRead) -> anyhow::Result<Zeroizing<String>> {
    // Never grown, so that no copy of it is left behind.
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    input.take(LONGEST as u64 + 1).read_until(b'\n', &mut line).context("cannot read standard input")?;
    if line.len() > LONGEST {
        bail!("the line on standard input is longer than {LONGEST} octets");
    }
    let text = line.strip_suffix(b"\n").unwrap_or(&line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    Ok(Zeroizing::new(std::str::from_utf8(text).context("standard input is not UTF-8")?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_read_and_blanks_are_kept() {
        for (input, line) in [(&b" a b \r\nrest"[..], " a b "), (b"x", "x"), (b"", ""), (b"\n", "")] {
            assert_eq!(first_line(&mut &*input).unwrap().as_str(), line);
        }
        assert!(first_line(&mut &b"\xff\n"[..]).is_err());
    }

    #[test]
    fn what_is_too_long_is_refused_and_not_cut() {
        let line = |length: usize| first_line(&mut "p".repeat(length).as_bytes());
        assert_eq!(line(LONGEST).unwrap().len(), LONGEST);
        assert!(line(LONGEST + 1).is_err());
    }
}
