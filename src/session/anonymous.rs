use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::within;
use crate::proto::smtp::Recipients;
use crate::submit::Meter;

/// Clients of a listener that may send without a login.
#[derive(Debug)]
pub struct Anonymous {
    /// Where they are.
    pub networks: Vec<IpNet>,
    /// The account that they send by.
    pub account: String,
    /// Whom they may write to; anyone where there is nothing.
    pub recipients: Option<Recipients>,
    /// How much they may send, if that is bounded.
    pub meter: Option<Meter>,
}

impl Anonymous {
    /// Whether a client from this address is one of them.
    #[must_use]
    pub fn admits(&self, from: IpAddr) -> bool {
        within(&self.networks, from)
    }

    /// Whether this one may send a message now.
    pub(super) fn is_too_fast(&self, from: IpAddr) -> bool {
        self.meter.as_ref().is_some_and(|meter| meter.look(from).is_err())
    }
}
