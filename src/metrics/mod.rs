//! What is counted, and how a monitor reads it.
//!
//! Whatever happens is counted where it is logged ([`Metrics::hear`]) or where a login ends; all else is read only when somebody
//! asks ([`Sheet`]). Every metric stands in the [`CATALOGUE`], with its labels. Names that the administrator chose are labels up
//! to a bound; what strangers type never is.

mod catalogue;
mod fed;
mod heard;
mod outcome;
mod process;
mod sheet;
mod text;

pub use catalogue::{CATALOGUE, Described, Kind, table};
pub use fed::MOST_NAMES;
pub use outcome::{Outcome, Took, Way};
pub use process::Process;
pub use sheet::Sheet;
pub use text::Format;

use std::fmt;
use std::sync::{Mutex, PoisonError};

use prometheus_client::registry::Registry;

use fed::Fed;

/// The counters of a process.
pub struct Metrics {
    registry: Registry,
    fed: Fed,
    readers: Mutex<Vec<Reader>>,
}

/// Writes what it knows at the moment that somebody asks. It must not wait.
type Reader = Box<dyn Fn(&mut Sheet) + Send + Sync>;

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let fed = Fed::registered(&mut registry);
        Self { registry, fed, readers: Mutex::default() }
    }
}

impl Metrics {
    /// Has somebody asked as well at every reading.
    pub fn read_also(&self, reader: impl Fn(&mut Sheet) + Send + Sync + 'static) {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(reader));
    }

    /// All there is, with what was read for this occasion.
    #[must_use]
    pub fn text(&self, mut sheet: Sheet, format: Format) -> String {
        for reader in self.readers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            reader(&mut sheet);
        }
        text::write(&self.registry, sheet, format)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
