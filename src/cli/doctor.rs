//! `gatepost doctor`

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;

use super::spinner::{make_room, spin};
use super::workshop::{Workshop, block_on};
use super::{ConfigFile, say};
use crate::doctor::{Doctor, Outcome, Recipient, Step, Verdict};
use crate::lifecycle::StopSignal;
use crate::model::{Account, Protocol, Token};
use crate::upstream::Reach;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The account, or one of its aliases; all that are in use without it
    account: Option<String>,
    /// Send a test message to this address by the account, and show what the provider answers
    #[arg(long, value_name = "ADDRESS", requires = "account")]
    send_to: Option<String>,
    /// As JSON: a list of steps
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    block_on(examine(arguments))
}

async fn examine(arguments: &Arguments) -> anyhow::Result<()> {
    let to = arguments.send_to.as_deref().map(Recipient::parse).transpose().context("--send-to")?;
    let shop = Workshop::open(&arguments.file).await?;
    let one = arguments.account.as_deref().map(|name| find(&shop.declared.accounts, name)).transpose()?;
    if shop.declared.accounts.is_empty() {
        bail!("there is no account yet; declare one as [accounts.NAME]");
    }
    let doctor = doctor(&shop)?;
    let mut report = Report::new(arguments.json, if to.is_some() { "message" } else { "login" });
    let tell = |step| report.tell(step);
    let work = async {
        match (one, &to) {
            (Some(account), Some(to)) => doctor.send(account, to, tell).await,
            (Some(account), None) => doctor.examine_one(account, tell).await,
            (None, _) => doctor.examine(&shop.declared.accounts, tell).await,
        }
    };
    let mut signals = StopSignal::listen().context("cannot listen for signals")?;
    let verdict = tokio::select! {
        verdict = spin("examining", work) => Ok(verdict),
        signal = signals.received() => Err(signal),
    };
    // A refresh that is cut off may lose a rotated refresh token.
    doctor.tokens.settle(Duration::from_secs(shop.config.limits.token_seconds)).await;
    match verdict {
        Ok(verdict) => report.end(verdict),
        Err(signal) => bail!("ended by {signal}"),
    }
}

fn doctor(shop: &Workshop) -> anyhow::Result<Doctor> {
    let mut reaches: HashMap<String, Reach> = HashMap::new();
    for account in &shop.declared.accounts {
        let provider = &account.token.provider.name;
        if !reaches.contains_key(provider) {
            reaches.insert(provider.clone(), shop.party(&account.token)?.reach);
        }
    }
    let reach = Arc::new(move |token: &Token| reaches.get(&token.provider.name).cloned());
    Ok(Doctor { tokens: shop.tokens()?, reach })
}

fn find<'a>(accounts: &'a [Account], name: &str) -> anyhow::Result<&'a Account> {
    accounts.iter().find(|account| account.answers_to(name)).with_context(|| {
        let names: Vec<_> = accounts.iter().map(|account| account.name.as_str()).collect();
        let known = if names.is_empty() { "none yet".to_owned() } else { names.join(", ") };
        format!("there is no account {name:?}; there are: {known}")
    })
}

/// Tells the steps as they come, or all at the end as JSON.
struct Report {
    /// Those told so far, where they are told as JSON.
    steps: Option<Vec<Value>>,
    /// What is tried, in a word.
    what: &'static str,
    colour: bool,
    account: String,
    /// The first line that could not be written.
    printed: anyhow::Result<()>,
}

impl Report {
    fn new(as_json: bool, what: &'static str) -> Self {
        // https://no-color.org
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = std::io::stdout().is_terminal() && !plain;
        Self { steps: as_json.then(Vec::new), what, colour, account: String::new(), printed: Ok(()) }
    }

    fn tell(&mut self, step: Step) {
        if let Some(steps) = &mut self.steps {
            steps.push(step.json());
        } else if self.printed.is_ok() {
            self.printed = self.print(step);
        }
    }

    fn print(&mut self, step: Step) -> anyhow::Result<()> {
        make_room();
        if self.account != step.account {
            say(&step.account)?;
        }
        for line in lines(&step, self.colour) {
            say(line)?;
        }
        self.account = step.account;
        Ok(())
    }

    /// The last word. A chain that failed is a failure of the command.
    fn end(self, verdict: Verdict) -> anyhow::Result<()> {
        self.printed?;
        let Verdict { chains, failed, warnings } = verdict;
        if let Some(steps) = self.steps {
            say(serde_json::to_string_pretty(&steps)?)?;
        } else if failed == 0 {
            let warned = if warnings > 0 { format!(", {}", counted(warnings, "warning")) } else { String::new() };
            say(format_args!("{} tried, none failed{warned}", counted(chains, self.what)))?;
        }
        if failed > 0 {
            bail!("{failed} of {} failed", counted(chains, self.what));
        }
        Ok(())
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("{count} {what}") } else { format!("{count} {what}s") }
}

/// A step as a line, with its advice below. What was told before is not advised on again.
fn lines(step: &Step, colour: bool) -> Vec<String> {
    let protocol = step.protocol.map_or("", Protocol::name);
    let (stage, ms) = (step.stage.name(), step.took.as_millis());
    let took = if step.known { "known".to_owned() } else { format!("{ms} ms") };
    let mark = mark(step.outcome, colour);
    let mut lines = vec![format!("  {mark} {protocol:<4} {stage:<7} {took:>8}  {}", step.detail)];
    if let Some(advice) = step.advice.as_ref().filter(|_| !step.known) {
        lines.push(format!("      cause: {}", advice.cause));
        lines.push(format!("      next:  {}", advice.remedy));
    }
    lines
}

const fn mark(outcome: Outcome, colour: bool) -> &'static str {
    match (outcome, colour) {
        (Outcome::Ok, true) => "\x1b[32m✓\x1b[0m",
        (Outcome::Warning, true) => "\x1b[33m!\x1b[0m",
        (Outcome::Failed, true) => "\x1b[31m✗\x1b[0m",
        (Outcome::Ok, false) => "ok     ",
        (Outcome::Warning, false) => "warning",
        (Outcome::Failed, false) => "FAILED ",
    }
}
