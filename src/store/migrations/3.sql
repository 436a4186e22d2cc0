-- What administrators did. Times are Unix milliseconds; nothing in it is a secret.
CREATE TABLE deeds (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    origin  TEXT NOT NULL,
    what    TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL
) STRICT;

-- When accounts and their passwords were last used; a password without a label is ''.
CREATE TABLE uses (
    account  TEXT NOT NULL,
    password TEXT NOT NULL,
    login    INTEGER,
    message  INTEGER,
    PRIMARY KEY (account, password)
) STRICT;
