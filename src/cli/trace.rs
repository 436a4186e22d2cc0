//! `gatepost trace`: what clients and upstream say to each other, live.

use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use tracing::info;

use super::{ConfigFile, say};
use crate::control::{self, Refusal, Request, Teller};
use crate::trace::{Heard, Traces, Wanted};

/// Whose sessions.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The name of an account, also one that only tries to log in, or the address of clients
    #[arg(value_name = "ACCOUNT|ADDRESS")]
    whose: String,
    /// For so long
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1440))]
    minutes: u32,
    /// As JSON, a line each
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let socket = arguments.config.control_socket()?;
    let address: Option<IpAddr> = arguments.whose.parse().ok();
    let account = address.is_none().then(|| arguments.whose.clone());
    let request = Request::Trace { account, address, minutes: arguments.minutes };
    control::ask(&socket, &request, |told| if arguments.json { say(told) } else { say(sentence(&told)) })
}

fn sentence(told: &Value) -> String {
    let text = |name: &str| told[name].as_str().unwrap_or_default();
    if let Some(note) = told["note"].as_str() {
        return note.to_owned();
    }
    let time = text("time").get(11..23).unwrap_or_default();
    let line = format!("{time} {} {} {}: {}", text("session"), text("protocol"), text("way"), text("said"));
    match told["missed"].as_u64() {
        None | Some(0) => line,
        Some(missed) => format!("({missed} lines left out)\n{line}"),
    }
}

/// Tells it, for so long or until the asker leaves.
pub(super) async fn answer(
    traces: &std::sync::Arc<Traces>,
    wanted: Wanted,
    minutes: u32,
    teller: Teller,
) -> Result<(), Refusal> {
    let refusal = || Refusal::failed("as many traces as may be are under way; end one of them (Ctrl-C) and try again");
    let mut watching = traces.watch(wanted.clone()).ok_or_else(refusal)?;
    let mut under_way = UnderWay::begin(wanted, minutes);
    let span = if minutes == 1 { "a minute".to_owned() } else { format!("{minutes} minutes") };
    let note = format!("watching for {span}; passwords, tokens and messages are left out");
    teller.tell(&json!({ "note": note })).await?;
    let end = Instant::now() + Duration::from_secs(u64::from(minutes) * 60);
    loop {
        tokio::select! {
            Some(heard) = watching.next() => {
                under_way.lines += 1;
                teller.tell(&told(&heard)).await?;
            }
            () = sleep_until(end) => return Ok(()),
        }
    }
}

fn told(heard: &Heard) -> Value {
    let (line, missed) = (&heard.line, heard.missed);
    let time = line.at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let (protocol, way, said) = (line.protocol.to_string(), line.way.to_string(), line.step.to_string());
    json!({ "time": time, "session": &*line.session, "protocol": protocol, "way": way, "said": said, "missed": missed })
}

/// Told at its begin and at its end, however it ends: whoever is watched has a right to it.
struct UnderWay {
    wanted: Wanted,
    lines: u64,
}

impl UnderWay {
    fn begin(wanted: Wanted, minutes: u32) -> Self {
        match &wanted {
            Wanted::Account(account) => info!(account, minutes, "trace.started"),
            Wanted::Address(address) => info!(%address, minutes, "trace.started"),
        }
        Self { wanted, lines: 0 }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let lines = self.lines;
        match &self.wanted {
            Wanted::Account(account) => info!(account, lines, "trace.ended"),
            Wanted::Address(address) => info!(%address, lines, "trace.ended"),
        }
    }
}
