use std::time::{Duration, Instant};

use gatepost_kit::bench::Process;
use tokio::time::sleep;

use crate::stage::Stage;

/// What was taken so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    at: Instant,
    /// Seconds of processor time.
    gatepost: f64,
    haproxy: f64,
    postgres: f64,
    statements: f64,
}

/// What was taken meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) seconds: f64,
    pub(crate) gatepost: f64,
    pub(crate) haproxy: f64,
    pub(crate) postgres: f64,
    pub(crate) statements: f64,
}

const STATEMENTS: &str = "SELECT coalesce(sum(calls), 0)::BIGINT FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid \
                          WHERE d.datname = '{}'";

impl Meter {
    pub(crate) async fn read(stage: &Stage) -> Self {
        let counted = stage.postgres.query(&STATEMENTS.replace("{}", &stage.database)).await;
        let replicas = stage.replicas.iter().map(|replica| Process::of(replica.pid()).processor());
        let haproxy = stage.balancer.as_ref().map_or(0.0, |balancer| Process::of(balancer.pid()).processor());
        let (gatepost, postgres) = (replicas.sum(), Process::of(postmaster(stage)).processor());
        Self { at: Instant::now(), gatepost, haproxy, postgres, statements: counted.parse().unwrap() }
    }

    pub(crate) async fn since(self, stage: &Stage) -> Taken {
        let now = Self::read(stage).await;
        Taken {
            seconds: (now.at - self.at).as_secs_f64(),
            gatepost: now.gatepost - self.gatepost,
            haproxy: now.haproxy - self.haproxy,
            postgres: now.postgres - self.postgres,
            statements: now.statements - self.statements,
        }
    }
}

/// What they take when nobody asks for anything: beats, looks for news.
pub(crate) async fn idle(stage: &Stage, span: Duration) -> Taken {
    let meter = Meter::read(stage).await;
    sleep(span).await;
    meter.since(stage).await
}

impl Taken {
    /// Statements that are not those of the same time without work.
    pub(crate) fn statements_beyond(&self, idle: &Self) -> f64 {
        (self.statements - idle.statements / idle.seconds * self.seconds).max(0.0)
    }
}

fn postmaster(stage: &Stage) -> u32 {
    let file = std::fs::read_to_string(stage.postgres.directory().join("data/postmaster.pid")).unwrap();
    file.lines().next().unwrap().trim().parse().unwrap()
}
