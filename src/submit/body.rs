#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::legs::UpstreamLost;
use super::{Admission, Legs};
use crate::proto::smtp::header::{HeaderFilter, Passage, Refusal, Signature};
use crate::proto::smtp::{BodyFault, BodyLines, BodyScanner, Normalised, Normaliser, Reply, Scan};

/// What became of a body on its way from the client to the upstream.
#[derive(Debug)]
pub(super) enum Body {
    /// All of it is with the upstream, its end included; the final reply is due.
    Sent {
        /// Octets as sent, without the end of data.
        size: u64,
        /// Whether its sender had signed it.
        signature: Signature,
    },
    /// The client sent it all, but the upstream had answered before and will not take it.
    Answered(Reply),
    /// The client sent it all, but it cannot go on.
    Unfit(Unfit),
    /// The client sent it all, but the upstream leg broke meanwhile.
    Lost(UpstreamLost),
    /// The client went away in the middle.
    ClientGone(io::Error),
    /// The client goes on after its message was given up, far beyond any size that it may have.
    Endless,
}

/// Why a body was not forwarded to its end.
#[derive(Debug)]
pub(super) enum Unfit {
    Fault(BodyFault),
    TooLarge,
    Sender(Refusal),
}

/// Relays a body without ever holding more than a chunk of it, and what is made of that where its lines have to be mended; and
/// its header, where that has to be judged.
pub(super) async fn relay(
    legs: &mut Legs,
    admission: &mut Admission,
    lines: BodyLines,
    header: HeaderFilter<'_>,
    (limit, wait): (u64, Duration),
) -> Body {
    let (normaliser, scanner) = (Normaliser::new(lines), BodyScanner::new());
    let mut relay = Relay { legs, admission, normaliser, scanner, header, size: 0, sent: 0, limit, given_up: None };
    if !relay.legs.from_upstream.is_empty() {
        relay.interrupted();
    }
    let ahead = relay.ahead().await;
    let ended = if ahead { Ok(()) } else { relay.stream(wait).await };
    match ended {
        Ok(()) => relay.outcome(),
        Err(body) => body,
    }
}

/// Octets per read: large enough that neither side's system calls matter.
const CHUNK: usize = 64 * 1024;

/// Of the first read: most messages are short.
const FIRST: usize = 8 * 1024;

/// How long to look for a last word of an upstream that no longer takes our bytes.
const LAST_WORD: Duration = Duration::from_secs(2);

struct Relay<'a> {
    legs: &'a mut Legs,
    admission: &'a mut Admission,
    /// Comes first where there is one; the scanner watches what it makes as it watches everything.
    normaliser: Option<Normaliser>,
    scanner: BodyScanner,
    header: HeaderFilter<'a>,
    /// Octets of the client.
    size: u64,
    /// Octets to the upstream.
    sent: u64,
    limit: u64,
    /// Why nothing is forwarded any more; the client is only heard out.
    given_up: Option<GivenUp>,
}

enum GivenUp {
    Answered(Reply),
    Unfit(Unfit),
    Lost(UpstreamLost),
}

impl Relay<'_> {
    /// Passes on what came with the DATA command. True when that was all.
    async fn ahead(&mut self) -> bool {
        let ahead = self.legs.from_client.rest().to_vec();
        if ahead.is_empty() {
            return false;
        }
        match self.pass(&ahead).await {
            Passed::End(consumed) => {
                self.legs.from_client.take(consumed);
                true
            }
            Passed::More(consumed) => {
                self.legs.from_client.take(consumed);
                false
            }
        }
    }

    /// Passes on what the client sends until the end of data; what it sends beyond is left as read-ahead.
    async fn stream(&mut self, wait: Duration) -> Result<(), Body> {
        let mut buffer = vec![0; FIRST];
        // Octets at the front that were read before: a CR that has to be seen together with what follows it.
        let mut held = self.legs.from_client.len();
        buffer[..held].copy_from_slice(self.legs.from_client.take(held));
        loop {
            let filled = held + self.read(&mut buffer[held..], wait).await?;
            let full = filled == buffer.len();
            match self.pass(&buffer[..filled]).await {
                Passed::End(consumed) => {
                    self.legs.from_client.push(&buffer[consumed..filled]);
                    return Ok(());
                }
                Passed::More(consumed) => {
                    buffer.copy_within(consumed..filled, 0);
                    held = filled - consumed;
                }
            }
            if full {
                buffer.resize(CHUNK, 0);
            }
            if self.given_up.is_some() && self.size > self.limit.saturating_mul(2) {
                return Err(Body::Endless);
            }
        }
    }

    /// Reads from the client; an upstream that speaks or closes meanwhile ends the forwarding.
    async fn read(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize, Body> {
        let disputed = self.normaliser.as_ref().is_some_and(Normaliser::has_stuffed);
        let gone =
            |kind: io::ErrorKind| Body::ClientGone(if disputed { io::Error::new(kind, DISPUTED) } else { kind.into() });
        loop {
            let listening = self.given_up.is_none();
            if !listening {
                // The client may take long to end its message, and others wait for this place.
                self.legs.abandon();
                self.legs.hang_up(self.admission).await;
            }
            let legs = &mut *self.legs;
            tokio::select! {
                biased;
                read = timeout(wait, legs.client.stream.read(buffer)) => {
                    let count = read.map_err(|_| gone(io::ErrorKind::TimedOut))?;
                    return match count {
                        Ok(0) => Err(gone(io::ErrorKind::UnexpectedEof)),
                        Ok(count) => Ok(count),
                        Err(fault) => Err(Body::ClientGone(fault)),
                    };
                }
                heard = legs.upstream.read(wait), if listening => self.overheard(heard),
            }
        }
    }

    /// Looks whether the upstream has spoken, without waiting: a yes that was there before the end of data is not for it.
    async fn glance(&mut self) {
        if self.given_up.is_some() {
            return;
        }
        let heard = tokio::select! {
            biased;
            heard = self.legs.upstream.read(LAST_WORD) => heard,
            () = std::future::ready(()) => return,
        };
        self.overheard(heard);
    }

    /// The upstream spoke although it was not its turn.
    fn overheard(&mut self, heard: io::Result<Vec<u8>>) {
        let lost = |why: String| GivenUp::Lost(UpstreamLost(why));
        match heard {
            Ok(chunk) if chunk.is_empty() => self.give_up(lost("closed the connection during the message".into())),
            Ok(chunk) => {
                self.legs.from_upstream.push(&chunk);
                self.interrupted();
            }
            Err(fault) if fault.kind() == io::ErrorKind::TimedOut => {}
            Err(fault) => self.give_up(lost(format!("broke during the message: {fault}"))),
        }
    }

    /// A reply before the end of data is the end of the message, whatever it says.
    fn interrupted(&mut self) {
        match self.legs.next_reply() {
            Ok(None) => {}
            Ok(Some(reply)) => self.give_up(GivenUp::Answered(reply)),
            Err(fault) => self.give_up(GivenUp::Lost(fault)),
        }
    }

    async fn pass(&mut self, chunk: &[u8]) -> Passed {
        let Some(normaliser) = &mut self.normaliser else { return self.scan(chunk).await };
        let mut mended = Vec::with_capacity(chunk.len());
        let took = normaliser.pass(chunk, &mut mended);
        let fault = normaliser.fault();
        let scanned = self.scan(&mended).await;
        if let Some(fault) = fault {
            // Nothing comes out any more, and yet it must not go on for ever.
            self.size += chunk.len() as u64;
            self.give_up(GivenUp::Unfit(Unfit::Fault(fault)));
        }
        debug_assert!(fault.is_some() || matches!(took, Normalised::End { .. }) == matches!(scanned, Passed::End(_)));
        match took {
            Normalised::More => Passed::More(chunk.len()),
            Normalised::End { consumed } => Passed::End(consumed),
        }
    }

    /// Scans octets and forwards what is fit.
    async fn scan(&mut self, chunk: &[u8]) -> Passed {
        let mut from = 0;
        loop {
            match self.scanner.scan(&chunk[from..]) {
                Scan::More { forward } => {
                    self.forward(&chunk[from..from + forward]).await;
                    return Passed::More(from + forward);
                }
                Scan::End { forward } => {
                    self.glance().await;
                    self.forward(&chunk[from..from + forward]).await;
                    self.flush().await;
                    return Passed::End(from + forward);
                }
                Scan::Fault { fault, at } => {
                    self.give_up(GivenUp::Unfit(Unfit::Fault(fault)));
                    from += at;
                }
            }
        }
    }

    /// Sends body octets upstream, and nobody else does. The limit is checked before: a message beyond it must never be complete there.
    async fn forward(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        if self.size > self.limit.saturating_add(END.len() as u64) {
            self.give_up(GivenUp::Unfit(Unfit::TooLarge));
        }
        if self.given_up.is_some() {
            return;
        }
        match self.header.pass(bytes) {
            Passage::Hold => {}
            Passage::Forward(bytes) => {
                self.sent += bytes.len() as u64;
                let written = self.legs.send_body(&bytes).await;
                self.written(written).await;
            }
            Passage::Refuse(refusal) => self.give_up(GivenUp::Unfit(Unfit::Sender(refusal))),
        }
    }

    async fn flush(&mut self) {
        if self.given_up.is_none() {
            let flushed = self.legs.flush_body().await;
            self.written(flushed).await;
        }
    }

    /// An upstream that takes no more may have said why.
    async fn written(&mut self, result: io::Result<()>) {
        if let Err(fault) = result {
            let last_word = self.legs.reply(LAST_WORD).await;
            self.give_up(match last_word {
                Ok(reply) => GivenUp::Answered(reply),
                Err(_) => GivenUp::Lost(UpstreamLost(format!("broke during the message: {fault}"))),
            });
        }
    }

    fn give_up(&mut self, why: GivenUp) {
        self.scanner.forgive();
        self.given_up.get_or_insert(why);
    }

    fn outcome(self) -> Body {
        match self.given_up {
            None => {
                let size = self.sent.saturating_sub(END.len() as u64);
                Body::Sent { size, signature: self.header.signature() }
            }
            Some(GivenUp::Answered(reply)) => Body::Answered(reply),
            Some(GivenUp::Unfit(unfit)) => Body::Unfit(unfit),
            Some(GivenUp::Lost(lost)) => Body::Lost(lost),
        }
    }
}

/// What is worth knowing of a client that waits in vain.
const DISPUTED: &str = "it sent DATA with CRLF, and then a dot with a bare LF, which ends no message";

const END: &[u8] = b".\r\n";

/// How much of a chunk was consumed.
enum Passed {
    /// All but a CR that has to be seen again.
    More(usize),
    /// Up to the end of the body.
    End(usize),
}
