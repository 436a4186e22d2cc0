use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, TimeDelta};
use gatepost::account::hash_password;
use gatepost::model::{AccessToken, TokenState};
use gatepost::store::{Kind, PostgresStore, Saved, Store as _, Version};
use gatepost_kit::Postgres;
use gatepost_kit::bench::{Process, Table};
use serde_json::json;
use tokio::time::sleep;

use crate::choice::Choice;
use crate::stage::{PASSWORD, Plan, Stage};

/// Octets of Microsoft's tokens, about.
const ACCESS: usize = 2048;
const REFRESH: usize = 1400;

/// What tokens of usual lengths take in the database: when they were saved first, and after five refreshes of each.
pub(crate) async fn in_database(postgres: &Postgres, choice: &Choice) -> Table {
    let stage = stage(postgres).await;
    saved(&stage, choice.tokens).await
}

/// What a replica takes that has so many tokens and accounts in the store.
pub(crate) async fn in_memory(postgres: &Postgres, choice: &Choice) -> Table {
    let mut stage = stage(postgres).await;
    let store = stage.store().await;
    let mut table = Table::new(&["tokens and accounts in the store", "start, s", "CPU s", "resident, MiB", "KiB each"]);
    let mut none = 0.0;
    for tokens in [0, choice.tokens] {
        declare(&store, tokens).await;
        save_all(&store, &mut vec![Version::default(); tokens]).await;
        let replica = &mut stage.replicas[0];
        let begun = Instant::now();
        replica.start();
        replica.answers().await;
        let took = begun.elapsed();
        sleep(choice.span()).await;
        let process = Process::of(replica.pid());
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52")]
        let (resident, count) = (process.vitals().resident as f64, tokens as f64);
        let processor = process.processor();
        replica.kill();
        let each = if tokens == 0 { String::new() } else { format!("{:.1}", (resident - none) / count) };
        none = resident;
        let figures = [took.as_secs_f64(), processor, resident / 1024.0].map(|figure| format!("{figure:.1}"));
        table.row([vec![tokens.to_string()], figures.to_vec(), vec![each]].concat());
    }
    table
}

fn name(number: usize) -> String {
    format!("mailbox{number}@example.com")
}

async fn declare(store: &PostgresStore, tokens: usize) {
    let hash = hash_password(&PASSWORD.into()).unwrap();
    for number in 0..tokens {
        let name = name(number);
        let token =
            json!({ "provider": "simulated", "grant": "refresh_token", "mailbox": name, "client_id": "client" });
        let account = json!({ "password_hash": hash.as_str(), "token": name });
        for (kind, content) in [(Kind::Token, token), (Kind::Account, account)] {
            let record = store.record(kind, &name).await.unwrap().with(Some(content.to_string()));
            let _ = store.put(record, None).await.unwrap();
        }
    }
}

pub(crate) async fn stage(postgres: &Postgres) -> Stage {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let provider =
        "[providers.simulated]\ntoken_url = \"https://localhost/token\"\nscopes = [\"mail\"]\nimap = { host = \
                    \"localhost\", port = 1, tls = \"implicit\" }\n"
            .to_owned();
    let plan = Plan { replicas: 1, provider, grant: "grant = \"refresh_token\"", tokens: 1, directory };
    Stage::new(postgres, &plan).await
}

async fn saved(stage: &Stage, tokens: usize) -> Table {
    let store = stage.store().await;
    let mut table = Table::new(&[
        "each of the tokens was saved",
        "octets of a row",
        "with free space",
        "with indexes",
        "octets of WAL a save",
    ]);
    let mut versions = vec![Version::default(); tokens];
    for rounds in [1_usize, 5] {
        let before = stage.ask("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").await;
        for _ in 0..rounds {
            save_all(&store, &mut versions).await;
        }
        let after = stage.ask("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").await;
        // The figures of a table are its own count.
        stage.postgres.query_in(&stage.database, "VACUUM ANALYZE tokens").await;
        let size = |what: &str| format!("SELECT {what}('tokens')::FLOAT / (SELECT count(*) FROM tokens)");
        let row = stage.ask("SELECT avg(pg_column_size(tokens.*)) FROM tokens").await;
        let with_space = stage.ask(&size("pg_table_size")).await;
        let with_indexes = stage.ask(&size("pg_total_relation_size")).await;
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52")]
        let saves = (rounds * tokens) as f64;
        let name = if rounds == 1 { "once" } else { "six times" };
        let figures = [row, with_space, with_indexes, (after - before) / saves].map(|figure| format!("{figure:.0}"));
        table.row([vec![name.to_owned()], figures.to_vec()].concat());
    }
    table
}

async fn save_all(store: &PostgresStore, versions: &mut [Version]) {
    for (number, version) in versions.iter_mut().enumerate() {
        let saved = store.save(&name(number), *version, &state()).await.unwrap();
        let Saved::Done(next) = saved else { panic!("nobody else saves") };
        *version = next;
    }
}

/// Of a token that is due in another age: nobody is to refresh it.
pub(crate) fn state() -> TokenState {
    let now = DateTime::from_timestamp(4_000_000_000, 0).unwrap();
    let access = AccessToken::new("a".repeat(ACCESS).into(), now + TimeDelta::hours(1));
    TokenState {
        access: Some(access),
        scopes: Some("https://outlook.office.com/SMTP.Send https://outlook.office.com/IMAP.AccessAsUser.All".into()),
        refreshed_at: Some(now),
        ..TokenState::default().imported(
            "r".repeat(REFRESH).into(),
            "client at https://login.example/token".into(),
            now,
        )
    }
}
