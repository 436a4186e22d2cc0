//! `gatepost import emailproxy`: the configuration and the tokens of email-oauth2-proxy.
//!
//! ```text
//!  file ── ini ── found ──┬─ listener ────────────────┐
//!  cache ────┘            └─ provider, token ─ plan ──┴── text ── write ── store, file
//!                  passwords ── open (fernet) ──┘
//! ```

mod cache;
mod fernet;
mod found;
mod ini;
mod listener;
mod open;
mod passwords;
mod plan;
mod provider;
mod target;
mod text;
mod token;
mod write;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use zeroize::Zeroizing;

use self::found::Found;
use self::ini::Ini;
use self::passwords::Passwords;
use self::plan::Plan;
use self::provider::Providers;
use self::target::Target;
use super::report::{Imported, Remarks, Report, State};
use crate::cli::ConfigFile;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The configuration of email-oauth2-proxy
    file: PathBuf,
    /// Where it keeps its tokens, if it was started with --cache-store: a file, or the JSON of the secret
    #[arg(long, value_name = "FILE")]
    cache_store: Option<PathBuf>,
    /// Lines `account:password` instead of asking; - is standard input
    #[arg(long, value_name = "FILE")]
    passwords: Option<PathBuf>,
    /// Make a new configuration of this name, whatever --config says
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Say what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) async fn import(arguments: &Arguments) -> anyhow::Result<()> {
    let mut remarks = Remarks::default();
    let found = find(arguments, &mut remarks)?;
    let passwords = Passwords::of(arguments.passwords.as_deref(), arguments.dry_run)?;
    let target = Target::of(&arguments.config, arguments.out.as_deref()).await?;
    let plan = plan(arguments, &found, &passwords, &target, &mut remarks).await?;
    let source = std::path::absolute(&arguments.file)?;
    let written = match (arguments.dry_run, plan.tokens.is_empty()) {
        (_, true) => Vec::new(),
        (true, false) => vec![target.path().to_owned()],
        (false, false) => write::write(&plan, &target, &source).await?,
    };
    remarks.sort();
    let next = if plan.tokens.is_empty() { Vec::new() } else { next(&plan, &target) };
    let report = Report { accounts: imported(&plan), remarks, written, next, dry: arguments.dry_run };
    report.print(arguments.json)?;
    match (plan.left_out, plan.tokens.len()) {
        (0, 0) => bail!("there was nothing to take over"),
        (0, _) => Ok(()),
        (left_out, _) => {
            bail!("{left_out} of the accounts were left out for want of the right password; run it again with it")
        }
    }
}

fn find(arguments: &Arguments, remarks: &mut Remarks) -> anyhow::Result<Found> {
    let file = &arguments.file;
    let mut ini = Ini::parse(&read(file)?).with_context(|| format!("{} is no configuration", file.display()))?;
    if let Some(cache) = &arguments.cache_store {
        let catch_all = found::options(&ini).catch_all;
        let hint = "write the secret into a file first, such as: aws secretsmanager get-secret-value --secret-id NAME --query SecretString --output text";
        ensure!(!cache.to_string_lossy().starts_with("aws:"), "the secrets manager is not asked; {hint}");
        cache::lay_over(&mut ini, &read(cache)?, cache, catch_all, remarks)?;
    }
    Ok(found::read(&ini, file, remarks))
}

/// Octets of a configuration; ten thousand accounts with their tokens.
const LONGEST: u64 = 64 * 1024 * 1024;

fn read(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let cannot = || format!("cannot read {}", file.display());
    let mut text = Zeroizing::new(String::new());
    let open = std::fs::File::open(file).with_context(cannot)?;
    open.take(LONGEST + 1).read_to_string(&mut text).with_context(cannot)?;
    ensure!(text.len() as u64 <= LONGEST, "{} is longer than {LONGEST} octets", file.display());
    Ok(text)
}

async fn plan(
    arguments: &Arguments,
    found: &Found,
    passwords: &Passwords,
    target: &Target,
    remarks: &mut Remarks,
) -> anyhow::Result<Plan> {
    let file = &arguments.file;
    let listeners = listener::read(&found.servers, file, remarks);
    let providers = Providers { taken: target.providers(), made: Vec::new() };
    let mut plan = Plan { listeners, providers, tokens: Vec::new(), left_out: 0 };
    for account in &found.accounts {
        if let Some(why) = target.refuses(&account.name).await {
            remarks.add(file, account.line, &account.name, format!("left as it is: {why}"));
        } else {
            plan.account(found, account, passwords, (file, remarks))?;
        }
    }
    if !target.may_list() && !text::new_listeners(&plan, target).is_empty() {
        let text = format!(
            "its servers stand as remarks in {}: a list there would replace the listeners of {}; move them",
            target.path().display(),
            target.config().display()
        );
        remarks.add(file, 0, "", text);
    }
    Ok(plan)
}

fn imported(plan: &Plan) -> Vec<Imported> {
    let imported = |planned: &plan::Planned| Imported {
        name: planned.name.clone(),
        provider: planned.provider.clone(),
        grant: planned.grant.to_owned(),
        state: planned.state,
    };
    plan.tokens.iter().map(imported).collect()
}

fn next(plan: &Plan, target: &Target) -> Vec<String> {
    let config = target.config().display();
    let is_new = matches!(target, Target::New(_));
    let mut steps = vec![
        "stop email-oauth2-proxy for good: of two programs with the same refresh token one may end the other's, and they want the same ports".to_owned(),
        format!("gatepost config check --config {config}"),
    ];
    let consent = plan.tokens.iter().filter(|planned| planned.state == State::NeedsAuthorization);
    steps.extend(consent.map(|planned| format!("gatepost token authorize {} --config {config}", planned.name)));
    steps.push(format!("gatepost doctor --config {config}"));
    steps.push(if is_new {
        format!(
            "gatepost serve --config {config}; where it runs as another user, give that one the files first (chown)"
        )
    } else {
        format!(
            "restart the service, or: gatepost reload --config {config}; its user has to be able to read {}",
            target.path().display()
        )
    });
    steps
}
