use std::sync::Arc;
use std::time::Duration;

use gatepost_kit::Postgres;
use gatepost_kit::bench::{Apart, Errand, Program, Protocol, Table, rate};

use crate::choice::Choice;
use crate::meter::{Meter, Taken, idle};
use crate::stage::{PASSWORD, Plan, Stage, user};

const USERS: usize = 64;

/// IMAP login and logout, and SMTP with a message of 2 KiB, through HAProxy.
pub(crate) async fn measure(postgres: &Postgres, choice: &Choice) -> Table {
    let mut table = Table::new(&[
        "replicas, programs",
        "sessions/s",
        "CPU ms/session, Gatepost",
        "HAProxy",
        "PostgreSQL",
        "statements/session",
        "statements/s without work",
    ]);
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let upstream = Apart::start(directory.path(), 2048).unwrap();
    for replicas in choice.replicas() {
        let provider = provider(&upstream);
        let grant = "grant = \"client_credentials\"\nclient_secret = \"bench client secret\"";
        let plan = Plan { replicas, provider, grant, tokens: USERS, directory: Arc::clone(&directory) };
        let mut stage = Stage::new(postgres, &plan).await;
        stage.start().await;
        let program = |protocol| {
            let balancer = stage.balancer.as_ref().unwrap();
            let address = if protocol == Protocol::Imap { balancer.imap } else { balancer.smtp };
            Program::new(protocol, address, &upstream.authority, (0..USERS).map(user).collect()).password(PASSWORD)
        };
        warm(&program(Protocol::Imap), replicas).await;
        let quiet = idle(&stage, choice.span()).await;
        for (protocol, errand, name) in [
            (Protocol::Imap, Errand::Login, "IMAP login and logout"),
            (Protocol::Smtp, Errand::Message, "SMTP with a message"),
        ] {
            let before = Meter::read(&stage).await;
            let rate = rate(&program(protocol), errand, choice.clients, Duration::ZERO, choice.span()).await;
            let taken = before.since(&stage).await;
            assert!(rate.all > 0 && (rate.failures == 0 || !choice.rehearsal), "{name}: {rate:?}");
            table.row(row(format!("{replicas}, {name}"), rate.per_second(), rate.all, &taken, &quiet));
        }
    }
    table
}

/// Every user has logged in at each replica: passwords are verified, tokens are there.
async fn warm(program: &Program, replicas: usize) {
    for number in 0..USERS {
        for _ in 0..replicas * 2 {
            // Whoever cannot log in now is told of when it counts.
            drop(program.visit(number, Errand::Login).await);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^52")]
fn row(name: String, per_second: f64, all: usize, taken: &Taken, quiet: &Taken) -> Vec<String> {
    let each = |sum: f64| sum / all as f64;
    let milliseconds = |sum: f64| format!("{:.3}", each(sum) * 1e3);
    vec![
        name,
        format!("{per_second:.0}"),
        milliseconds(taken.gatepost),
        milliseconds(taken.haproxy),
        milliseconds(taken.postgres),
        format!("{:.4}", each(taken.statements_beyond(quiet))),
        format!("{:.2}", quiet.statements / quiet.seconds),
    ]
}

fn provider(upstream: &Apart) -> String {
    let ports = upstream.ports;
    format!(
        "[providers.simulated]\ntoken_url = \"https://localhost:{}/token\"\nscopes = [\"mail\"]\nca = \"../ca.pem\"\nsmtp = {{ host = \
         \"localhost\", port = {}, tls = \"starttls\" }}\nimap = {{ host = \"localhost\", port = {}, tls = \"implicit\" }}\n",
        ports.token, ports.smtp, ports.imaps
    )
}
