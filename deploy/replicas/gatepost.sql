-- The role and the database, once, as a superuser of PostgreSQL. The password stands in a file, and in no command's arguments:
--   PASSWORD_FILE=/root/database sudo --preserve-env=PASSWORD_FILE -u postgres psql -v ON_ERROR_STOP=1 -f gatepost.sql
-- Gatepost makes its tables itself. The role owns this database and has no other right.
\set password `cat "$PASSWORD_FILE"`
-- A log of statements would have it.
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET password_encryption = 'scram-sha-256';
CREATE ROLE gatepost LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
RESET ALL;
CREATE DATABASE gatepost OWNER gatepost ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE gatepost FROM PUBLIC;
-- A refresh token that was rotated has to be on disk before it is used.
ALTER DATABASE gatepost SET synchronous_commit = 'on';
