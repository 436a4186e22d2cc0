//! `gatepost reload`: the running service reads its configuration again.

use std::sync::Arc;

use serde_json::Value;

use super::serve::{Changes, Live};
use super::{ConfigFile, exit_code, say};
use crate::control::{AskError, Refusal, Request, Teller, ask};

/// What the service does about it.
pub(super) async fn answer(live: Arc<Live>, teller: Teller) -> Result<(), Refusal> {
    match live.reload().await {
        Ok(changes) => Ok(teller.tell(&changes).await?),
        Err(fault) => Err(Refusal { text: format!("{fault:#}"), code: exit_code(&fault) }),
    }
}

/// What the command does.
pub(super) fn run(file: &ConfigFile) -> anyhow::Result<()> {
    let socket = file.control_socket()?;
    let mut changes = None;
    ask(&socket, &Request::Reload, |told: Value| {
        changes = serde_json::from_value::<Changes>(told).ok();
        Ok::<_, AskError>(())
    })?;
    say(changes.unwrap_or_default())
}
