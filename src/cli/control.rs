//! What a running service does about what commands ask it.

use std::sync::Arc;

use tracing::warn;

use super::reload;
use super::serve::Live;
use crate::config::Config;
use crate::control::{Control, Handler, Refusal, Request, Teller};
use crate::trace::Wanted;

/// What of the running service a request may touch.
#[derive(Debug)]
pub(super) struct Parts {
    /// All of it.
    pub(super) live: Arc<Live>,
}

impl Parts {
    pub(super) fn new(live: &Arc<Live>) -> Self {
        Self { live: Arc::clone(live) }
    }
}

/// Opens the socket. Where nobody named one, mail goes without it.
pub(super) fn open(config: &Config) -> anyhow::Result<Option<Control>> {
    match Control::open(&config.control.socket) {
        Ok(control) => Ok(Some(control)),
        Err(fault) if config.control.named => Err(anyhow::Error::new(fault).context("[control] socket")),
        Err(fault) => {
            warn!(error = %fault, "control.unavailable");
            Ok(None)
        }
    }
}

/// Does what is asked.
pub(super) fn handler(parts: Arc<Parts>) -> Handler {
    Arc::new(move |request, teller| Box::pin(answer(Arc::clone(&parts), request, teller)))
}

async fn answer(parts: Arc<Parts>, request: Request, teller: Teller) -> Result<(), Refusal> {
    match request {
        Request::Reload => reload::answer(Arc::clone(&parts.live), teller).await,
        Request::Status => super::status::answer(parts.live.health(), teller).await,
        Request::Trace { account, address, minutes } => {
            let wanted = address.map(Wanted::Address).or(account.map(Wanted::Account));
            let wanted = wanted.ok_or_else(|| Refusal::failed("name an account or an address"))?;
            super::trace::answer(parts.live.traces(), wanted, minutes, teller).await
        }
        Request::Log { level, minutes, reset } => super::levels::answer(level, minutes, reset, teller).await,
    }
}
