use std::time::Duration;

use crate::net::Link;
use crate::proto::Input;
use crate::proto::smtp::Reply;

/// Both connections of a session, each with what was received and not yet consumed.
#[derive(Debug)]
pub struct Legs {
    /// To the local program.
    pub client: Link,
    /// Read-ahead of the local program.
    pub from_client: Input,
    /// To the provider.
    pub upstream: Link,
    /// Read-ahead of the provider.
    pub from_upstream: Input,
}

/// The upstream leg is of no use any more, and why; for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UpstreamLost(pub(super) String);

impl Legs {
    /// Sends a line upstream and waits for its reply.
    pub(super) async fn ask(&mut self, line: &[u8], wait: Duration) -> Result<Reply, UpstreamLost> {
        self.upstream.send(line).await.map_err(|fault| UpstreamLost(format!("cannot write: {fault}")))?;
        self.reply(wait).await
    }

    /// Waits for the upstream's next reply, at most `wait` for each part of it.
    pub(super) async fn reply(&mut self, wait: Duration) -> Result<Reply, UpstreamLost> {
        loop {
            if let Some(reply) = self.next_reply()? {
                return Ok(reply);
            }
            let chunk = self.upstream.read(wait).await;
            let chunk = chunk.map_err(|fault| UpstreamLost(format!("no reply: {fault}")))?;
            if chunk.is_empty() {
                return Err(UpstreamLost("closed the connection".into()));
            }
            self.from_upstream.push(&chunk);
        }
    }

    /// A reply that has arrived whole, if there is one.
    pub(super) fn next_reply(&mut self) -> Result<Option<Reply>, UpstreamLost> {
        Reply::read(&mut self.from_upstream).map_err(|violation| UpstreamLost(violation.to_string()))
    }
}
