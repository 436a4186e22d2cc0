//! This replica's part of the limits that hold over all replicas.
//!
//! Within its basic part of a limit a replica asks nobody: that is the usual case. What goes beyond is leased, unit by unit or a
//! few at a time, and goes back when others wait for it. Without the store a replica keeps what it holds, and has its fair part
//! of the rest: the limit divided by the number of replicas, at least one.

mod book;
mod keeper;
mod limit;
mod part;
#[cfg(test)]
mod tests;

pub use book::{Figures, Leases, Measure};
pub use keeper::{Shares, Taken, Unit, Wanting};
pub use limit::Limit;
