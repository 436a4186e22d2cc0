use std::future::pending;
use std::time::Duration;

use super::{Full, MailboxGate, Pass, Permit};
use crate::net::Link;
use crate::proto::Input;

/// Why nobody came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missed {
    /// In vain.
    #[error(transparent)]
    Full(#[from] Full),
    /// The client did not wait so long.
    #[error("the client left while it waited for its mailbox")]
    Gone,
}

/// How much is read ahead of a client that talks while it waits.
const AHEAD: usize = 64 * 1024;
/// The gate's bound ends the wait, not this one.
const LONG: Duration = Duration::from_hours(24);

impl MailboxGate {
    /// As [`enter`](Self::enter), for as long as the client is there.
    pub async fn enter_for(&self, pass: Pass, client: &mut Link, ahead: &mut Input) -> Result<Permit, Missed> {
        tokio::select! {
            biased;
            entered = self.enter(pass) => Ok(entered?),
            () = gone(client, ahead) => Err(Missed::Gone),
        }
    }
}

/// Until the client has left. One that has sent more and then closed its half awaits its answers.
async fn gone(client: &mut Link, ahead: &mut Input) {
    while ahead.len() < AHEAD {
        match client.read(LONG).await {
            Ok(chunk) if !chunk.is_empty() => ahead.push(&chunk),
            Ok(_) if !ahead.is_empty() => break,
            _ => return,
        }
    }
    pending::<()>().await;
}
