//! Sockets: listening, dialling (also through proxies), TLS, and the splice that relays bytes. Knows nothing of mail.

mod accept;
mod certificate;
mod dial;
mod egress;
mod listener;
mod resolve;
mod scratch;
mod shown;
mod splice;
mod stream;
mod tls;

pub use accept::{AcceptError, accept_tls};
pub use certificate::{Look, ServerCertificate};
pub use dial::{DialError, dial};
pub use egress::{Hop, ProxyFault, dial_connect, dial_socks5};
pub use listener::{Accepted, Listener, Refusal};
pub use resolve::resolve;
pub use shown::Shown;
pub use splice::{Ended, Leg, Relayed, Watch, splice};
pub use stream::{Link, Stream};
pub use tls::{MinimumTls, TlsError, TlsFlaw, client_config, connect_tls, server_config};
