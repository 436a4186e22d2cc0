//! Who is refreshing which token.

use std::time::Duration;

use chrono::TimeDelta;

use super::super::sql;
use super::fault::Fault;
use super::link::Link;

pub(super) async fn take(link: &mut Link, token: &str, owner: &str, length: Duration) -> Result<bool, Fault> {
    Ok(link.execute(sql::TAKE_LEASE, &[&token, &owner, &length.as_secs_f64()]).await? == 1)
}

/// By then it has to have reached the database. What the network delivers later would end the lease of the next refresh by the
/// same process; one that is not released ends by itself.
pub(super) const RELEASED_WITHIN: TimeDelta = TimeDelta::seconds(5);

const RELEASE: &str = "DELETE FROM leases WHERE token = $1 AND owner = $2 AND now_ms() <= $3";

/// `by`: in Unix milliseconds of the database's clock.
pub(super) async fn release(link: &mut Link, token: &str, owner: &str, by: i64) -> Result<(), Fault> {
    link.execute(RELEASE, &[&token, &owner, &by]).await.map(drop)
}
