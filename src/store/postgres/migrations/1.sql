-- Times are Unix milliseconds, but for ends_at, which are Unix seconds. BYTEA columns are sealed. Names are ordered by their octets,
-- as the program orders them.

-- The clock that all replicas go by. It goes on within a transaction; STABLE lets an index be used.
CREATE FUNCTION now_ms() RETURNS BIGINT LANGUAGE sql STABLE
    AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT $$;
CREATE FUNCTION now_s() RETURNS DOUBLE PRECISION LANGUAGE sql STABLE
    AS $$ SELECT extract(epoch FROM clock_timestamp())::DOUBLE PRECISION $$;

CREATE TABLE tokens (
    name              TEXT COLLATE "C" PRIMARY KEY,
    version           BIGINT NOT NULL,
    access_token      BYTEA,
    expires_at        BIGINT,
    refresh_token     BYTEA,
    quarantined_token BYTEA,
    scopes            TEXT,
    bound_to          TEXT,
    identity          TEXT,
    authorized_at     BIGINT,
    refresh_ends_at   BIGINT,
    refreshed_at      BIGINT,
    trouble_class     TEXT,
    trouble_summary   TEXT,
    trouble_remedy    TEXT,
    trouble_since     BIGINT,
    trouble_failures  BIGINT,
    retry_at          BIGINT
) WITH (fillfactor = 70);

CREATE TABLE leases (
    token   TEXT COLLATE "C" PRIMARY KEY,
    owner   TEXT NOT NULL,
    ends_at DOUBLE PRECISION NOT NULL
) WITH (fillfactor = 70);

-- What else is kept: tokens and accounts that stand in no file, consents under way.
CREATE TABLE records (
    kind    TEXT COLLATE "C" NOT NULL,
    name    TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    ends_at DOUBLE PRECISION,
    content BYTEA NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE INDEX records_ending ON records (ends_at) WHERE ends_at IS NOT NULL;

-- What people have been told already.
CREATE TABLE notices (
    token  TEXT COLLATE "C" NOT NULL,
    notice TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (token, notice)
);

-- The one key that seals now; others of the ring only open.
CREATE TABLE sealing (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    key BYTEA NOT NULL
);

-- What administrators did; nothing in it is a secret.
CREATE TABLE deeds (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      BIGINT NOT NULL,
    who     TEXT NOT NULL,
    origin  TEXT NOT NULL,
    what    TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL
);

-- When accounts and their passwords were last used; a password without a label is ''.
CREATE TABLE uses (
    account  TEXT COLLATE "C" NOT NULL,
    password TEXT COLLATE "C" NOT NULL,
    login    BIGINT,
    message  BIGINT,
    PRIMARY KEY (account, password)
) WITH (fillfactor = 70);

-- Which schema this is, and which one a program must know at least to work with it.
CREATE TABLE schema (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    version       BIGINT NOT NULL,
    readable_from BIGINT NOT NULL
);

-- Who is there; nothing in it is a secret.
CREATE TABLE replicas (
    instance   TEXT COLLATE "C" PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL,
    version    TEXT NOT NULL,
    schema     BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    beat_at    BIGINT NOT NULL,
    facts      TEXT NOT NULL
) WITH (fillfactor = 50);
