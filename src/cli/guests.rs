//! Clients that may send without a login, from the configuration to the sessions.

use super::bounds;
use crate::config;
use crate::proto::smtp::Recipients;
use crate::session::Anonymous;
use crate::submit::Meter;

pub(super) fn guests(anonymous: &config::Anonymous, limits: &config::Limits) -> Anonymous {
    let most = bounds::size(limits.anonymous_addresses);
    let recipients = anonymous.recipients.as_ref();
    Anonymous {
        networks: anonymous.networks.clone(),
        account: anonymous.account.clone(),
        recipients: recipients.map(|patterns| Recipients::new(patterns.iter().map(String::as_str))),
        meter: anonymous.messages_per_minute.map(|per_minute| Meter::new(per_minute.get(), most)),
    }
}
