//! A connection that someone works with.

use std::sync::Arc;

use deadpool::managed::Object;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use super::connect::Primary;
use super::counts::Counts;
use super::fault::Fault;

/// A connection of the pool. One that is dropped in the middle of something is closed: what it had begun is undone.
pub(super) struct Link {
    object: Option<Object<Primary>>,
    counts: Arc<Counts>,
    /// Something is under way, or a transaction is open.
    asking: bool,
    within: bool,
}

/// Values of a statement.
pub(super) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Whoever seals holds it shared, and whoever changes the key alone: nothing is sealed with a key that has just been replaced.
pub(super) const SEALING_LOCK: i64 = 0x6761_7465_0001;

impl Link {
    pub(super) const fn new(object: Object<Primary>, counts: Arc<Counts>) -> Self {
        Self { object: Some(object), counts, asking: false, within: false }
    }

    fn client(&self) -> Result<&Object<Primary>, Fault> {
        self.object.as_ref().ok_or_else(|| Fault::Unreachable("the connection was closed".into()))
    }

    async fn prepared(&self, statement: &str) -> Result<Statement, Fault> {
        self.counts.count(statement);
        Ok(self.client()?.prepare_cached(statement).await?)
    }

    pub(super) async fn rows(&mut self, statement: &str, values: Values<'_>) -> Result<Vec<Row>, Fault> {
        self.asking = true;
        let asked = async {
            let prepared = self.prepared(statement).await?;
            Ok(self.client()?.query(&prepared, values).await?)
        };
        let answered = asked.await;
        self.heard(answered)
    }

    pub(super) async fn row(&mut self, statement: &str, values: Values<'_>) -> Result<Option<Row>, Fault> {
        Ok(self.rows(statement, values).await?.into_iter().next())
    }

    /// Many rows, which may take longer than one.
    pub(super) async fn all(&mut self, statement: &str, values: Values<'_>) -> Result<Vec<Row>, Fault> {
        self.begin_long("BEGIN READ ONLY").await?;
        let rows = self.rows(statement, values).await?;
        self.commit().await?;
        Ok(rows)
    }

    /// Begins what may take long.
    pub(super) async fn begin_long(&mut self, begin: &str) -> Result<(), Fault> {
        self.within = true;
        let bounds = "SET LOCAL statement_timeout = '100s'; SET LOCAL lock_timeout = '60s'";
        self.batch(&format!("{begin}; {bounds}; SET LOCAL synchronous_commit = on")).await
    }

    /// How many rows it was done to.
    pub(super) async fn execute(&mut self, statement: &str, values: Values<'_>) -> Result<u64, Fault> {
        self.asking = true;
        let asked = async {
            let prepared = self.prepared(statement).await?;
            Ok(self.client()?.execute(&prepared, values).await?)
        };
        let answered = asked.await;
        self.heard(answered)
    }

    /// Statements without values, several at once.
    pub(super) async fn batch(&mut self, statements: &str) -> Result<(), Fault> {
        self.asking = true;
        self.counts.count(statements);
        let answered = self.client()?.batch_execute(statements).await;
        self.heard(answered.map_err(Fault::from))
    }

    /// A no of the database is an answer, too.
    fn heard<T>(&mut self, answered: Result<T, Fault>) -> Result<T, Fault> {
        self.asking = answered.as_ref().is_err_and(|fault| !fault.is_answer());
        answered
    }

    pub(super) async fn begin(&mut self) -> Result<(), Fault> {
        self.within = true;
        self.batch("BEGIN; SET LOCAL synchronous_commit = on").await
    }

    /// Begins what will seal: the key stays as it is until the end.
    pub(super) async fn begin_sealing(&mut self) -> Result<(), Fault> {
        self.within = true;
        let lock = format!("SELECT pg_advisory_xact_lock_shared({SEALING_LOCK})");
        self.batch(&format!("BEGIN; SET LOCAL synchronous_commit = on; {lock}")).await
    }

    pub(super) async fn commit(&mut self) -> Result<(), Fault> {
        self.batch("COMMIT").await?;
        self.within = false;
        Ok(())
    }

    pub(super) async fn roll_back(&mut self) -> Result<(), Fault> {
        self.batch("ROLLBACK").await?;
        self.within = false;
        Ok(())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if self.asking || self.within {
            drop(self.object.take().map(Object::take));
        }
    }
}
