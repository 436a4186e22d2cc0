//! The statements that both databases understand, written once. SQLite counts `$1`, `$2` … as they appear for the first time:
//! they do so in their order.
//!
//! `now_ms()` and `now_s()` are the database's own clock, in milliseconds and in seconds. SQLite has them from this program,
//! PostgreSQL from its schema.

use std::sync::LazyLock;

use super::row::{COLUMNS, OUTLINE, SKETCH};

pub(super) const SEALING: &str = "SELECT key FROM sealing";

/// What is sealed, if anything: by which key it is that a store of the time before it was noted was made.
pub(super) const ANY_SEALED: &str = "SELECT coalesce(access_token, refresh_token, quarantined_token) FROM tokens
    WHERE coalesce(access_token, refresh_token, quarantined_token) IS NOT NULL LIMIT 1";

pub(super) const TAKE_KEY: &str = "INSERT INTO sealing (one, key) VALUES (1, $1) ON CONFLICT (one) DO NOTHING";

pub(super) const CHANGE_KEY: &str = "UPDATE sealing SET key = $1";

pub(super) const TOKEN_NAMES: &str = "SELECT name FROM tokens ORDER BY name";

pub(super) static TOKEN: LazyLock<String> =
    LazyLock::new(|| format!("SELECT version, {COLUMNS} FROM tokens WHERE name = $1"));

pub(super) static TOKENS: LazyLock<String> =
    LazyLock::new(|| format!("SELECT version, {COLUMNS}, name FROM tokens ORDER BY name"));

pub(super) static OUTLINES: LazyLock<String> = LazyLock::new(|| format!("SELECT version, {OUTLINE}, name FROM tokens"));

pub(super) static SKETCHES: LazyLock<String> = LazyLock::new(|| format!("SELECT version, {SKETCH}, name FROM tokens"));

/// Takes the columns, the name and the first version.
pub(super) static INSERT_TOKEN: LazyLock<String> = LazyLock::new(|| {
    let places = (1..=columns().count() + 2).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ");
    format!("INSERT INTO tokens ({COLUMNS}, name, version) VALUES ({places}) ON CONFLICT (name) DO NOTHING")
});

/// Takes the columns, the name and the version that was read; the version grows.
pub(super) static UPDATE_TOKEN: LazyLock<String> = LazyLock::new(|| {
    let set =
        columns().enumerate().map(|(at, column)| format!("{column} = ${}", at + 1)).collect::<Vec<_>>().join(", ");
    let (name, version) = (columns().count() + 1, columns().count() + 2);
    format!("UPDATE tokens SET {set}, version = version + 1 WHERE name = ${name} AND version = ${version}")
});

pub(super) const FORGET_TOKEN: &str = "DELETE FROM tokens WHERE name = $1";

pub(super) const FORGET_NOTICES: &str = "DELETE FROM notices WHERE token = $1";

fn columns() -> impl Iterator<Item = &'static str> {
    COLUMNS.split(", ")
}

pub(super) const RECORDS: &str = "SELECT name, version, content FROM records
    WHERE kind = $1 AND (ends_at IS NULL OR ends_at > now_s()) ORDER BY name";

pub(super) const VERSIONS: &str = "SELECT name, version FROM records
    WHERE kind = $1 AND (ends_at IS NULL OR ends_at > now_s()) ORDER BY name";

pub(super) const RECORD: &str = "SELECT version, content FROM records
    WHERE kind = $1 AND name = $2 AND (ends_at IS NULL OR ends_at > now_s())";

/// Takes kind, name, the first version, the content and the life in seconds.
pub(super) const INSERT_RECORD: &str = "INSERT INTO records (kind, name, version, content, ends_at)
    VALUES ($1, $2, $3, $4, now_s() + $5) ON CONFLICT (kind, name) DO NOTHING";

/// Takes the content, the life in seconds, kind, name and the version that was read; the version grows.
pub(super) const UPDATE_RECORD: &str = "UPDATE records SET content = $1, ends_at = now_s() + $2, version = version + 1
    WHERE kind = $3 AND name = $4 AND version = $5";

pub(super) const REMOVE_RECORD: &str = "DELETE FROM records WHERE kind = $1 AND name = $2 AND version = $3";

/// With those that have ended.
pub(super) const ALL_RECORDS: &str = "SELECT kind, name, version, content FROM records ORDER BY kind, name";

pub(super) const ANNOUNCE: &str = "INSERT INTO notices (token, notice) VALUES ($1, $2) ON CONFLICT DO NOTHING";

pub(super) const ANNOUNCED: &str = "SELECT token, notice FROM notices";

/// The notice may be the beginning of several.
pub(super) const WITHDRAW: &str = "DELETE FROM notices
    WHERE token = $1 AND substr(notice, 1, length(CAST($2 AS TEXT))) = $2";

pub(super) const NOTE: &str = "INSERT INTO deeds (at, who, origin, what, subject, detail)
    VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";

/// Deeds that are kept; the oldest go first. Some 20 MB at most.
pub(super) const MOST_DEEDS: i64 = 100_000;

pub(super) const FORGET_DEEDS: &str = "DELETE FROM deeds WHERE id <= $1";

/// The newest first.
pub(super) const DEEDS: &str = "SELECT id, at, who, origin, what, subject, detail FROM deeds
    WHERE id < $1 ORDER BY id DESC LIMIT $2";

pub(super) const USES: &str = "SELECT account, password, login, message FROM uses
    WHERE login >= $1 OR message >= $1";

pub(super) const USES_OF: &str = "SELECT account, password, login, message FROM uses WHERE account = $1";

/// What two processes tell of the same password: the latest time counts. Stands behind an INSERT.
pub(super) const LATEST_USE: &str = "ON CONFLICT (account, password) DO UPDATE SET
    login = CASE WHEN uses.login IS NULL OR excluded.login > uses.login THEN excluded.login ELSE uses.login END,
    message = CASE WHEN uses.message IS NULL OR excluded.message > uses.message
        THEN excluded.message ELSE uses.message END";

/// What was used no longer counts once its account is gone.
pub(super) const UNUSED: &str = "DELETE FROM uses WHERE account = $1";

/// The database's clock decides, in one statement: processes need not agree on the time. A lease that ends further ahead than
/// it is long was taken while that clock was wrong; of one by a program that did not yet say how long, the asker's length is a
/// guess.
pub(super) const TAKE_LEASE: &str =
    "INSERT INTO leases (token, owner, ends_at, length) VALUES ($1, $2, now_s() + $3, $3)
    ON CONFLICT (token) DO UPDATE SET owner = excluded.owner, ends_at = excluded.ends_at, length = excluded.length
    WHERE leases.owner = excluded.owner OR leases.ends_at <= now_s()
        OR leases.ends_at > now_s() + coalesce(leases.length, 2 * $3) + 60";
