//! What several replicas on one PostgreSQL carry, and what the database has to do for it: `cargo bench --bench replicas`.
//!
//! ```text
//!  choice       what was asked for
//!  stage        PostgreSQL, so many replicas behind HAProxy, an upstream
//!  meter        processor time, and the database's own count of statements, while something is measured
//!  logins       programs that log in, and that send a message, with 1, 2 and 3 replicas
//!  refreshes    tokens that are refreshed, beside a provider that replaces refresh tokens
//!  rows         what tokens take, in the database and in memory
//!  saves        how many of them the database takes at a time
//! ```
//!
//! `cargo test --bench replicas` plays everything once in small, to see that it works: its figures mean nothing.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on stops at once")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "figures are for people")]

#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/replicas/balancer.rs"]
mod balancer;
mod choice;
mod logins;
mod meter;
mod refreshes;
#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/replicas/replica.rs"]
mod replica;
mod rows;
mod saves;
mod stage;

use gatepost_kit::Postgres;
use gatepost_kit::bench::Table;

use choice::Choice;

fn main() {
    gatepost_kit::bench::serve_if_asked();
    let Some(choice) = choice::read() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(run(&choice));
}

async fn run(choice: &Choice) {
    if !std::path::Path::new("/usr/sbin/haproxy").exists() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI=true, but there is no HAProxy");
        println!("*** SKIPPED: the bench of several replicas: there is no HAProxy ***");
        return;
    }
    let Some(postgres) = Postgres::own().await else { return };
    stage::count_statements(&postgres).await;
    for (title, table) in [
        ("Programs", logins::measure(&postgres, choice).await),
        ("Refreshes", refreshes::measure(&postgres, choice).await),
        ("Tokens in the database", rows::in_database(&postgres, choice).await),
        ("Tokens that are saved", saves::measure(&postgres, choice).await),
        ("Tokens in memory", rows::in_memory(&postgres, choice).await),
    ] {
        show(title, &table, choice.markdown);
    }
    if choice.rehearsal {
        println!("in small: the figures mean nothing");
    }
}

fn show(title: &str, table: &Table, markdown: bool) {
    if markdown { println!("{table:#}") } else { println!("{title}\n{table}") }
}
