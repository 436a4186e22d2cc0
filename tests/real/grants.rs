//! Every grant, from its declaration in the store beside a running service to a message that came back: by a person on the
//! real consent pages, by real assertions, and against the simulated provider where nobody else has such a thing.

mod codes;
mod commands;
mod discovery;
mod hosted;
mod machines;
mod mailbox;
mod notices;
mod passwords;
mod rotation;
mod scene;
mod sessions;
mod simulated;
