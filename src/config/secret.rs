use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use figment::value::Value;
use secrecy::SecretString;

use super::reader::Table;

const FORMS: &str = "\"text\", { file = \"…\" }, { env = \"…\" } or { credential = \"…\" }";

/// Reads a secret: written out, or where it is found. Nothing of its value goes into an error.
pub(super) fn read(table: &Table<'_>, key: &'static str) -> Option<SecretString> {
    let found = match table.get(key)? {
        Value::String(_, text) => Ok(text.clone()),
        Value::Dict(_, dict) if dict.len() == 1 => {
            let (form, place) = dict.iter().next()?;
            match (form.as_str(), place.as_str()) {
                ("file", Some(path)) => from_file(&table.directory(key).join(path)),
                ("env", Some(name)) => {
                    std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))
                }
                ("credential", Some(name)) => credential(name).and_then(|path| from_file(&path)),
                _ => Err("this is no form of a secret".into()),
            }
        }
        _ => Err("this is no form of a secret".into()),
    };
    let found = found.and_then(|text| if text.is_empty() { Err("the secret is empty".into()) } else { Ok(text) });
    match found {
        Ok(text) => Some(text.into()),
        Err(problem) => {
            let make = key == "key" && problem.starts_with("cannot read");
            let hint = make.then(|| "make one with `gatepost key generate --out FILE`".to_owned());
            table.error(key, problem, Some(FORMS.to_owned()), hint);
            None
        }
    }
}

fn from_file(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let open = |fault| format!("cannot read {shown}: {fault}");
    let mode = std::fs::metadata(path).map_err(open)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!("{shown} can be read by others (mode {:o}); run: chmod 600 {shown}", mode & 0o777));
    }
    let text = std::fs::read_to_string(path).map_err(open)?;
    // One line break at the end is the editor's, not the secret's.
    Ok(text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line)).to_owned())
}

/// A file that systemd laid out (systemd.exec, `LoadCredential=`).
fn credential(name: &str) -> Result<PathBuf, String> {
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY");
    let directory = directory.ok_or("there are no credentials here; is it started by systemd with LoadCredential=?")?;
    if name.contains('/') {
        return Err("a credential is a name without slashes".into());
    }
    Ok(PathBuf::from(directory).join(name))
}
