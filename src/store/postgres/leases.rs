//! Who is refreshing which token.

use std::time::Duration;

use super::super::sql;
use super::fault::Fault;
use super::link::Link;

pub(super) async fn take(link: &mut Link, token: &str, owner: &str, length: Duration) -> Result<bool, Fault> {
    Ok(link.execute(sql::TAKE_LEASE, &[&token, &owner, &length.as_secs_f64()]).await? == 1)
}

pub(super) async fn release(link: &mut Link, token: &str, owner: &str) -> Result<(), Fault> {
    link.execute(sql::RELEASE_LEASE, &[&token, &owner]).await.map(drop)
}
