//! What fails. Each comes right again before it returns, as far as the harness can see.

use std::time::Duration;

use tokio::time::sleep;

use crate::front::Gate;
use crate::ledger::{Fate, Ledger};
use crate::programs::{begun, finished};
use crate::stage::{Stage, eventually};
use crate::talk::{Talk, Trouble};
use crate::wire::Mode;

/// `kill -9`, with refreshes under way that have not reached the provider. Returns their tokens.
pub(crate) async fn killed_at_refreshes(stage: &mut Stage, replica: usize) -> Vec<usize> {
    let held = has_refreshes(stage, replica).await;
    stage.replicas[replica].kill();
    forgotten(stage, replica).await;
    held
}

/// `SIGSTOP`, with refreshes under way that have not reached the provider, and never will. Returns their tokens.
pub(crate) async fn stopped_at_refreshes(stage: &mut Stage, replica: usize) -> Vec<usize> {
    let held = has_refreshes(stage, replica).await;
    stage.replicas[replica].signal("STOP");
    held
}

/// It goes on where it was stopped.
pub(crate) async fn goes_on(stage: &mut Stage, replica: usize) {
    stage.replicas[replica].signal("CONT");
    forgotten(stage, replica).await;
}

/// Requests of this replica wait before the provider, and nothing of it is between provider and database.
async fn has_refreshes(stage: &Stage, replica: usize) -> Vec<usize> {
    assert!(stage.settles(replica).await, "what it was answered is not stored\n{}", stage.logs());
    eventually("a refresh by this replica", || !stage.front.book().held[replica].is_empty()).await;
    stage.front.book().held[replica].clone()
}

/// Whatever it asked for is dropped, and what it asks for from now on goes on.
async fn forgotten(stage: &Stage, replica: usize) {
    stage.front.gate(replica, Gate::Lost);
    eventually("requests of the dead are dropped", || stage.front.book().held[replica].is_empty()).await;
    stage.front.gate(replica, Gate::Open);
}

/// A dead one comes back.
pub(crate) async fn comes_back(stage: &mut Stage, replica: usize) {
    stage.start(replica);
    stage.answers(replica).await;
}

/// `kill -9` amid messages: of some the content is under way, of others the end has been said. Whether it came to that.
pub(crate) async fn killed_amid_messages(stage: &mut Stage, ledger: &Ledger, replica: usize) -> bool {
    let address = stage.replicas[replica].places.smtp;
    let (mut halves, mut wholes) = (Vec::new(), Vec::new());
    for number in 0..6 {
        // Whoever cannot begin has lost nothing.
        let Ok(mut talk) = begins(stage, address, number % 3).await else { continue };
        let id = ledger.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if number % 2 == 0 {
            drop(talk.say(format!("X-Replicas: {id}\r\n\r\nhalf of ")).await);
            halves.push((id, talk));
        } else {
            wholes.push(tokio::spawn(async move { (id, finished(&mut talk, id).await.0) }));
        }
    }
    let killed = killed(stage, replica).await;
    for (id, _) in halves {
        ledger.fates.lock().unwrap().insert(id, Fate::Refused);
    }
    for whole in wholes {
        let (id, fate) = whole.await.unwrap();
        ledger.fates.lock().unwrap().insert(id, fate);
    }
    killed
}

/// `kill -9`, at any time when nothing of it is between provider and database. Whether it came to that.
pub(crate) async fn killed(stage: &mut Stage, replica: usize) -> bool {
    let settled = stage.settles(replica).await;
    if settled {
        stage.replicas[replica].kill();
    }
    forgotten(stage, replica).await;
    settled
}

async fn begins(stage: &Stage, address: std::net::SocketAddr, token: usize) -> Result<Talk, Trouble> {
    let mut talk = crate::programs::smtp_at(address, token).await?;
    begun(&mut talk, &stage.mailbox(token), &stage.sink()).await?;
    Ok(talk)
}

/// A stop as of an upgrade: it says goodbye to whom it has, and ends well.
pub(crate) async fn drained(stage: &mut Stage, replica: usize) {
    stage.replicas[replica].signal("TERM");
    let status = stage.replicas[replica].ends().await;
    assert!(status.success(), "{status}: {}", stage.replicas[replica].log());
}

/// Wires to the database are so for a while.
pub(crate) async fn wires(stage: &Stage, replicas: &[usize], mode: Mode, length: Duration) {
    let set = |mode| {
        for replica in replicas {
            stage.wires[*replica].set(mode);
        }
    };
    set(mode);
    sleep(length).await;
    set(Mode::Whole);
}
