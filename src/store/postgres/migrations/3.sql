-- Limits over all replicas. A replica that is no more leaves what it held by the lease of its holder, by the clock of this database.
CREATE TABLE holders (
    owner   TEXT COLLATE "C" PRIMARY KEY,
    ends_at BIGINT NOT NULL,
    counted BIGINT NOT NULL,
    dead    BOOLEAN NOT NULL,
    asked   BIGINT NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE shares (
    name    TEXT COLLATE "C" NOT NULL,
    owner   TEXT COLLATE "C" NOT NULL,
    most    BIGINT NOT NULL,
    lasting BOOLEAN NOT NULL,
    units   BIGINT NOT NULL,
    wants   BIGINT NOT NULL,
    since   BIGINT NOT NULL,
    PRIMARY KEY (name, owner)
) WITH (fillfactor = 70);
CREATE INDEX shares_by_owner ON shares (owner);
CREATE INDEX shares_wanted ON shares (name) WHERE wants > 0;

-- Who has waited longest.
CREATE SEQUENCE share_turns;
