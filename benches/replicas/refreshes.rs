use std::sync::Arc;
use std::time::Duration;

use gatepost::config::Config;
use gatepost::token::import;
use gatepost_kit::bench::Table;
use gatepost_kit::{Client, Postgres, Provider, Rotation};

use crate::choice::Choice;
use crate::meter::Meter;
use crate::stage::{Plan, Stage, user};

/// Access tokens live so long; they are due half of it before their end.
const LIFE: Duration = Duration::from_secs(16);
const TOKENS: usize = 100;

/// Tokens that are due all the time, beside a provider that replaces refresh tokens.
pub(crate) async fn measure(postgres: &Postgres, choice: &Choice) -> Table {
    let mut table = Table::new(&[
        "replicas",
        "refreshes/s",
        "CPU ms/refresh, Gatepost",
        "PostgreSQL",
        "statements/refresh",
        "refused by the provider",
    ]);
    for replicas in choice.replicas() {
        let provider = Provider::start().await;
        provider.register(Client::new("client", &user(0)).rotation(Rotation::Strict).life(LIFE));
        let mut stage = prepared(postgres, replicas, &provider).await;
        stage.start().await;
        // All are due at once at first.
        tokio::time::sleep(if choice.rehearsal { Duration::from_secs(1) } else { LIFE }).await;
        let (before, asked) = (Meter::read(&stage).await, provider.token_requests().len());
        if choice.rehearsal {
            one_comes(&provider, asked).await;
        } else {
            tokio::time::sleep(choice.span().max(LIFE) * 2).await;
        }
        let (taken, count) = (before.since(&stage).await, provider.token_requests().len() - asked);
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52")]
        let count = count as f64;
        let refused: usize = stage.replicas.iter().map(|replica| replica.events("token.refresh_failed").len()).sum();
        assert!(count > 0.0 && refused == 0, "{count} refreshes, {refused} refused");
        table.row(vec![
            replicas.to_string(),
            format!("{:.1}", count / taken.seconds),
            format!("{:.2}", taken.gatepost / count * 1e3),
            format!("{:.2}", taken.postgres / count * 1e3),
            format!("{:.1}", taken.statements / count),
            refused.to_string(),
        ]);
    }
    table
}

/// However fast the machine was with all that was due at first.
async fn one_comes(provider: &Provider, asked: usize) {
    let comes = async {
        while provider.token_requests().len() <= asked {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(LIFE * 4, comes).await.expect("a token that is due is refreshed");
}

async fn prepared(postgres: &Postgres, replicas: usize, provider: &Provider) -> Stage {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    std::fs::write(directory.path().join("ca.pem"), provider.authority.ca_pem()).unwrap();
    let plan = Plan {
        replicas,
        provider: format!(
            "[limits]\nrefresh_ahead_seconds = {}\n[providers.simulated]\ntoken_url = \"https://127.0.0.1:{}/token\"\nscopes = \
             [\"mail\"]\nca = \"../ca.pem\"\nimap = {{ host = \"localhost\", port = {}, tls = \"implicit\" }}\n",
            LIFE.as_secs() / 2,
            provider.ports.token,
            provider.ports.imaps
        ),
        grant: "grant = \"refresh_token\"",
        tokens: TOKENS,
        directory,
    };
    let stage = Stage::new(postgres, &plan).await;
    let store = stage.store().await;
    let config =
        Config::load(&stage.replicas[0].config(), std::iter::empty()).unwrap_or_else(|fault| panic!("{fault}"));
    for token in &config.tokens {
        import(&store, token, provider.issue_refresh_token_to("client", &token.mailbox).into()).await.unwrap();
    }
    stage
}
