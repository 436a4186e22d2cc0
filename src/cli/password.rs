use std::io::{IsTerminal as _, Read as _};

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::say;
use crate::account::hash_password;

pub(super) fn run() -> anyhow::Result<()> {
    let password = ask("Password: ")?;
    if std::io::stdin().is_terminal() && ask("Again: ")?.expose_secret() != password.expose_secret() {
        bail!("the two are not the same; nothing was hashed");
    }
    say(hash_password(&password)?.as_str());
    Ok(())
}

/// A secret from the terminal without echo, or one line from standard input. Never from the arguments: others can read
/// those.
pub(super) fn ask(prompt: &str) -> anyhow::Result<SecretString> {
    let text = if std::io::stdin().is_terminal() {
        Zeroizing::new(rpassword::prompt_password(prompt).context("cannot read from the terminal")?)
    } else {
        first_line(&mut std::io::stdin().lock())?
    };
    if text.is_empty() {
        bail!("nothing was given; type it, or send one line to standard input");
    }
    Ok(text.as_str().into())
}

/// More than any password or token, in octets.
const LONGEST: u64 = 64 * 1024;

fn first_line(input: &mut dyn std::io::Read) -> anyhow::Result<Zeroizing<String>> {
    let mut octets = Zeroizing::new(Vec::new());
    input.take(LONGEST).read_to_end(&mut octets).context("cannot read standard input")?;
    let line = octets.split(|&octet| octet == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    Ok(Zeroizing::new(std::str::from_utf8(line).context("standard input is not UTF-8")?.to_owned()))
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
}
