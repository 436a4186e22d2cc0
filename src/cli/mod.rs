//! The command line: parse, call, print.

mod account;
mod admin;
mod arguments;
mod bounds;
mod config;
mod confine;
mod control;
mod doctor;
mod guests;
mod import;
mod key;
mod levels;
mod log;
mod man;
mod notify;
mod outside;
mod password;
mod process;
mod prompt;
mod providers;
mod reload;
pub mod serve;
mod spinner;
mod status;
mod store;
mod table;
mod tls;
mod token;
mod trace;
mod workshop;

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::config::{Config, ConfigErrors};
use crate::control::AskError;
use crate::net::TlsError;

/// An authenticating relay for mail: passwords on the inside, OAuth 2.0 on the outside.
#[derive(Debug, Parser)]
#[command(
    name = "gatepost",
    version,
    max_term_width = 100,
    after_help = "Example:\n  gatepost serve --config /etc/gatepost/gatepost.toml"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve SMTP, IMAP and POP3 until stopped
    #[command(after_help = "Example:\n  gatepost serve --config /etc/gatepost/gatepost.toml")]
    Serve(ConfigFile),
    /// Let the running service read its configuration again
    #[command(
        after_help = "Configuration, certificates and secrets are read again, and checked as a whole: what is wrong is said, and then\nnothing changes. Sessions go on, but for those that are not allowed any more. SIGHUP does the same.\n\nExample:\n  gatepost reload --config /etc/gatepost/gatepost.toml"
    )]
    Reload(ConfigFile),
    /// Check and show the configuration
    #[command(subcommand, after_help = "Example:\n  gatepost config check --config gatepost.toml")]
    Config(config::Command),
    /// List, add, change and remove accounts
    #[command(subcommand, after_help = "Example:\n  gatepost account add evmail --token support --generate")]
    Account(account::Command),
    /// Set the password of the pages, and make a link to set the first one
    #[command(subcommand, after_help = "Example:\n  gatepost admin password --generate")]
    Admin(admin::Command),
    /// Make and change the key that seals the store
    #[command(subcommand, after_help = "Example:\n  gatepost key generate --out gatepost.key")]
    Key(key::Command),
    /// Copy the store to another database
    #[command(subcommand, after_help = "Example:\n  gatepost store copy --to postgres://gatepost@localhost/gatepost")]
    Store(store::Command),
    /// Add, authorize, import, show, refresh and forget tokens
    #[command(subcommand, after_help = "Example:\n  gatepost token add support")]
    Token(token::Command),
    /// Take over what another program keeps: accounts, tokens, clients
    #[command(subcommand, after_help = "Example:\n  gatepost import emailproxy emailproxy.config --out gatepost.toml")]
    Import(import::Command),
    /// Make a certificate for listeners
    #[command(subcommand, after_help = "Example:\n  gatepost tls create mail.example.com")]
    Tls(tls::Command),
    /// Find out why an account does not work
    #[command(
        after_help = "For each protocol of the account: DNS, TCP, TLS, token, login, and a command that changes nothing.\nNothing is sent, but with --send-to, which sends one small message as the account's sender policy has it.\nIt works beside a running service. Exits with 1 when something failed.\n\nExample:\n  gatepost doctor support@example.com\n  gatepost doctor support@example.com --send-to me@example.com"
    )]
    Doctor(doctor::Arguments),
    /// Show and change what the running service logs
    #[command(
        after_help = "A level (off, error, warn, info, debug, trace) is for everything; NAME=LEVEL is for one part, such as token, session\nor upstream. Libraries (rustls=debug) tell their errors unless they are named. No level shows a secret.\n\nExample:\n  gatepost log info,token=debug --minutes 30"
    )]
    Log(levels::Arguments),
    /// Say whether all mail is flowing
    #[command(
        after_help = "The answer of the running service: its sessions, tokens with what ends, accounts that are in trouble, limits\nthat are waited for. Exits with 1 when it is not ready (see docs/metrics.md).\n\nExample:\n  gatepost status\n  gatepost status --watch"
    )]
    Status(status::Arguments),
    /// Show what clients and upstream say to each other, live
    #[command(
        after_help = "Commands and replies, as they come. Passwords, tokens, exchanges of logins and messages are\ncounted, not shown. Of sessions that began before, commands are shown by their names alone.\n\nExample:\n  gatepost trace evmail --minutes 5"
    )]
    Trace(trace::Arguments),
    /// Hash the password that a program will use
    #[command(
        after_help = "Asks twice on a terminal; otherwise reads one line from standard input.\n\nExample:\n  gatepost hash-password"
    )]
    HashPassword,
    /// Print completions for a shell
    #[command(after_help = "Example:\n  gatepost completions bash > /etc/bash_completion.d/gatepost")]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Write the manual pages to a directory
    #[command(
        after_help = "One page for each command, and gatepost.toml(5) for the configuration. Packages bring them along.\n\nExample:\n  gatepost man /usr/local/share/man"
    )]
    Man(man::Arguments),
}

/// Where the configuration is.
#[derive(Clone, Debug, Args)]
struct ConfigFile {
    /// Configuration file; FILE.d/*.toml and GATEPOST__… variables are laid over it [default: gatepost.toml here, else in
    /// /etc/gatepost]
    #[arg(long, value_name = "FILE", env = "GATEPOST_CONFIG", hide_env_values = true, default_value_os_t = usual_place(), hide_default_value = true)]
    config: PathBuf,
}

/// Where packages put it.
const INSTALLED: &str = "/etc/gatepost/gatepost.toml";

/// That of the current directory; where it has none, the installed one. Where there is neither, the error names the first.
fn usual_place() -> PathBuf {
    chosen("gatepost.toml".into(), INSTALLED.into())
}

/// What may not be looked at counts as being there: the error then says so.
fn chosen(here: PathBuf, installed: PathBuf) -> PathBuf {
    let there = |path: &std::path::Path| path.try_exists().unwrap_or(true);
    if !there(&here) && there(&installed) { installed } else { here }
}

impl ConfigFile {
    fn load(&self) -> Result<Config, ConfigErrors> {
        Config::load(&self.config, environment())
    }

    /// Where the service of this configuration is asked, also where the rest of it is wrong, or cannot be read by whoever asks.
    fn control_socket(&self) -> Result<PathBuf, ConfigErrors> {
        // Where even that cannot be found out, all that is wrong is said.
        Config::control_socket(&self.config, environment()).or_else(|_| Ok(self.load()?.control.socket))
    }

    fn load_for_command(&self) -> Result<Config, ConfigErrors> {
        Config::load_for_command(&self.config, environment())
    }
}

/// The name in greetings: as configured, or this machine's own where it is fit for one.
fn hostname(config: &Config) -> String {
    if let Some(name) = &config.hostname {
        return name.clone();
    }
    hostname_of_machine().unwrap_or_else(|| "localhost".into())
}

fn hostname_of_machine() -> Option<String> {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let fits = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    fits.then_some(name)
}

/// The name among several replicas: as configured, or this machine's own.
fn replica(config: &Config) -> String {
    let own = || hostname_of_machine().unwrap_or_else(|| "unnamed".into());
    config.service.replica.clone().unwrap_or_else(own)
}

/// The same where it tells something: one that is alone and has no name is just the service.
fn told_replica(config: &Config) -> Option<String> {
    (config.service.replica.is_some() || config.store.is_shared()).then(|| replica(config))
}

/// The variables that can be configuration. (`std::env::vars` would panic at a foreign one that is not UTF-8.)
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// sysexits.h
const USAGE: u8 = 64;
const CONFIG: u8 = 78;

/// Exit code of everything else.
const FAILED: u8 = 1;

/// Runs the program. 0, 1 failed, 64 usage, 78 configuration.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output, and are no failure.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<NobodyReads>() => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(exit_code(&error))
        }
    }
}

/// What a command exits with that failed so, here or in the service that it asked.
fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref() {
        Some(AskError::Refused { code, .. }) => *code,
        _ if error.is::<ConfigErrors>() || error.is::<TlsError>() => CONFIG,
        _ => FAILED,
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(file) => serve::run(&file),
        Command::Reload(file) => reload::run(&file),
        Command::Config(command) => config::run(&command),
        Command::Account(command) => account::run(command),
        Command::Admin(command) => admin::run(command),
        Command::Key(command) => key::run(&command),
        Command::Store(command) => store::run(&command),
        Command::Token(command) => token::run(command),
        Command::Import(command) => import::run(command),
        Command::Tls(command) => tls::run(&command),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Log(arguments) => levels::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Trace(arguments) => trace::run(&arguments),
        Command::HashPassword => password::run(),
        Command::Completions { shell } => {
            // Not straight to standard output: it would panic where nobody reads.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "gatepost", &mut script);
            say(String::from_utf8_lossy(&script).trim_end())
        }
        Command::Man(arguments) => man::run(&arguments),
    }
}

/// Whoever read our output has seen enough (`gatepost config reference | head`).
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the output")]
struct NobodyReads;

/// Prints a line of result. What cannot be written, on a full disk for one, is a failure of the command.
fn say(text: impl std::fmt::Display) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    match writeln!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(NobodyReads.into()),
        written => written.context("cannot write to standard output"),
    }
}

/// Says what does not stop the command.
fn warn(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "gatepost: warning: {text}");
}

fn complain(error: &anyhow::Error) {
    // The exit code still tells where standard error is closed.
    let _ = writeln!(std::io::stderr(), "gatepost: {error:#}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each command with its full name, `help` left out.
    fn commands(command: &mut clap::Command) -> Vec<&mut clap::Command> {
        let mut all = Vec::new();
        for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
            let groups = sub.has_subcommands();
            if groups {
                all.extend(commands(sub));
            } else {
                all.push(sub);
            }
        }
        all
    }

    fn built() -> clap::Command {
        let mut command = Cli::command().term_width(100);
        command.build();
        command
    }

    #[test]
    fn the_command_line_is_consistent_and_every_command_shows_an_example_of_itself() {
        built().debug_assert();
        for command in commands(&mut built()) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let example = format!("Example:\n  {}", command.get_bin_name().unwrap());
            assert!(help.contains(&example), "{example}: {help}");
        }
    }

    #[test]
    fn help_reads_well() {
        let mut command = built();
        let mut text = command.render_long_help().to_string();
        for command in commands(&mut command) {
            let help = command.render_long_help();
            text = format!("{text}\n--- {}\n{help}", command.get_bin_name().unwrap());
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_configuration_is_taken_from_here_else_from_where_packages_put_it() {
        let directory = tempfile::tempdir().unwrap();
        let (here, installed) = (directory.path().join("here"), directory.path().join("installed"));
        assert_eq!(chosen(here.clone(), installed.clone()), here);
        std::fs::write(&installed, "").unwrap();
        assert_eq!(chosen(here.clone(), installed.clone()), installed);
        std::fs::write(&here, "").unwrap();
        assert_eq!(chosen(here.clone(), installed), here);
    }

    /// What they complete, not how: the scripts are clap's.
    #[test]
    fn every_shell_completes_every_command() {
        for shell in [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "gatepost", &mut script);
            let script = String::from_utf8(script).unwrap();
            for word in
                ["serve", "check", "reference", "generate", "import", "list", "hash-password", "completions", "out"]
            {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
