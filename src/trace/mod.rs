//! What is said on the connections of an account or of an address, while somebody watches: who says which command to whom.
//!
//! Invariant (law 8): what is shown is a [`Step`], which is made of words of Gatepost's own tables, of numbers, and of texts
//! from few places that hold no secret (the names in greetings and of users, paths of envelopes, mailboxes, the texts of replies
//! outside of logins). All else is counted in octets. There is no way to make one of a password, a token or a message's body.
//!
//! While nobody watches, a session asks one atomic number, and that is all.

mod imap;
mod lines;
mod pop3;
mod smtp;
mod step;
mod tap;
mod tracer;
mod traces;
mod words;

pub use step::Step;
pub use tracer::{Ahead, Tracer, Way};
pub use traces::{Heard, Line, Traces, Wanted, Watching};

#[cfg(test)]
mod tests;
