//! How long anything may take, and what is done again.

use std::sync::Arc;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{self, PoolError, QueueMode, TimeoutType};
use deadpool_postgres::ClientWrapper;
use tokio::sync::oneshot::Receiver;
use tokio::time::{sleep, timeout};

use super::super::{Answer, StoreError};
use super::connect::{Hear, Primary, Servers};
use super::counts::Counts;
use super::fault::Fault;
use super::link::Link;
use super::outage::Outage;

/// Connections at most: a replica needs the database seldom, and the database has to do with many replicas.
const CONNECTIONS: usize = 8;
/// How long a free one is waited for.
const WAIT: Duration = Duration::from_secs(3);
/// How long anything may take, with the wait.
const BOUND: Duration = Duration::from_secs(7);
/// The same for what reads or writes everything.
const ALL: Duration = Duration::from_mins(2);

/// The same for what writes everything.
const WRITE_ALL: Duration = Duration::from_hours(1);

/// Between two looks whether the database is back, when nobody asks for anything.
const LOOK: Duration = Duration::from_millis(500);

/// How long something may take, and how often it may be begun: once more where its connection broke.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    bound: Duration,
    times: usize,
}

/// What changes nothing, or comes to the same end when it is done twice.
pub(super) const REPEATABLE: Terms = Terms { bound: BOUND, times: 2 };
/// What would be another thing the second time.
pub(super) const ONCE: Terms = Terms { bound: BOUND, times: 1 };
/// What reads or writes everything.
pub(super) const LONG: Terms = Terms { bound: ALL, times: 2 };
/// What writes everything: a copy, another key.
pub(super) const EVERYTHING: Terms = Terms { bound: WRITE_ALL, times: 1 };

#[derive(Debug)]
pub(super) struct Pool {
    connections: managed::Pool<Primary>,
    outage: Arc<Outage>,
    pub(super) counts: Arc<Counts>,
    shown: Arc<str>,
}

impl Pool {
    pub(super) fn new(servers: Servers, writer: &str) -> Result<Self, StoreError> {
        let shown: Arc<str> = servers.shown.as_str().into();
        let outage = Arc::new(Outage::new(servers.shown.clone()));
        let connections = managed::Pool::builder(Primary::new(servers, writer, Arc::clone(&outage)))
            .max_size(CONNECTIONS)
            .wait_timeout(Some(WAIT))
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|fault| StoreError::Database { file: shown.to_string(), fault: fault.to_string() })?;
        Ok(Self { connections, outage, counts: Arc::default(), shown })
    }

    /// A connection that hears notices.
    pub(super) async fn listener(&self, hear: Hear) -> Result<(ClientWrapper, Receiver<()>), Fault> {
        self.connections.manager().listener(hear).await
    }

    /// Whether it answers now.
    pub(super) async fn answers(self: &Arc<Self>) -> bool {
        self.run(REPEATABLE, (), |mut link, _| async move { link.batch("SELECT 1").await }).await.is_ok()
    }

    /// The same of a connection that is there already: it says nothing by being there.
    async fn has_answer(&self) -> Result<(), Fault> {
        self.link().await?.batch("SELECT 1").await
    }

    /// The database as people know it.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    async fn link(&self) -> Result<Link, Fault> {
        match self.connections.get().await {
            Ok(object) => Ok(Link::new(object, Arc::clone(&self.counts))),
            Err(PoolError::Backend(fault)) => Err(fault),
            Err(PoolError::Timeout(TimeoutType::Wait)) => {
                Err(Fault::Unreachable(format!("all {CONNECTIONS} connections are busy")))
            }
            Err(_) => Err(Fault::Unreachable("no connection is to be had".into())),
        }
    }

    /// In a task of its own: what is under way comes to its end, also when nobody waits for it any more.
    pub(super) fn run<T, C, F>(
        self: &Arc<Self>,
        Terms { bound, times }: Terms,
        with: C,
        work: impl Fn(Link, Arc<C>) -> F + Send + Sync + 'static,
    ) -> Answer<'static, T>
    where
        T: Send + 'static,
        C: Send + Sync + 'static,
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let (pool, with) = (Arc::clone(self), Arc::new(with));
        let task = tokio::spawn(async move {
            let tried = pool.tries(times, &with, &work);
            let Ok(done) = timeout(bound, tried).await else {
                pool.outage.distrust();
                pool.look_out();
                let fault = format!("no answer within {} s", bound.as_secs());
                return Err(StoreError::Unreachable { store: pool.shown.to_string(), fault });
            };
            done.map_err(|fault| fault.of(&pool.shown))
        });
        Box::pin(async move { task.await.unwrap_or(Err(StoreError::Closed)) })
    }

    async fn tries<T, C, F>(
        self: &Arc<Self>,
        times: usize,
        with: &Arc<C>,
        work: &impl Fn(Link, Arc<C>) -> F,
    ) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut left = times;
        loop {
            left -= 1;
            let link = self.link().await.inspect_err(|_| self.look_out())?;
            match work(link, Arc::clone(with)).await {
                Err(fault) if fault.is_broken() => {
                    if fault.is_read_only() {
                        self.outage.distrust();
                    }
                    if left == 0 {
                        return Err(fault);
                    }
                }
                done => return done,
            }
        }
    }

    /// Has somebody see to it that it is noticed when the database is back.
    fn look_out(self: &Arc<Self>) {
        if self.outage.looks_out() {
            return;
        }
        let pool = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                sleep(LOOK).await;
                let Some(pool) = pool.upgrade() else { return };
                if timeout(BOUND, pool.has_answer()).await.is_ok_and(|answer| answer.is_ok()) {
                    // In this order: whoever fails in between has somebody look out again.
                    pool.outage.looked_out();
                    return pool.outage.over();
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use gatepost_kit::Postgres;

    use super::super::super::tests::ground::servers;
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn an_outage_is_over_when_a_connection_of_before_answers() {
        let Some(server) = Postgres::shared().await else { return };
        let url = server.database().await;
        let name = url.rsplit('/').next().unwrap();
        let pool = Arc::new(Pool::new(servers(&url), "-").unwrap());
        let busy = pool.link().await.ok().unwrap();
        server.query(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
        assert!(!pool.answers().await);
        assert!(pool.outage.is_announced());
        drop(busy);
        let over = async {
            while pool.outage.is_announced() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_mins(1), over).await.unwrap();
        // The next one is told of.
        let busy = pool.link().await.ok().unwrap();
        assert!(!pool.answers().await);
        assert!(pool.outage.is_announced());
        drop(busy);
    }
}
