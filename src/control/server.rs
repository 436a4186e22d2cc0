use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Request;
use super::wire::{End, LONGEST, Line};
use crate::net::{Accepted, BindError, Listener, Peer, Places, Socket};

/// The open socket.
#[derive(Debug)]
pub struct Control(Listener);

/// Does what is asked. It is dropped when the asker leaves: what must be finished has a task of its own.
pub type Handler = Arc<dyn Fn(Request, Teller) -> Answer + Send + Sync>;

/// The work of one request.
pub type Answer = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>;

/// Why something was not done.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What is wrong and what to do.
    pub text: String,
    /// What the command exits with.
    pub code: u8,
}

impl Refusal {
    /// A failure (1).
    #[must_use]
    pub fn failed(text: impl std::fmt::Display) -> Self {
        Self { text: text.to_string(), code: 1 }
    }
}

/// Tells the asker, a line at a time.
#[derive(Clone, Debug)]
pub struct Teller(mpsc::Sender<Line>);

/// The asker left.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the asker left")]
pub struct Gone;

impl From<Gone> for Refusal {
    fn from(gone: Gone) -> Self {
        Self::failed(gone)
    }
}

impl Teller {
    /// A line of the answer; waits while the asker is slow.
    pub async fn tell(&self, what: &impl Serialize) -> Result<(), Gone> {
        let value = serde_json::to_value(what).map_err(|_| Gone)?;
        self.0.send(Line::Told(value)).await.map_err(|_| Gone)
    }
}

/// Askers at a time.
const MOST: usize = 16;
/// Lines of an answer that wait for a slow asker.
const WAITING: usize = 64;
/// For a request to arrive, and for a line to be taken.
const PATIENCE: Duration = Duration::from_secs(10);

impl Control {
    /// Opens the socket at a path, for its owner alone. The newest service has it: one that is being replaced loses it.
    pub fn open(path: &Path) -> Result<Self, BindError> {
        Listener::bind_unix_over(path, 0o600).map(Self)
    }

    /// Answers until told to stop; what is being answered then is dropped.
    pub async fn serve(&self, handler: Handler, stop: CancellationToken) {
        let askers = TaskTracker::new();
        let places = Places::new(MOST);
        let admit = |accepted: Accepted| {
            let (handler, stop) = (Arc::clone(&handler), stop.clone());
            askers.spawn(async move { stop.run_until_cancelled(attend(accepted, &handler)).await });
        };
        self.0.serve(|peer| places.take_for(peer), Vec::new, stop.clone(), admit).await;
        askers.close();
        askers.wait().await;
    }
}

async fn attend(accepted: Accepted, handler: &Handler) {
    let Accepted { socket, peer, permit: _permit } = accepted;
    let (reader, writer) = tokio::io::split(socket);
    let (sender, lines) = mpsc::channel(WAITING);
    let mut reader = BufReader::new(reader);
    let work = async {
        let end = match asked(peer, &mut reader).await {
            Ok(request) => {
                tokio::select! {
                    ended = handler(request, Teller(sender.clone())) => ended,
                    () = gone(&mut reader) => return,
                }
            }
            Err(refusal) => Err(refusal),
        };
        let end = end.map_or_else(|Refusal { text, code }| End { code, text }, |()| End::default());
        drop(sender.send(Line::Ended(end)).await);
        drop(sender);
    };
    tokio::join!(work, write(lines, writer));
}

/// What is asked, by somebody who may.
async fn asked(peer: Peer, reader: &mut BufReader<impl AsyncRead + Unpin>) -> Result<Request, Refusal> {
    if !may_ask(peer) {
        return Err(Refusal::failed("only the service's own user and root may ask; use sudo"));
    }
    let mut line = Vec::new();
    let mut bounded = reader.take(LONGEST as u64);
    let read = timeout(PATIENCE, bounded.read_until(b'\n', &mut line)).await;
    read.map_err(Refusal::failed)?.map_err(Refusal::failed)?;
    serde_json::from_slice(&line).map_err(|_| {
        Refusal::failed("this service does not know what is asked; is it of another version than the command?")
    })
}

fn may_ask(peer: Peer) -> bool {
    let own = nix::unistd::geteuid().as_raw();
    matches!(peer, Peer::Unix(Some(process)) if process.uid == own || process.uid == 0)
}

/// Ends when the asker does: it has nothing more to say.
async fn gone(reader: &mut (impl AsyncRead + Unpin)) {
    let mut ignored = [0; 64];
    while matches!(reader.read(&mut ignored).await, Ok(1..)) {}
}

async fn write(mut lines: mpsc::Receiver<Line>, mut writer: tokio::io::WriteHalf<Socket>) {
    while let Some(line) = lines.recv().await {
        let Ok(mut text) = serde_json::to_vec(&line) else { return };
        text.push(b'\n');
        if !matches!(timeout(PATIENCE, writer.write_all(&text)).await, Ok(Ok(()))) {
            return;
        }
    }
}
