//! What administrators did, and when passwords were last used.

use chrono::{DateTime, Utc};

use super::super::row::plain;
use super::super::{Deed, Noted, Use, sql};
use super::fault::Fault;
use super::link::Link;

/// All at once, each password once, and in one order: two replicas that write the same rows do not wait for each other in a circle.
const USED: &str = "INSERT INTO uses (account, password, login, message)
    SELECT account, password, max(login), max(message)
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS told (account, password, login, message)
    GROUP BY account, password ORDER BY account COLLATE \"C\", password COLLATE \"C\"";

pub(super) async fn note(link: &mut Link, deed: &Deed) -> Result<(), Fault> {
    let Deed { at, who, from, what, subject, detail } = deed;
    let at = at.timestamp_millis();
    let texts = [who, from, what, subject, detail].map(|text| plain(text));
    let noted = link.row(sql::NOTE, &[&at, &texts[0], &texts[1], &texts[2], &texts[3], &texts[4]]).await?;
    let Some(id) = noted.map(|row| row.try_get::<_, i64>(0)).transpose()? else { return Ok(()) };
    link.execute(sql::FORGET_DEEDS, &[&(id - sql::MOST_DEEDS)]).await.map(drop)
}

pub(super) async fn deeds(link: &mut Link, before: Option<i64>, most: i64) -> Result<Vec<Noted>, Fault> {
    let rows = link.rows(sql::DEEDS, &[&before.unwrap_or(i64::MAX), &most]).await?;
    let noted = |row: &tokio_postgres::Row| {
        let deed = Deed {
            at: time(row.try_get(1)?).unwrap_or_default(),
            who: row.try_get(2)?,
            from: row.try_get(3)?,
            what: row.try_get(4)?,
            subject: row.try_get(5)?,
            detail: row.try_get(6)?,
        };
        Ok(Noted { id: row.try_get(0)?, deed })
    };
    rows.iter().map(noted).collect()
}

pub(super) async fn uses(link: &mut Link, since: DateTime<Utc>) -> Result<Vec<Use>, Fault> {
    link.rows(sql::USES, &[&since.timestamp_millis()]).await?.iter().map(in_row).collect()
}

pub(super) async fn uses_of(link: &mut Link, account: &str) -> Result<Vec<Use>, Fault> {
    link.rows(sql::USES_OF, &[&account]).await?.iter().map(in_row).collect()
}

fn in_row(row: &tokio_postgres::Row) -> Result<Use, Fault> {
    let (login, message) = (row.try_get::<_, Option<i64>>(2)?, row.try_get::<_, Option<i64>>(3)?);
    let (login, message) = (login.and_then(time), message.and_then(time));
    Ok(Use { account: row.try_get(0)?, password: row.try_get(1)?, login, message })
}

pub(super) async fn used(link: &mut Link, uses: &[Use]) -> Result<(), Fault> {
    let accounts: Vec<_> = uses.iter().map(|told| told.account.as_str()).collect();
    let passwords: Vec<_> = uses.iter().map(|told| told.password.as_str()).collect();
    let millis = |time: Option<DateTime<Utc>>| time.map(|time| time.timestamp_millis());
    let logins: Vec<_> = uses.iter().map(|told| millis(told.login)).collect();
    let messages: Vec<_> = uses.iter().map(|told| millis(told.message)).collect();
    let statement = [USED, sql::LATEST_USE].join(" ");
    link.execute(&statement, &[&accounts, &passwords, &logins, &messages]).await.map(drop)
}

pub(super) async fn unused(link: &mut Link, account: &str) -> Result<(), Fault> {
    link.execute(sql::UNUSED, &[&account]).await.map(drop)
}

const fn time(millis: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis)
}
