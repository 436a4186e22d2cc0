//! The statements.

/// A holder asks: its number, and its place in time.
pub(super) const ASKED: &str = "UPDATE holders SET asked = $2 WHERE owner = $1 AND NOT dead AND asked <= $2
    RETURNING nextval('share_turns')";

pub(super) const LOCK: &str = "SELECT pg_advisory_xact_lock($1, key) FROM unnest($2::integer[]) AS limits (key)";

pub(super) const HOLDERS: &str = "SELECT owner, counted, dead, now_ms() - ends_at, asked FROM holders";

pub(super) const ROWS: &str = "SELECT name, owner, units, wants, since, most FROM shares WHERE name = ANY($1)";

pub(super) const WRITE: &str = "INSERT INTO shares (owner, name, most, lasting, units, wants, since)
    SELECT $1, told.* FROM unnest($2::text[], $3::bigint[], $4::boolean[], $5::bigint[], $6::bigint[], $7::bigint[]) AS told
    ON CONFLICT (name, owner) DO UPDATE SET most = excluded.most, lasting = excluded.lasting, units = excluded.units,
    wants = excluded.wants, since = excluded.since";

pub(super) const REMOVE: &str = "DELETE FROM shares WHERE owner = $1 AND name = ANY($2)";

/// At most so many limits at a time: the others come with the next look.
pub(super) const WANTED: &str = "SELECT there.holders, told.name, told.most, told.lasting, told.wants
    FROM (SELECT count(*) AS holders FROM holders) AS there LEFT JOIN (
        SELECT name, min(most) AS most, bool_or(lasting) AS lasting, sum(wants)::bigint AS wants
        FROM shares WHERE wants > 0 AND owner <> $1 AND owner IN (SELECT owner FROM holders WHERE NOT dead)
        GROUP BY name ORDER BY min(since) LIMIT 1000
    ) AS told ON TRUE";

/// All that these had.
pub(super) const FORGET_SHARES: &str = "DELETE FROM shares WHERE owner = ANY($1)";

pub(super) const FORGET_HOLDERS: &str = "DELETE FROM holders WHERE owner = ANY($1)";

pub(super) const BURY: &str = "UPDATE holders SET dead = TRUE WHERE owner = ANY($1)";

/// Where its part becomes greater, every limit that others have rows of gets one of the part it had.
pub(super) const KEEP_PART: &str = "INSERT INTO shares (name, owner, most, lasting, units, wants, since)
    SELECT name, $1, min(most), bool_or(lasting), CASE WHEN $2::bigint = 0 THEN 0 ELSE min(most) / $2::bigint END, 0, 0
    FROM shares GROUP BY name ON CONFLICT (name, owner) DO NOTHING";

pub(super) const BEAT: &str = "INSERT INTO holders (owner, ends_at, counted, dead, asked)
    VALUES ($1, now_ms() + $2, $3, $4, $5)
    ON CONFLICT (owner) DO UPDATE SET ends_at = excluded.ends_at, counted = excluded.counted, dead = excluded.dead,
    asked = excluded.asked";

pub(super) const HELD: &str = "SELECT name, most, lasting, units FROM shares WHERE owner = $1";

/// Other replicas look then, and not only at their next turn.
pub(super) const NEWS: &str = "SELECT tell_news(current_schema()::text, 'shares')";
