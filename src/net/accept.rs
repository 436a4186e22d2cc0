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

const OLD: &str = "such a device needs newer firmware, a listener without TLS on a network that is trusted \
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
        // Signature algorithms came with TLS 1.2; rustls looks for them before it looks at the version.
        Lacks::SignatureAlgorithmsExtensionRequired
        | Lacks::Tls12NotOffered
        | Lacks::Tls12NotOfferedOrEnabled
        | Lacks::SupportedVersionsExtensionRequired => {
            format!("the client's versions of TLS are older than this listener's `minimum`; {OLD}")
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
    let count = match tcp.peek(&mut first).await {
        Ok(count) => count,
        // As load balancers do that only look.
        Err(fault) if fault.kind() == io::ErrorKind::ConnectionReset => 0,
        Err(fault) => return Err(AcceptError::Handshake { fault }),
    };
    match first[..count] {
        [] => Err(AcceptError::Closed),
        [HANDSHAKE, ..] => Ok(()),
        // A length with its highest bit set, then CLIENT-HELLO.
        [0x80..=0xFF, _, 1] => Err(AcceptError::Ssl2),
        [b' '..=b'~' | b'\r' | b'\n', ..] => Err(AcceptError::Plaintext),
        _ => Err(AcceptError::NotTls),
    }
}

#[cfg(test)]
mod tests {
    use gatepost_kit::Authority;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::ClientConfig;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::version::TLS12;

    use super::*;
    use crate::net::{MinimumTls, ServerCertificate, client_config, server_config};

    const LIMIT: Duration = Duration::from_secs(5);

    fn server(minimum: MinimumTls) -> Arc<ServerConfig> {
        let directory = tempfile::tempdir().unwrap();
        Authority::new(&["localhost"]).write(directory.path()).unwrap();
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
        server_config(&Arc::new(ServerCertificate::load(&certificate, &key).unwrap()), minimum).unwrap()
    }

    /// Both ends of a connection.
    async fn pair() -> (TcpStream, Socket) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, listener.accept().await.unwrap().0.into())
    }

    /// What is said of a client that sends this and then waits.
    async fn said_of(octets: &[u8], limit: Duration) -> String {
        let (mut client, ours) = pair().await;
        client.write_all(octets).await.unwrap();
        let said = accept_tls(ours, &server(MinimumTls::Tls12), limit).await.unwrap_err();
        said.to_string()
    }

    async fn said_of_client(config: Arc<ClientConfig>, minimum: MinimumTls) -> String {
        let (client, ours) = pair().await;
        let name = ServerName::try_from("localhost").unwrap();
        let (server, connector) = (server(minimum), TlsConnector::from(config));
        let (accepted, refused) = tokio::join!(accept_tls(ours, &server, LIMIT), connector.connect(name, client));
        refused.unwrap_err();
        accepted.unwrap_err().to_string()
    }

    /// A `ClientHello` of TLS 1.0: one cipher, no extensions.
    fn old_hello() -> Vec<u8> {
        let body = [&[3, 1][..], &[7; 32], &[0, 0, 2, 0, 0x2f, 1, 0]].concat();
        let length = |octets: &[u8]| u8::try_from(octets.len()).unwrap();
        let message = [&[1, 0, 0, length(&body)][..], &body].concat();
        [&[22, 3, 1, 0, length(&message)][..], &message].concat()
    }

    #[tokio::test]
    async fn what_is_no_tls_is_named() {
        for (octets, words) in [
            (&b"EHLO printer\r\n"[..], "speaks without TLS; set it to SSL/TLS"),
            (b"a1 CAPABILITY\r\n", "speaks without TLS"),
            (&[0x80, 0x2e, 1, 3, 0], "begins with SSL 2.0; such a device needs"),
            (&[0, 1, 2], "is no TLS"),
        ] {
            let said = said_of(octets, LIMIT).await;
            assert!(said.contains(words), "{said}");
        }
        let (client, ours) = pair().await;
        drop(client);
        let closed = accept_tls(ours, &server(MinimumTls::Tls12), LIMIT).await.unwrap_err();
        assert!(matches!(closed, AcceptError::Closed));
        let (client, ours) = pair().await;
        client.set_zero_linger().unwrap();
        drop(client);
        let reset = accept_tls(ours, &server(MinimumTls::Tls12), LIMIT).await.unwrap_err();
        assert!(matches!(reset, AcceptError::Closed), "{reset}");
    }

    #[tokio::test]
    async fn who_says_nothing_may_wait_for_a_greeting() {
        let limit = Duration::from_millis(20);
        let said = said_of(b"", limit).await;
        assert!(said.contains("may wait for a greeting without TLS"), "{said}");
        let said = said_of(&old_hello()[..7], limit).await;
        assert!(said.contains("fell silent in the middle"), "{said}");
    }

    #[tokio::test]
    async fn what_is_too_old_is_told_what_it_needs() {
        let said = said_of(&old_hello(), LIMIT).await;
        assert!(said.contains("older than this listener's `minimum`") && said.contains("stunnel"), "{said}");
        let tls12 = ClientConfig::builder_with_provider(super::super::tls::crypto())
            .with_protocol_versions(&[&TLS12])
            .unwrap()
            .with_root_certificates(tokio_rustls::rustls::RootCertStore::empty())
            .with_no_client_auth();
        let said = said_of_client(Arc::new(tls12), MinimumTls::Tls13).await;
        assert!(said.contains("older than this listener's `minimum`"), "{said}");
    }

    #[tokio::test]
    async fn a_client_that_does_not_trust_us_is_named() {
        for minimum in [MinimumTls::Tls12, MinimumTls::Tls13] {
            let said = said_of_client(client_config(None).unwrap(), minimum).await;
            assert!(said.contains("does not trust the certificate"), "{said}");
        }
    }
}
