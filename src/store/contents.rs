//! Everything that a store keeps for good, as it lies there: what is sealed stays sealed. Leases and beats are of the moment, and
//! not of it.

pub(super) type Cells = Vec<Cell>;

/// What stands in a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Octets(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Integer,
    Real,
    Text,
    Octets,
}

use Sort::{Integer, Octets, Real, Text};

pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Sort)],
    /// The first columns that tell a row from the others; where there are none, their order is that of a column that is not
    /// copied.
    key: usize,
    order: &'static str,
}

pub(super) const TABLES: [Table; 6] = [
    Table { name: "sealing", columns: &[("one", Integer), ("key", Octets)], key: 1, order: "one" },
    Table {
        name: "tokens",
        columns: &[
            ("name", Text),
            ("version", Integer),
            ("access_token", Octets),
            ("expires_at", Integer),
            ("refresh_token", Octets),
            ("quarantined_token", Octets),
            ("scopes", Text),
            ("bound_to", Text),
            ("identity", Text),
            ("authorized_at", Integer),
            ("refresh_ends_at", Integer),
            ("refreshed_at", Integer),
            ("trouble_class", Text),
            ("trouble_summary", Text),
            ("trouble_remedy", Text),
            ("trouble_since", Integer),
            ("trouble_failures", Integer),
            ("retry_at", Integer),
        ],
        key: 1,
        order: "name",
    },
    Table {
        name: "records",
        columns: &[("kind", Text), ("name", Text), ("version", Integer), ("ends_at", Real), ("content", Octets)],
        key: 2,
        order: "kind, name",
    },
    Table { name: "notices", columns: &[("token", Text), ("notice", Text)], key: 2, order: "token, notice" },
    Table {
        name: "deeds",
        columns: &[
            ("at", Integer),
            ("who", Text),
            ("origin", Text),
            ("what", Text),
            ("subject", Text),
            ("detail", Text),
        ],
        key: 0,
        order: "id",
    },
    Table {
        name: "uses",
        columns: &[("account", Text), ("password", Text), ("login", Integer), ("message", Integer)],
        key: 2,
        order: "account, password",
    },
];

/// The key is there in a store that holds nothing else.
pub(super) const SEALING: &str = "sealing";

impl Table {
    /// All rows, always in the same order.
    pub(super) fn select(&self) -> String {
        let column = |(name, sort): &(&str, Sort)| match sort {
            Integer => format!("CAST({name} AS BIGINT)"),
            _ => (*name).to_owned(),
        };
        let columns: Vec<_> = self.columns.iter().map(column).collect();
        format!("SELECT {} FROM {} ORDER BY {}", columns.join(", "), self.name, self.order)
    }

    pub(super) fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// A row as people know it.
    pub(super) fn shown(&self, row: &Cells, at: usize) -> String {
        let words: Vec<_> = row.iter().take(self.key).filter_map(Cell::text).collect();
        if words.is_empty() { format!("{} {}", self.name, at + 1) } else { format!("{} {words:?}", self.name) }
    }
}

impl Cell {
    fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}
