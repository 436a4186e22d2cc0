use std::path::PathBuf;

use secrecy::SecretString;

use super::database::{self, Database};
use super::reader::Table;
use super::secret;

/// Where state lives.
#[derive(Debug)]
pub struct Store {
    /// The SQLite file. With PostgreSQL, what other files of the service stand beside.
    pub path: PathBuf,
    /// The PostgreSQL database, if it is one.
    pub database: Option<Database>,
    /// Seals every secret in it; one key a line while keys are being rotated, any of which opens.
    pub key: SecretString,
    /// Opens what was sealed before the key was changed.
    pub old_key: Option<SecretString>,
    /// Where the key stands, if it stands in a file of its own.
    pub key_file: Option<PathBuf>,
}

impl Store {
    /// Whether several processes on several machines may have it.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.database.is_some()
    }

    /// Whether it may hold something already.
    #[must_use]
    pub fn may_exist(&self) -> bool {
        self.database.is_some() || self.path.exists()
    }
}

const WHAT: &str = "\"sqlite:FILE\" or \"postgres://USER@HOST/DATABASE\"";

pub(super) fn read(root: &Table<'_>) -> Option<Store> {
    let Some(table) = root.table("store") else {
        if !root.has("store") {
            let hint = "write [store] with key = { file = \"gatepost.key\" }, and make the key with `gatepost key generate --out gatepost.key`";
            root.error("", "the [store] table is missing".into(), None, Some(hint.into()));
        }
        return None;
    };
    let path = path(&table);
    let database = match table.get("url").and_then(|url| url.as_str()) {
        Some(url) if database::is_database(url) => Some(database::read(&table, url)),
        _ => {
            if !table.absent("password") {
                let hint = "the file's own secret is `key`";
                table.error("password", "only a PostgreSQL has a password".into(), None, Some(hint.into()));
            }
            None
        }
    };
    // Others may have made the database's tables long ago.
    let new = database.is_none() && path.as_ref().is_none_or(|path| !path.exists());
    let key = if table.absent("key") {
        table.required("key", "the key that seals every secret, such as { file = \"gatepost.key\" }");
        None
    } else {
        secret::store_key(&table, new)
    };
    let old_key = if table.absent("old_key") { None } else { secret::read(&table, "old_key") };
    let key_file = secret::file_of(&table, "key");
    table.finish();
    let database = match database {
        Some(database) => Some(database?),
        None => None,
    };
    Some(Store { path: path?, database, key: key?, old_key, key_file })
}

pub(super) fn path(table: &Table<'_>) -> Option<PathBuf> {
    let url = if table.absent("url") { "sqlite:gatepost.db".into() } else { table.string("url")? };
    if database::is_database(&url) {
        return Some(table.directory("url").join("gatepost"));
    }
    match url.strip_prefix("sqlite:").map(|file| file.trim_start_matches("//")) {
        Some(file) if !file.is_empty() => {
            // `sqlite:///var/x` and `sqlite:/var/x` are the same file.
            let absolute = url.starts_with("sqlite:/");
            let file = if absolute { format!("/{}", file.trim_start_matches('/')) } else { file.to_owned() };
            Some(table.directory("url").join(file))
        }
        _ => table.wrong("url", &url, WHAT),
    }
}
