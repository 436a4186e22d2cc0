use std::io;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::{Asker, Leg, Way};
use crate::proto::smtp::Reply;

/// How long RSET may take: a server that is well answers it at once, and somebody may wait for the session.
const RESET: Duration = Duration::from_secs(5);

/// Longer than anything is kept: another bound ends the wait.
const LONG: Duration = Duration::from_hours(24);

/// Why a session is kept no longer.
enum Over {
    /// The server has spoken or left, its time is over, or the mailbox needs its place.
    Ended,
    /// Somebody asks for it; nobody, where it may not be used any more.
    Asked(Result<Asker, oneshot::error::RecvError>),
}

/// Resets a session and keeps it until somebody asks for it, or something ends it. Given back: it is to be closed.
pub(super) async fn watch(mut leg: Leg, mut asked: oneshot::Receiver<Asker>, until: Instant) -> Option<Leg> {
    if reset(&mut leg).await.is_err() {
        return Some(leg);
    }
    let mut owed = true;
    let patience = Instant::now() + RESET;
    let over = loop {
        // Who sends in groups need not wait for one reply.
        let ready = !owed || leg.takes_groups();
        tokio::select! {
            biased;
            heard = leg.link.read(LONG) => match heard_of(&mut leg, owed, heard) {
                Some(still) => owed = still,
                None => break Over::Ended,
            },
            who = &mut asked, if ready => break Over::Asked(who),
            () = leg.permit.wanted_at_once() => break Over::Ended,
            () = sleep_until(if owed { until.min(patience) } else { until }) => break Over::Ended,
        }
    };
    match over {
        Over::Asked(Ok(who)) => {
            leg.origin.way = Way::Reused { owed };
            who.send(leg).err()
        }
        Over::Asked(Err(_)) | Over::Ended => Some(leg),
    }
}

/// Says RSET, unless the reply to one is due already.
async fn reset(leg: &mut Leg) -> io::Result<()> {
    if leg.origin.way == (Way::Reused { owed: true }) { Ok(()) } else { leg.link.send(b"RSET\r\n").await }
}

/// Whether the reply is still due after this. None: it is not the one that was due, or there is none any more.
fn heard_of(leg: &mut Leg, owed: bool, heard: io::Result<Vec<u8>>) -> Option<bool> {
    let chunk = heard.ok().filter(|chunk| owed && !chunk.is_empty())?;
    leg.ahead.push(&chunk);
    match Reply::read(&mut leg.ahead) {
        Ok(None) => Some(true),
        Ok(Some(reply)) if reply.is_positive() && leg.ahead.is_empty() => Some(false),
        _ => None,
    }
}
