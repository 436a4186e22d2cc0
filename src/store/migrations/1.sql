-- Times are Unix milliseconds. BLOB columns are sealed.
CREATE TABLE tokens (
    name              TEXT PRIMARY KEY,
    version           INTEGER NOT NULL,
    access_token      BLOB,
    expires_at        INTEGER,
    refresh_token     BLOB,
    quarantined_token BLOB,
    scopes            TEXT,
    refreshed_at      INTEGER,
    trouble_class     TEXT,
    trouble_summary   TEXT,
    trouble_since     INTEGER,
    trouble_failures  INTEGER,
    retry_at          INTEGER
) STRICT;

CREATE TABLE leases (
    token   TEXT PRIMARY KEY,
    owner   TEXT NOT NULL,
    ends_at REAL NOT NULL
) STRICT;
