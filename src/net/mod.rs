//! Sockets: listening, dialling, TLS, and the splice that relays bytes. Knows nothing of mail.

mod dial;
mod listener;
mod resolve;
mod scratch;
mod shown;
mod splice;
mod stream;
mod tls;

pub use dial::{DialError, dial};
pub use listener::{Accepted, Listener, Refusal};
pub use resolve::resolve;
pub use shown::Shown;
pub use splice::{Ended, Leg, Relayed, splice};
pub use stream::{Link, Stream};
pub use tls::{TlsError, TlsFlaw, accept_tls, client_config, connect_tls, server_config};
