use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Request;
use super::wire::{End, Line};

/// Why there is no answer, or not the one that was hoped for.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens.
    #[error(
        "no service answers at {}; start it with `gatepost serve`, or name the configuration of the one that runs with \
         --config", .0.display()
    )]
    NotThere(PathBuf),
    /// The socket is somebody else's.
    #[error("{} is for the service's own user and root; use sudo", .0.display())]
    NotAllowed(PathBuf),
    /// It ended in the middle.
    #[error("the service did not finish its answer: {0}; look into its log")]
    Broke(io::Error),
    /// It said no.
    #[error("{text}")]
    Refused {
        /// Why, and what to do.
        text: String,
        /// What the command exits with.
        code: u8,
    },
}

/// Longer than a look at the store may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);

/// Asks the service at a socket, and hands on each line of its answer as it comes. Blocks; for commands.
pub fn ask<E: From<AskError>>(
    path: &Path,
    request: &Request,
    mut told: impl FnMut(Value) -> Result<(), E>,
) -> Result<(), E> {
    let mut socket = UnixStream::connect(path).map_err(|fault| unreachable(path, fault))?;
    if *request == Request::Status {
        // It is asked when something is wrong: a service that hangs must not take the terminal along.
        socket.set_read_timeout(Some(PATIENCE)).map_err(AskError::Broke)?;
    }
    let mut text = serde_json::to_vec(request).map_err(|fault| AskError::Broke(fault.into()))?;
    text.push(b'\n');
    socket.write_all(&text).map_err(AskError::Broke)?;
    for line in BufReader::new(socket).lines() {
        let line = line.map_err(AskError::Broke)?;
        match serde_json::from_str(&line).map_err(|fault| AskError::Broke(fault.into()))? {
            Line::Told(value) => told(value)?,
            Line::Ended(End { code: 0, .. }) => return Ok(()),
            Line::Ended(End { code, text }) => return Err(AskError::Refused { text, code }.into()),
        }
    }
    Err(AskError::Broke(io::ErrorKind::UnexpectedEof.into()).into())
}

fn unreachable(path: &Path, fault: io::Error) -> AskError {
    match fault.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::NotThere(path.to_owned()),
        io::ErrorKind::PermissionDenied => AskError::NotAllowed(path.to_owned()),
        _ => AskError::Broke(fault),
    }
}
