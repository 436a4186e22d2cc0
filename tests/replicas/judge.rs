//! Whether what must hold has held.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::ledger::{Fate, Ledger};
use crate::programs::imap;
use crate::stage::Stage;

/// Everything has to come right by itself within it.
const HEALING: Duration = Duration::from_mins(2);
/// Logins at a time, when all tokens are tried.
const AT_A_TIME: usize = 4;

/// Waits until every token serves again and every message is where it belongs, and fails where something was lost, or
/// done twice. `lost`: tokens whose answer died with a replica, and that need a person now.
pub(crate) async fn of(stage: &Stage, ledger: &Ledger, lost: &[usize]) {
    let told = || format!("{}\n{}", ledger.line(), stage.logs());
    println!("{}; {} refreshes", ledger.line(), stage.front.book().all_refreshes());
    once(stage, lost);
    let unsaved = healed(stage, lost).await;
    assert!(unsaved.is_empty(), "refresh tokens that the provider gave and nobody kept: {unsaved:?}\n{}", told());
    let unusable = unusable(stage, lost).await;
    assert!(unusable.is_empty(), "tokens that do not serve: {unusable:?}\n{}", told());
    mail(stage, ledger).await;
    once(stage, lost);
    let wrong = ledger.wrong.lock().unwrap().join("\n");
    assert!(wrong.is_empty(), "{wrong}\n{}", told());
    for replica in &stage.replicas {
        assert!(!replica.log().contains("panicked"), "{}", replica.log());
    }
}

/// No refresh token went to the provider twice, no grant has ended, nobody was called to sign in again.
pub(crate) fn once(stage: &Stage, lost: &[usize]) {
    let stray = |tokens: Vec<usize>| tokens.into_iter().filter(|token| !lost.contains(token)).collect::<Vec<_>>();
    let number = |mailbox: &String| stage.tokens().find(|token| stage.mailbox(*token) == *mailbox);
    let at_provider = |request| stray(stage.peers.mailboxes(request).iter().filter_map(number).collect());
    let twice = stray(stage.front.book().twice());
    let told = stage.front.book().told(&twice);
    assert!(twice.is_empty(), "seen to be used twice: {twice:?}\n{told}\n{}", stage.logs());
    assert_eq!(at_provider("/twice"), [0; 0], "the provider says they were used twice\n{}", stage.logs());
    assert_eq!(at_provider("/ended"), [0; 0], "the provider has ended these grants\n{}", stage.logs());
    let called: Vec<_> = stage.events("token.needs_authorization");
    let called: Vec<_> = called.iter().filter_map(|event| event["token"].as_str()).collect();
    let called: Vec<_> =
        called.into_iter().filter(|name| !lost.iter().any(|token| format!("t{token}") == *name)).collect();
    assert!(called.is_empty(), "people are called to sign in again for {called:?}\n{}", stage.logs());
}

/// Tokens whose refresh token is not in the database, when they had their time.
async fn healed(stage: &Stage, lost: &[usize]) -> Vec<usize> {
    let end = Instant::now() + HEALING;
    let mut waiting: Vec<_> = stage.tokens().filter(|token| !lost.contains(token)).collect();
    while !waiting.is_empty() && Instant::now() < end {
        let unsaved = stage.unsaved(None).await;
        waiting.retain(|token| unsaved.contains(token));
        sleep(Duration::from_millis(100)).await;
    }
    waiting
}

/// Tokens with which nobody is let in, and what was said.
async fn unusable(stage: &Stage, lost: &[usize]) -> Vec<(usize, String)> {
    let mut tasks = tokio::task::JoinSet::new();
    for first in 0..AT_A_TIME {
        let address = stage.balancer.imap;
        let tokens = stage.tokens().skip(first).step_by(AT_A_TIME);
        let tokens: Vec<_> = tokens.filter(|token| !lost.contains(token)).collect();
        tasks.spawn(async move {
            let mut unusable = Vec::new();
            for token in tokens {
                let said = serves(address, token).await;
                unusable.extend(said.err().map(|said| (token, said)));
            }
            unusable
        });
    }
    tasks.join_all().await.concat()
}

async fn serves(address: std::net::SocketAddr, token: usize) -> Result<(), String> {
    let end = Instant::now() + HEALING;
    loop {
        match imap(address, token).await {
            Ok(_) => return Ok(()),
            Err(trouble) if Instant::now() > end => return Err(format!("{trouble:?}")),
            Err(_) => sleep(Duration::from_millis(300)).await,
        }
    }
}

/// Each message that was accepted is there once, those that were refused are not, and of those without an answer there is
/// one or none.
async fn mail(stage: &Stage, ledger: &Ledger) {
    let sink = stage.peers.directory.join("mail").join(stage.sink());
    let fates = ledger.fates.lock().unwrap().clone();
    let end = Instant::now() + HEALING;
    let count = |there: &HashMap<u64, usize>, id: &u64| there.get(id).copied().unwrap_or_default();
    let mut there = arrived(&sink);
    while Instant::now() < end && fates.iter().any(|(id, fate)| *fate == Fate::Accepted && count(&there, id) == 0) {
        sleep(Duration::from_millis(200)).await;
        there = arrived(&sink);
    }
    for (id, fate) in &fates {
        let count = count(&there, id);
        let good = match fate {
            Fate::Accepted => count == 1,
            Fate::Refused => count == 0,
            Fate::Unanswered => count <= 1,
        };
        assert!(good, "message {id} was {fate:?} and is there {count} times\n{}", stage.logs());
    }
}

/// The messages of a mailbox, and how often each is there.
fn arrived(mailbox: &Path) -> HashMap<u64, usize> {
    let mut there = HashMap::new();
    let files = ["new", "cur"].map(|part| std::fs::read_dir(mailbox.join(part)).into_iter().flatten().flatten());
    for file in files.into_iter().flatten() {
        let content = std::fs::read_to_string(file.path()).unwrap_or_default();
        let id = content.lines().find_map(|line| line.strip_prefix("X-Replicas: ")?.trim().parse().ok());
        *there.entry(id.unwrap_or(u64::MAX)).or_default() += 1;
    }
    there
}
