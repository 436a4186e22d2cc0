//! Each fault once.

mod consent;
mod database;
mod processes;

use std::sync::Arc;

use gatepost_kit::Postgres;

use crate::ledger::Ledger;
use crate::peers::peers;
use crate::programs::{Programs, imap_at};
use crate::stage::{KEPT, Stage, eventually};
use crate::talk::Talk;
use crate::{REPLICAS, judge};

/// Tokens that are refreshed all the time, where one fault is played.
const FEW: usize = 40;

/// Programs at work before three replicas.
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) ledger: Arc<Ledger>,
    programs: Programs,
}

impl Scene {
    /// On the database server of all tests.
    async fn shared() -> Option<Self> {
        let peers = peers()?;
        Some(Self::of(Stage::on(Postgres::shared().await?, peers, FEW).await).await)
    }

    /// On a database server of its own.
    async fn own() -> Option<Self> {
        Self::with(FEW).await
    }

    /// The same, with so many tokens that are refreshed all the time.
    pub(crate) async fn with(brief: usize) -> Option<Self> {
        let peers = peers()?;
        Some(Self::of(Stage::on(Postgres::own().await?, peers, brief).await).await)
    }

    async fn of(stage: Stage) -> Self {
        let ledger = Arc::default();
        for replica in 0..REPLICAS {
            warm(&stage, replica).await;
        }
        let programs = Programs::start(&stage, &ledger);
        Self { stage, ledger, programs }
    }

    /// The programs leave, and what must hold is looked at.
    pub(crate) async fn ends(self, lost: &[usize]) {
        self.programs.end(&self.ledger).await;
        judge::of(&self.stage, &self.ledger, lost).await;
    }

    /// So many more sessions with tokens that live long come to their end.
    pub(crate) async fn serves(&self, sessions: u64) {
        let before = self.ledger.counted("sure sessions");
        let served = || self.ledger.counted("sure sessions") >= before + sessions;
        eventually("sessions with tokens that are there", served).await;
    }

    /// So many tokens more are refreshed.
    async fn refreshes(&self, count: u64) {
        let before = self.stage.front.book().all_refreshes();
        eventually("refreshes", || self.stage.front.book().all_refreshes() >= before + count).await;
    }
}

/// The replica knows the tokens that live long, and the password of their accounts.
pub(crate) async fn warm(stage: &Stage, replica: usize) {
    for token in 0..KEPT {
        let end = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
        // Right after the start all tokens are refreshed.
        while let Err(trouble) = imap_at(stage.replicas[replica].places.imap, token).await {
            assert!(tokio::time::Instant::now() < end, "{trouble:?}\n{}", stage.logs());
        }
    }
}

/// A session at each replica that is under way.
async fn sessions(stage: &Stage) -> Vec<Talk> {
    let mut sessions = Vec::new();
    for (number, replica) in stage.replicas.iter().enumerate() {
        sessions.push(imap_at(replica.places.imap, number).await.unwrap());
    }
    sessions
}

/// They go on.
async fn go_on(sessions: &mut [Talk]) {
    for session in sessions {
        session.say("n NOOP\r\n").await.unwrap();
        session.hear("NOOP", "n OK", |line| line.starts_with("n ") || line.starts_with("* BYE")).await.unwrap();
    }
}
