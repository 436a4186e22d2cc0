use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// What was received and not yet consumed. Consuming is linear in what is consumed, however much has arrived.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    octets: Vec<u8>,
    start: usize,
    /// Up to here no LF was found; never before `start`.
    searched: usize,
}

const CHUNK: usize = 64 * 1024;

impl Ahead {
    pub(crate) fn len(&self) -> usize {
        self.octets.len() - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads once; 0 is the end of the stream. Dropping the future loses nothing.
    pub(crate) async fn fill(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        if self.start > 0 && (self.is_empty() || self.start >= CHUNK) {
            self.octets.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        self.octets.reserve(CHUNK);
        stream.read_buf(&mut self.octets).await
    }

    /// The next line with its LF, if it is complete.
    pub(crate) fn line(&mut self) -> Option<Vec<u8>> {
        if let Some(at) = self.octets[self.searched..].iter().position(|&octet| octet == b'\n') {
            Some(self.take(self.searched + at + 1 - self.start))
        } else {
            self.searched = self.octets.len();
            None
        }
    }

    /// So many octets, all of which must be there.
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        let end = self.start + count;
        let taken = self.octets[self.start..end].to_vec();
        self.start = end;
        self.searched = self.searched.max(end);
        taken
    }

    /// Gives octets back that belong to the next reader.
    pub(crate) fn unread(&mut self, octets: &[u8]) {
        self.octets.splice(..self.start, octets.iter().copied());
        (self.start, self.searched) = (0, 0);
    }
}
