//! What benches and tests of speed are made of: nothing of it checks manners, all of it is quick.
//!
//! ```text
//!  program ── load          programs that log in, send, fetch and leave; many of them at a time
//!     │
//!    line                   the distance to a provider: every octet comes half a round trip later
//!     │
//!  upstream ── apart        a provider that answers from constants, here or in a process of its own
//!
//!  process   machine        what a relay takes, and whom else the machine works for
//!  series    table          medians and spread, for people
//! ```

mod apart;
mod call;
mod line;
mod load;
mod machine;
mod process;
mod program;
mod series;
mod table;
mod talk;
mod upstream;

pub use apart::{Apart, serve_if_asked};
pub use call::Call;
pub use line::{Laid, Line};
pub use load::{Crowd, Rate, Transfer, crowd, rate, transfer};
pub use machine::{Disturbance, wait_until_quiet};
pub use process::{Process, Vitals};
pub use program::{Credential, Errand, Program, Protocol, Session, Tls, Trouble};
pub use series::Series;
pub use table::Table;
pub use upstream::{Ports, TOKEN, Upstream};

#[cfg(test)]
mod tests;
