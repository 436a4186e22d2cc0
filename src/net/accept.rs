use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_rustls::rustls::{AlertDescription as Alert, Error, PeerIncompatible as Lacks, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::tls::{BUFFERED, cause};
use super::{Socket, Stream};

/// Why a client did not come under TLS; says what to look at.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// Nothing was sent at all.
    #[error("the client closed without a byte")]
    Closed,
    /// It waits for a greeting, as one does that speaks without TLS, or wants STARTTLS.
    #[error(
        "the client sent nothing: it may wait for a greeting without TLS; set it to SSL/TLS (not STARTTLS), or give it \
         another port"
    )]
    Silent,
    /// Words where a handshake belongs.
    #[error("the client speaks without TLS; set it to SSL/TLS (not STARTTLS), or give it another port")]
    Plaintext,
    /// The handshake of 1995.
    #[error("the client begins with SSL 2.0; {OLD}")]
    Ssl2,
    /// Something that is neither words nor TLS.
    #[error("what the client sends is no TLS")]
    NotTls,
    /// The handshake failed.
    #[error("{fault}{}", hint(fault))]
    Handshake {
        /// What rustls said.
        fault: io::Error,
    },
}

const OLD: &str = "it needs TLS 1.2 or newer firmware, a listener without TLS on a network that is trusted \
                   (plaintext_auth), or a TLS front such as stunnel";

/// The next step, where it can be told.
fn hint(fault: &io::Error) -> String {
    let said = match cause(fault) {
        Some(Error::PeerIncompatible(lacks)) => return format!(": {}", lacking(lacks)),
        Some(Error::AlertReceived(alert)) => alerted(*alert),
        None if fault.kind() == io::ErrorKind::UnexpectedEof => {
            "the client broke off in the middle: it may not trust the certificate, or look for another name in it"
        }
        None if fault.kind() == io::ErrorKind::TimedOut => "the client fell silent in the middle of the handshake",
        _ => return String::new(),
    };
    format!(": {said}")
}

fn lacking(lacks: &Lacks) -> String {
    match lacks {
        Lacks::Tls12NotOffered | Lacks::Tls12NotOfferedOrEnabled | Lacks::SupportedVersionsExtensionRequired => {
            format!("the client's versions of TLS are older than the `minimum` of this listener; below 1.2 {OLD}")
        }
        Lacks::NoCipherSuitesInCommon | Lacks::NoSignatureSchemesInCommon => {
            "the client knows no cipher or signature that goes with this certificate; an old one may need an RSA \
             certificate instead of ECDSA, or the other way round"
                .into()
        }
        _ => format!("the client's TLS is too old, or too odd; {OLD}"),
    }
}

fn alerted(alert: Alert) -> &'static str {
    match alert {
        Alert::UnknownCA | Alert::BadCertificate | Alert::CertificateUnknown | Alert::UnsupportedCertificate => {
            "the client does not trust the certificate: give it the authority's certificate, or one whose authority it \
             knows; and it must be connected to by a name in it"
        }
        Alert::CertificateExpired => {
            "the client takes the certificate for expired: look at its end, and at both clocks"
        }
        Alert::ProtocolVersion => "the client does not take the versions of TLS that this listener offers",
        Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            "the client wants other ciphers than this listener has"
        }
        Alert::UserCanceled => "somebody at the client said no to the certificate",
        _ => "the client refused",
    }
}

/// Performs the server's handshake.
pub async fn accept_tls(socket: Socket, config: &Arc<ServerConfig>, limit: Duration) -> Result<Stream, AcceptError> {
    let end = Instant::now() + limit;
    timeout_at(end, first_bytes(&socket)).await.map_err(|_| AcceptError::Silent)??;
    let accepting = TlsAcceptor::from(Arc::clone(config))
        .accept_with(socket, |connection| connection.set_buffer_limit(Some(BUFFERED)));
    let accepted = timeout_at(end, accepting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let tls = accepted.map_err(|fault| AcceptError::Handshake { fault })?;
    Ok(Stream::Tls(Box::new(TlsStream::Server(tls))))
}

/// rustls says of all that is no TLS the same; people want to know what it is. Through a Unix socket, where tokio has no
/// peek, they hear what rustls says.
async fn first_bytes(socket: &Socket) -> Result<(), AcceptError> {
    const HANDSHAKE: u8 = 22;
    let Socket::Tcp(tcp) = socket else { return Ok(()) };
    let mut first = [0; 3];
    let count = tcp.peek(&mut first).await.map_err(|fault| AcceptError::Handshake { fault })?;
    match first[..count] {
        [] => Err(AcceptError::Closed),
        [HANDSHAKE, ..] => Ok(()),
        // A length with its highest bit set, then CLIENT-HELLO.
        [0x80..=0xFF, _, 1] => Err(AcceptError::Ssl2),
        [b' '..=b'~' | b'\r' | b'\n', ..] => Err(AcceptError::Plaintext),
        _ => Err(AcceptError::NotTls),
    }
}
