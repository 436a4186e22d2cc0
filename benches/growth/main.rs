//! How Gatepost grows with sessions, accounts and tokens: `cargo bench --bench growth`.
//!
//! ```text
//!  choice       what was asked for
//!  subject      what grows: sessions, accounts of the file or of the store, tokens
//!  scene        a configuration and a store of that size, the service, a quick upstream
//!  law          figures by size, the exponent fitted to them, and the verdict: no worse than linear, or independent
//!  plot  page   the same as drawings, tables and target/bench/growth.json
//! ```
//!
//! `cargo test --bench growth` plays it once in small, to see that it works: its figures mean nothing.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on stops at once")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "figures are for people")]

mod choice;
mod law;
mod page;
mod plot;
mod scene;
mod subject;

use std::process::ExitCode;

use choice::Choice;
use scene::Upstream;

fn main() -> ExitCode {
    gatepost_kit::bench::serve_if_asked();
    let Some(choice) = Choice::read() else { return ExitCode::SUCCESS };
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(&choice))
}

async fn run(choice: &Choice) -> ExitCode {
    let upstream = Upstream::start();
    let mut studies = Vec::new();
    for subject in choice.subjects() {
        eprintln!("{}: {:?}", subject.name(), choice.sizes(subject));
        studies.push(subject::study(subject, choice, &upstream).await);
    }
    page::save(&studies, choice);
    if choice.in_small() {
        Choice::page().unwrap();
        law::check();
        println!("in small: the figures mean nothing");
        return ExitCode::SUCCESS;
    }
    for study in &studies {
        println!("{}", page::table(study, choice.markdown));
        if choice.markdown {
            println!("![{}](growth/{}.svg)\n", study.subject.name(), study.subject.file());
        }
    }
    if studies.iter().any(law::Study::is_broken) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Each session is a descriptor here.
fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}
