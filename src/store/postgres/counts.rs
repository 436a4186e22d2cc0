//! How often the database was asked, by what it was asked about.

use std::sync::atomic::{AtomicU64, Ordering};

/// Tables, and what is about none.
const ABOUT: [&str; 13] = [
    "tokens",
    "records",
    "leases",
    "notices",
    "deeds",
    "uses",
    "sealing",
    "schema",
    "replicas",
    "news",
    "shares",
    "transaction",
    "other",
];

#[derive(Debug, Default)]
pub(super) struct Counts([AtomicU64; ABOUT.len()]);

impl Counts {
    /// One goes to the database, and its answer comes back.
    pub(super) fn count(&self, statement: &str) {
        self.0[about(statement)].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn all(&self) -> Vec<(&'static str, u64)> {
        ABOUT.into_iter().zip(self.0.iter().map(|count| count.load(Ordering::Relaxed))).collect()
    }
}

/// By the first table that it names.
fn about(statement: &str) -> usize {
    let place = |name: &str| {
        let name = if name == "holders" { "shares" } else { name };
        ABOUT.iter().position(|about| *about == name)
    };
    let transaction = ["BEGIN", "COMMIT", "ROLLBACK"].iter().any(|word| statement.starts_with(word));
    if transaction {
        return place("transaction").unwrap_or_default();
    }
    let words: Vec<_> = statement.split([' ', '\n', '(', ')', ';', ',']).filter(|word| !word.is_empty()).collect();
    let mut named = words.windows(2).filter(|pair| ["FROM", "INTO", "UPDATE"].contains(&pair[0]));
    named.find_map(|pair| place(pair[1])).unwrap_or(ABOUT.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql;

    #[test]
    fn a_statement_counts_for_its_table() {
        let counts = Counts::default();
        for statement in [sql::SEALING, &sql::UPDATE_TOKEN, &sql::INSERT_TOKEN, sql::TAKE_LEASE, "COMMIT"] {
            counts.count(statement);
        }
        counts.count("BEGIN; SELECT pg_advisory_xact_lock_shared(1)");
        counts.count("SELECT owner FROM holders");
        counts.count("DELETE FROM shares WHERE owner = $1");
        counts.count("SELECT 1");
        let told: Vec<_> = counts.all().into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(
            told,
            [("tokens", 2), ("leases", 1), ("sealing", 1), ("shares", 2), ("transaction", 2), ("other", 1)]
        );
    }
}
