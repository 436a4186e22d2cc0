//! A message's way out: the SMTP conversation between a local program and its upstream, after both logins.
//!
//! Invariants: a message is acknowledged only with the upstream's own final reply (law 1); the end of data is sent only
//! after a body that was whole and clean; when anything breaks before, the upstream leg is dropped without it, so that
//! half a message is never delivered, and the client gets a 4xx and tries again.
//!
//! Commands that have arrived together go upstream together; answers are held back until there is something to wait for.
//! A session that has served one program may serve the next, see [`kept`].
//!
//! Each MAIL passes `admit` on its way, each part of a body `Relay::forward`, each reply to a command `note_refusal`.

mod admission;
mod body;
mod converse;
mod deliver;
pub mod gate;
mod guest;
pub mod kept;
mod legs;
mod meter;
mod report;
mod sender;
mod trial;
mod turn;

pub use admission::Admission;
pub use converse::{Closing, Settings, Submission, converse};
pub use guest::{Guest, TOO_FAST};
pub use legs::Legs;
pub use meter::{Meter, TooFast};
pub use sender::policy;
pub use trial::{Anew, LogIn, LoggingIn, Trial};
