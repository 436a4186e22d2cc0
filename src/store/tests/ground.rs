//! Where stores lie: what is promised of one is played on each.

use std::sync::Arc;

use gatepost_kit::Postgres;

use super::*;

pub(in crate::store) enum Ground {
    Sqlite(tempfile::TempDir),
    Postgres { server: Postgres, database: String },
}

impl Ground {
    /// An empty place of each kind, and one that the next version has made already.
    pub(in crate::store) async fn all() -> Vec<Self> {
        let file = Self::Sqlite(tempfile::tempdir().unwrap());
        std::iter::once(file).chain(Self::postgres().await).chain(Self::newer().await).collect()
    }

    /// A program of this version may come later than one of the next.
    async fn newer() -> Option<Self> {
        let ground = Self::postgres().await?;
        for migration in super::super::postgres::MIGRATIONS {
            ground.alter(migration.statements).await;
        }
        ground.alter(&upgrade::next()).await;
        Some(ground)
    }

    pub(in crate::store) async fn postgres() -> Option<Self> {
        Some(Self::of(Postgres::shared().await?).await)
    }

    /// A database of this server.
    pub(in crate::store) async fn of(server: Postgres) -> Self {
        let url = server.database().await;
        let database = url.rsplit('/').next().unwrap().to_owned();
        Self::Postgres { server, database }
    }

    pub(in crate::store) fn database(&self) -> &str {
        match self {
            Self::Sqlite(_) => "",
            Self::Postgres { database, .. } => database,
        }
    }

    pub(in crate::store) async fn open(&self, keys: Keys) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match self {
            Self::Sqlite(directory) => Arc::new(SqliteStore::open(&directory.path().join("gatepost.db"), keys)?),
            Self::Postgres { server, database } => {
                Arc::new(PostgresStore::open(servers(&server.url(database)), keys).await?)
            }
        })
    }

    /// With a key of its own.
    pub(in crate::store) async fn store(&self) -> Arc<dyn Store> {
        self.open(Keys::new(&generate_key().unwrap()).unwrap()).await.unwrap()
    }

    /// Past the program.
    pub(in crate::store) async fn alter(&self, sql: &str) {
        match self {
            Self::Sqlite(directory) => {
                let raw = rusqlite::Connection::open(directory.path().join("gatepost.db")).unwrap();
                raw.execute_batch(sql).unwrap();
            }
            Self::Postgres { server, database } => drop(server.query_in(database, sql).await),
        }
    }

    /// Octets as they are written in a statement.
    pub(in crate::store) fn octets(&self, octets: &[u8]) -> String {
        let halves = octets.iter().flat_map(|octet| [octet >> 4, octet & 15]);
        let digits: String = halves.filter_map(|half| char::from_digit(half.into(), 16)).collect();
        match self {
            Self::Sqlite(_) => format!("x'{digits}'"),
            Self::Postgres { .. } => format!("'\\x{digits}'"),
        }
    }

    /// Everything that counts, as it lies there.
    pub(in crate::store) async fn content(&self) -> String {
        match self {
            Self::Sqlite(directory) => {
                let raw = rusqlite::Connection::open(directory.path().join("gatepost.db")).unwrap();
                let query = "SELECT version || hex(refresh_token) || hex(key) FROM tokens, sealing";
                raw.query_row(query, [], |row| row.get(0)).unwrap()
            }
            Self::Postgres { server, database } => {
                server.query_in(database, "SELECT version, refresh_token, key FROM tokens, sealing").await
            }
        }
    }
}

pub(in crate::store) fn servers(url: &str) -> Servers {
    Servers { shown: url.to_owned(), servers: vec![url.parse().unwrap()], tls: None }
}
