use std::fmt;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use gatepost_kit::bench::Call;

use crate::peers::Kind;

/// What Gatepost costs beside other relays, and what it gains over going direct.
///
/// A quick upstream, Gatepost and every peer that is installed (tests/bench-setup installs them) are started, and measured in
/// turns. A measurement waits a little for the machine to be quiet and is made again when others disturbed it; how many cores
/// worked for others is said with each. All figures are in target/bench/relay.json as well.
#[derive(Parser, Clone, Debug)]
#[command(name = "cargo bench --bench relay --", after_help = EXAMPLES)]
pub(crate) struct Choice {
    /// What is measured; all of it if nothing is named.
    benches: Vec<Bench>,
    /// These peers only.
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    peers: Vec<Kind>,
    /// sessions, distance: so many programs at a time. Default: 1, 16 and 64; distance 1 and 16.
    #[arg(long, value_delimiter = ',', value_name = "N,M")]
    clients: Vec<usize>,
    /// sessions: how long each measurement lasts.
    #[arg(long, default_value_t = 3.0, value_name = "S")]
    seconds: f64,
    /// How often everything is measured.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub(crate) repetitions: usize,
    /// distance: milliseconds of a round trip to the provider.
    #[arg(long, default_value_t = 40, value_name = "MS")]
    rtt: u64,
    /// idle: sessions that are logged in.
    #[arg(long, default_value_t = 9500, value_name = "N")]
    pub(crate) idle: usize,
    /// idle: readers that have stopped in the middle of a message.
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub(crate) stalled: usize,
    /// bulk: the size of a message, in MiB.
    #[arg(long, default_value_t = 25, value_name = "MIB")]
    size: usize,
    /// start: accounts in Gatepost's configuration.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub(crate) accounts: usize,
    /// Waits at most so long for a quiet machine, up to three times for each measurement; 0 does not wait at all.
    #[arg(long, default_value_t = 8, value_name = "S")]
    patience: u64,
    /// Tables as Markdown.
    #[arg(long)]
    pub(crate) markdown: bool,
    #[arg(skip)]
    pub(crate) rehearsal: bool,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

const EXAMPLES: &str = "Examples:
  cargo bench --bench relay
  cargo bench --bench relay -- sessions --clients 16,64 --peers direct,gatepost,haproxy,nginx
  cargo bench --bench relay -- distance --rtt 100
  cargo bench --bench relay -- idle --idle 1000 --repetitions 1
  cargo bench --bench relay -- sessions bulk --markdown --repetitions 5";

/// One of the things that can be measured.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bench {
    Sessions,
    Bulk,
    Idle,
    Distance,
    Start,
}

impl Bench {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Bulk => "bulk",
            Self::Idle => "idle",
            Self::Distance => "distance",
            Self::Start => "start",
        }
    }

    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::Sessions => "programs that log in, do one thing and leave",
            Self::Bulk => "large messages, fetched and sent",
            Self::Idle => "memory of sessions that wait for news, and of readers that have stopped",
            Self::Distance => "how long programs wait when the provider is far away",
            Self::Start => "from the start to the first login, and what a service at rest takes",
        }
    }
}

impl fmt::Display for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What was asked for. Of tests cargo asks with its own words, and for all of them: `None` when this one is not meant.
pub(crate) fn read() -> Option<Choice> {
    match Call::of("rehearsal_of_the_bench") {
        Call::Bench => Some(Choice::parse()),
        Call::Rehearsal => Some(Choice::rehearsal()),
        Call::Other => None,
    }
}

/// Every example of the help and of the handbook has to be understood.
fn misunderstood() -> Option<String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/benchmarks.md")).unwrap();
    let lines = EXAMPLES.lines().chain(page.lines()).map(str::trim);
    let commands: Vec<_> = lines.filter(|line| line.starts_with("cargo bench --bench relay")).collect();
    assert!(commands.len() > 8, "the examples are not where they were");
    let fault = |command: &str| Choice::try_parse_from(command.split(' ').skip(3).filter(|word| *word != "--")).err();
    commands.into_iter().find_map(|command| fault(command).map(|fault| format!("{command}: {fault}")))
}

impl Choice {
    fn rehearsal() -> Self {
        assert_eq!(misunderstood(), None);
        let small = "bench --clients 2 --seconds 0.3 --repetitions 1 --rtt 4 --idle 20 --stalled 4 --size 1 --accounts 20 --patience 0";
        Self { rehearsal: true, ..Self::parse_from(small.split(' ')) }
    }

    pub(crate) fn benches(&self) -> &[Bench] {
        if self.benches.is_empty() { Bench::value_variants() } else { &self.benches }
    }

    pub(crate) fn wants(&self, kind: Kind) -> bool {
        self.peers.is_empty() || self.peers.contains(&kind)
    }

    /// So many programs at a time, one setting after the other.
    pub(crate) fn clients(&self, default: &[usize]) -> Vec<usize> {
        if self.clients.is_empty() { default.to_vec() } else { self.clients.clone() }
    }

    pub(crate) fn span(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// What programs do before it counts.
    pub(crate) fn warming(&self) -> Duration {
        self.span() / 3
    }

    pub(crate) const fn round_trip(&self) -> Duration {
        Duration::from_millis(self.rtt)
    }

    pub(crate) const fn patience(&self) -> Duration {
        Duration::from_secs(self.patience)
    }

    /// So many users visit.
    pub(crate) const fn visitors(&self) -> usize {
        if self.rehearsal { 2 } else { 8 }
    }

    /// For a rehearsal, which sees it among the sessions.
    pub(crate) fn is_too_slow(&self, kind: Kind) -> bool {
        self.rehearsal && matches!(kind, Kind::Dovecot | Kind::Emailproxy)
    }

    /// Octets of a large message.
    pub(crate) const fn size(&self) -> usize {
        self.size << 20
    }

    /// How long nothing happens while it is watched.
    pub(crate) const fn rest(&self) -> Duration {
        if self.rehearsal { Duration::from_millis(200) } else { Duration::from_secs(30) }
    }

    /// How long what has happened is given to settle.
    pub(crate) const fn settling(&self) -> Duration {
        if self.rehearsal { Duration::from_millis(200) } else { Duration::from_secs(3) }
    }
}
