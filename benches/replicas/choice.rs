use std::time::Duration;

use clap::Parser;
use gatepost_kit::bench::Call;

/// What several replicas on one PostgreSQL carry, and what the database has to do for it.
#[derive(Debug, Parser)]
#[command(
    name = "cargo bench --bench replicas --",
    after_help = "Examples:\n  cargo bench --bench replicas\n  cargo bench --bench replicas -- --seconds 20 --markdown"
)]
pub(crate) struct Choice {
    /// How long each measurement lasts.
    #[arg(long, default_value_t = 6.0, value_name = "S")]
    seconds: f64,
    /// So many programs at a time.
    #[arg(long, default_value_t = 16, value_name = "N")]
    pub(crate) clients: usize,
    /// Tokens whose rows are measured.
    #[arg(long, default_value_t = 5000, value_name = "N")]
    pub(crate) tokens: usize,
    /// Tables as the handbook has them.
    #[arg(long)]
    pub(crate) markdown: bool,
    #[arg(skip)]
    pub(crate) rehearsal: bool,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// `None` when `cargo test` means others.
pub(crate) fn read() -> Option<Choice> {
    match Call::of("rehearsal_of_replicas") {
        Call::Bench => Some(Choice::parse()),
        Call::Rehearsal => Some(Choice { rehearsal: true, ..Choice::parse_from(SMALL) }),
        Call::Other => None,
    }
}

const SMALL: [&str; 7] = ["replicas", "--seconds", "0.5", "--clients", "4", "--tokens", "50"];

impl Choice {
    pub(crate) fn span(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// How many replicas there are.
    pub(crate) fn replicas(&self) -> Vec<usize> {
        if self.rehearsal { vec![2] } else { vec![1, 2, 3] }
    }
}
