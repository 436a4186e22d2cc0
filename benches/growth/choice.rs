use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use gatepost_kit::bench::Call;

use crate::subject::Subject;

/// How set-up, memory, start, reload and login grow with sessions, accounts and tokens.
#[derive(Debug, Parser)]
#[command(
    about,
    after_help = "Examples:\n  cargo bench --bench growth\n  cargo bench --bench growth -- accounts --most 10000\n  \
                  cargo bench --bench growth -- --markdown --plots docs/growth"
)]
pub(crate) struct Choice {
    /// What is to grow; all of them without.
    #[arg(value_enum)]
    only: Vec<Subject>,
    /// No size above this.
    #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
    most: usize,
    /// Seconds of logins at each size.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Starts at each size below 10,000, of which the median counts.
    #[arg(long, default_value_t = 3)]
    repetitions: usize,
    /// Tables as the handbook has them.
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Where drawings go.
    #[arg(long, value_name = "DIRECTORY", default_value = "target/bench")]
    pub(crate) plots: PathBuf,
    /// Another program than the one that was built.
    #[arg(long, value_name = "PROGRAM", default_value = env!("CARGO_BIN_EXE_gatepost"), hide_default_value = true)]
    pub(crate) program: PathBuf,
    /// Given by `cargo bench`, and not by `cargo test`.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Choice {
    /// `None` when `cargo test` means others.
    pub(crate) fn read() -> Option<Self> {
        match Call::of("rehearsal_of_growth") {
            Call::Bench => Some(Self::parse()),
            Call::Rehearsal => Some(Self::parse_from(["growth"])),
            Call::Other => None,
        }
    }

    /// Whether it takes the commands of the handbook; the first that it does not.
    pub(crate) fn page() -> Result<(), clap::Error> {
        let commands = include_str!("../../docs/sizing.md").lines().filter(|line| line.starts_with("cargo bench"));
        for command in commands {
            let words = command.split('#').next().unwrap_or_default().split_whitespace();
            let own = words.skip_while(|word| *word != "growth").filter(|word| *word != "--");
            Self::try_parse_from(own)?;
        }
        Ok(())
    }

    /// Only to see that it works.
    pub(crate) const fn in_small(&self) -> bool {
        !self.bench
    }

    pub(crate) fn subjects(&self) -> Vec<Subject> {
        if self.only.is_empty() { Subject::ALL.to_vec() } else { self.only.clone() }
    }

    pub(crate) fn sizes(&self, subject: Subject) -> Vec<usize> {
        let sizes = if self.in_small() { &[5, 20] } else { subject.sizes() };
        sizes.iter().copied().filter(|size| *size <= self.most).collect()
    }

    pub(crate) fn logins(&self) -> Duration {
        if self.in_small() { Duration::from_millis(200) } else { Duration::from_secs_f64(self.seconds) }
    }

    pub(crate) const fn repetitions(&self, size: usize) -> usize {
        if self.in_small() || size >= 10_000 { 1 } else { self.repetitions }
    }
}
