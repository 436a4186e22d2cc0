//! `gatepost status`: whether all mail is flowing, as the running service sees it.

mod screen;
mod table;

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use self::screen::Screen;
use super::{ConfigFile, say};
use crate::control::{self, AskError, Refusal, Request, Teller};
use crate::health::{Health, Picture};

/// How it is to be shown.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Show it again every two seconds until q is pressed
    #[arg(long, conflicts_with = "json")]
    watch: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let socket = arguments.file.control_socket()?;
    let look = || asked(&socket);
    if arguments.watch {
        return watch(look);
    }
    let told = look()?;
    let picture: Picture = serde_json::from_value(told.clone())?;
    let shown = if arguments.json { told.to_string() } else { table::text(&picture) };
    say(shown)?;
    anyhow::ensure!(picture.ready, "the service is not ready");
    Ok(())
}

fn asked(socket: &std::path::Path) -> anyhow::Result<Value> {
    let mut picture = None;
    control::ask(socket, &Request::Status, |told| {
        picture = Some(told);
        Ok::<_, AskError>(())
    })?;
    picture.ok_or_else(|| anyhow::anyhow!("the service said nothing"))
}

/// A service that is being restarted comes back: that it is away is shown as well.
fn watch(look: impl Fn() -> anyhow::Result<Value>) -> anyhow::Result<()> {
    anyhow::ensure!(std::io::stdout().is_terminal(), "--watch is for a terminal; --json is for programs");
    let screen = Screen::open()?;
    loop {
        let shown = look().and_then(|told| Ok(serde_json::from_value::<Picture>(told)?));
        let text = shown.map_or_else(|fault| format!("{fault:#}"), |picture| table::text(&picture));
        Screen::draw(&text)?;
        if screen.left_within(EVERY)? {
            return Ok(());
        }
    }
}

/// Tells how it is.
pub(super) async fn answer(health: &Health, teller: Teller) -> Result<(), Refusal> {
    Ok(teller.tell(&*health.look().await).await?)
}
