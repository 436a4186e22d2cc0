//! Sockets: listening, dialling (also through proxies), TLS, and the splice that relays bytes. Knows nothing of mail.

mod accept;
mod activation;
mod address;
mod bind;
mod certificate;
mod dial;
mod egress;
mod listener;
mod places;
mod proxied;
mod proxy_header;
mod resolve;
mod scratch;
mod shown;
mod socket;
mod socket_file;
mod splice;
mod stream;
mod tls;

pub use accept::{AcceptError, accept_tls};
pub use activation::{ActivationError, Inherited};
pub use address::{Address, Peer, Process};
pub use bind::BindError;
pub use certificate::{Look, Pair, ServerCertificate};
pub use dial::{DialError, dial};
pub use egress::{Hop, ProxyFault, dial_connect, dial_socks5};
pub use listener::{Accepted, Listener, Refusal};
pub use places::{Place, Places};
pub use proxied::{HeaderBounds, HeaderError, read_proxy_header};
pub use proxy_header::HeaderFault;
pub use resolve::resolve;
pub use shown::Shown;
pub use socket::Socket;
pub use splice::{Carried, Ended, LastWords, Leg, Watch, splice};
pub use stream::{Link, Stream};
pub use tls::{MinimumTls, TlsError, TlsFlaw, client_config, connect_tls, server_config};
