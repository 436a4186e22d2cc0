ALTER TABLE tokens ADD COLUMN bound_to TEXT;
ALTER TABLE tokens ADD COLUMN identity TEXT;
ALTER TABLE tokens ADD COLUMN authorized_at INTEGER;
ALTER TABLE tokens ADD COLUMN refresh_ends_at INTEGER;
ALTER TABLE tokens ADD COLUMN trouble_remedy TEXT;

-- What else is kept: tokens and accounts that stand in no file, consents under way. The content is sealed; ends_at are Unix
-- seconds of this clock.
CREATE TABLE records (
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    version INTEGER NOT NULL,
    ends_at REAL,
    content BLOB NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT;

-- What people have been told already.
CREATE TABLE notices (
    token  TEXT NOT NULL,
    notice TEXT NOT NULL,
    PRIMARY KEY (token, notice)
) STRICT;

-- The one key that seals now; others of the ring only open.
CREATE TABLE sealing (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    key BLOB NOT NULL
) STRICT;
