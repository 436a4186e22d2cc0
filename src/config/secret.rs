use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Value};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::reader::Table;

const FORMS: &str = "\"text\", { file = \"…\" }, { env = \"…\" } or { credential = \"…\" }";

/// The longest secret of a file, in octets: a private key fits, a wrong file does not.
const LONGEST: u64 = 65_536;

/// Why a secret cannot be had; says nothing of its value.
struct Unusable {
    problem: String,
    allowed: Option<String>,
    hint: Option<String>,
}

/// Reads a secret: written out, or where it is found. Nothing of its value goes into an error.
pub(super) fn read(table: &Table<'_>, key: &'static str) -> Option<SecretString> {
    let octets = octets(table, key)?;
    let Ok(text) = std::str::from_utf8(&octets) else {
        table.error(key, "the secret is no text (UTF-8)".into(), Some(FORMS.to_owned()), None);
        return None;
    };
    // One line break at the end is the editor's, not the secret's.
    let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if text.is_empty() {
        table.error(key, "the secret is empty".into(), Some(FORMS.to_owned()), None);
        return None;
    }
    Some(text.into())
}

/// Reads the store's key, which Gatepost makes itself. Where there is a store already, a new key would not open it.
pub(super) fn store_key(table: &Table<'_>, new: bool) -> Option<SecretString> {
    let missing = file_of(table, "key").filter(|path| !path.exists());
    let Some(path) = missing else { return read(table, "key") };
    let shown = path.display();
    let hint = if new {
        format!("make one: gatepost key generate --out {shown}")
    } else {
        "the store is there and unharmed; put its key back from your copy. A new key would not open it".to_owned()
    };
    table.error("key", format!("there is no {shown}"), None, Some(hint));
    None
}

/// The file that a secret stands in.
pub(super) fn file_of(table: &Table<'_>, key: &'static str) -> Option<PathBuf> {
    let (form, place) = form(table, table.get(key)?.as_dict()?).ok()?;
    (form == "file").then(|| place.as_str().map(|name| table.layers().directory(place.tag()).join(name)))?
}

/// Reads a secret that need not be text.
pub(super) fn octets(table: &Table<'_>, key: &'static str) -> Option<Zeroizing<Vec<u8>>> {
    let found = match table.get(key)? {
        Value::String(_, text) => Ok(Zeroizing::new(text.as_bytes().to_vec())),
        Value::Dict(_, dict) => elsewhere(table, dict),
        _ => Err(Unusable::malformed("this is no form of a secret")),
    };
    found.map_err(|Unusable { problem, allowed, hint }| table.error(key, problem, allowed, hint)).ok()
}

fn elsewhere(table: &Table<'_>, dict: &Dict) -> Result<Zeroizing<Vec<u8>>, Unusable> {
    let (form, place) = form(table, dict)?;
    let Some(name) = place.as_str() else { return Err(Unusable::malformed("this is no form of a secret")) };
    match form {
        "file" => from_file(table, &table.layers().directory(place.tag()).join(name), true),
        "env" => variable(table, name).map(|text| Zeroizing::new(text.as_bytes().to_vec())),
        "credential" => credential(table, name).and_then(|path| from_file(table, &path, false)),
        _ => Err(Unusable::malformed("this is no form of a secret")),
    }
}

/// Layers are merged key by key, but another form in a later layer replaces the one below it.
fn form<'d>(table: &Table<'_>, dict: &'d Dict) -> Result<(&'d str, &'d Value), Unusable> {
    let rank = |value: &Value| table.layers().rank(value.tag());
    let last = dict.values().map(rank).max();
    let mut forms = dict.iter().filter(|(_, value)| Some(rank(value)) == last);
    match (forms.next(), forms.next()) {
        (Some((form, place)), None) => Ok((form, place)),
        _ => Err(Unusable::malformed("a secret has one form")),
    }
}

fn variable<'t>(table: &Table<'t>, name: &str) -> Result<&'t str, Unusable> {
    table.layers().variable(name).ok_or_else(|| {
        // What does not look like a name may be the secret itself.
        let looks_so = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        let name = if looks_so { name } else { "of this name" };
        Unusable::because(format!("the environment variable {name} is not set"))
    })
}

/// A file that systemd laid out (systemd.exec, `LoadCredential=`).
fn credential(table: &Table<'_>, name: &str) -> Result<PathBuf, Unusable> {
    if name.contains('/') || name.starts_with('.') {
        return Err(Unusable::malformed("a credential is a name without slashes"));
    }
    let directory = table.layers().variable("CREDENTIALS_DIRECTORY").ok_or_else(|| Unusable {
        hint: Some("systemd sets it for a service with LoadCredential=".into()),
        ..Unusable::because("there are no credentials: CREDENTIALS_DIRECTORY is not set".into())
    })?;
    Ok(Path::new(directory).join(name))
}

/// `private`: refuse what others can read. Not for credentials: systemd keeps their directory, and gives the service's
/// user access by an ACL, whose mask looks like a group's right to read.
fn from_file(table: &Table<'_>, path: &Path, private: bool) -> Result<Zeroizing<Vec<u8>>, Unusable> {
    table.layers().names(path);
    let shown = path.display();
    let fault = |fault: std::io::Error| Unusable::because(format!("cannot read {shown}: {fault}"));
    // Before it is opened: a pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(fault)?.is_file() {
        return Err(Unusable::because(format!("{shown} is no file")));
    }
    let file = File::open(path).map_err(fault)?;
    let mode = file.metadata().map_err(fault)?.permissions().mode() & 0o777;
    if private && mode & 0o077 != 0 {
        let hint = Some(format!("run: chmod 600 {shown}"));
        let problem = format!("{shown} can be read or written by others (mode {mode:03o})");
        return Err(Unusable { hint, ..Unusable::because(problem) });
    }
    let mut octets = Zeroizing::new(Vec::new());
    file.take(LONGEST + 1).read_to_end(&mut octets).map_err(fault)?;
    if octets.len() as u64 > LONGEST {
        return Err(Unusable::because(format!("{shown} is larger than {LONGEST} octets")));
    }
    Ok(octets)
}

impl Unusable {
    const fn because(problem: String) -> Self {
        Self { problem, allowed: None, hint: None }
    }

    fn malformed(problem: &str) -> Self {
        Self { problem: problem.to_owned(), allowed: Some(FORMS.to_owned()), hint: None }
    }
}
