//! What people have been told. A row is a token's state and a notice.

use super::super::sql;
use super::fault::Fault;
use super::link::Link;

pub(super) async fn announce(link: &mut Link, [token, notice]: &[String; 2]) -> Result<bool, Fault> {
    Ok(link.execute(sql::ANNOUNCE, &[token, notice]).await? == 1)
}

pub(super) async fn withdraw(link: &mut Link, [token, beginning]: &[String; 2]) -> Result<bool, Fault> {
    Ok(link.execute(sql::WITHDRAW, &[token, beginning]).await? > 0)
}

pub(super) async fn all(link: &mut Link) -> Result<Vec<(String, String)>, Fault> {
    let rows = link.all(sql::ANNOUNCED, &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}
