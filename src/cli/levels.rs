//! `gatepost log`: what the running service tells, and for how long.

use chrono::TimeDelta;
use clap::Args;
use serde_json::{Value, json};

use super::log::{Logging, State};
use super::{ConfigFile, say};
use crate::clock;
use crate::config::Levels;
use crate::control::{self, Refusal, Request, Teller};

/// What is to be shown.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Such as debug, or info,token=debug: a level for everything, and others for parts [default: shows what holds now]
    #[arg(conflicts_with = "reset")]
    level: Option<Levels>,
    /// For so long; else until it is reset, or the service is restarted
    #[arg(long, value_name = "N", requires = "level", value_parser = clap::value_parser!(u32).range(1..=10_080))]
    minutes: Option<u32>,
    /// Back to the level of the configuration
    #[arg(long)]
    reset: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let socket = arguments.config.control_socket()?;
    let level = arguments.level.as_ref().map(ToString::to_string);
    let request = Request::Log { level, minutes: arguments.minutes, reset: arguments.reset };
    control::ask(&socket, &request, |told| if arguments.json { say(told) } else { say(sentence(&told)) })
}

fn sentence(told: &Value) -> String {
    let text = |name: &str| told[name].as_str();
    let (level, usual) = (text("level").unwrap_or_default(), text("configured").unwrap_or_default());
    match text("until") {
        Some(until) => format!("{level} until {until}, then {usual}"),
        None if level == usual => format!("{level}, as configured"),
        None => format!("{level} until it is reset (`gatepost log --reset`) or the service is restarted, then {usual}"),
    }
}

/// Does it, and tells what holds now.
pub(super) async fn answer(
    level: Option<String>,
    minutes: Option<u32>,
    reset: bool,
    teller: Teller,
) -> Result<(), Refusal> {
    let logging = Logging::of_process().ok_or_else(|| Refusal::failed("this service does not log"))?;
    if reset {
        logging.reset();
    } else if let Some(level) = level {
        let levels = level.parse().map_err(Refusal::failed)?;
        logging.choose(levels, minutes.map(|minutes| clock::now() + TimeDelta::minutes(minutes.into())));
    }
    Ok(teller.tell(&told(&logging.state())).await?)
}

fn told(state: &State) -> Value {
    json!({ "level": state.shown().to_string(), "configured": state.usual.to_string(), "until": state.until() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_is_said_in_a_sentence() {
        for (level, until, said) in [
            ("info", None, "info, as configured"),
            ("debug", Some("2026-11-20T20:00:00Z"), "debug until 2026-11-20T20:00:00Z, then info"),
            ("debug", None, "debug until it is reset (`gatepost log --reset`) or the service is restarted, then info"),
        ] {
            assert_eq!(sentence(&json!({ "level": level, "configured": "info", "until": until })), said);
        }
    }
}
