use std::net::IpAddr;

use super::meter::Meter;

/// A client that nobody logged in.
#[derive(Clone, Copy, Debug)]
pub struct Guest<'a> {
    /// Where it is; all that is known of it.
    pub peer: IpAddr,
    /// How much it may send, if that is bounded.
    pub meter: Option<&'a Meter>,
}

/// What a guest hears that sends more than it may.
pub const TOO_FAST: &str = "too many messages from this address; try again in a minute";

impl Guest<'_> {
    pub(super) fn is_too_fast(&self) -> bool {
        self.meter.is_some_and(|meter| meter.take(self.peer).is_err())
    }
}
