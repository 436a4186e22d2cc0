//! The time of day. The only room that asks the machine for it, so that everything else can be told a time in tests.

use chrono::{DateTime, Utc};

/// Now, by the machine's clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}
