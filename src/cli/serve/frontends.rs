//! How listeners are served, from the configuration.

use std::sync::Arc;

use anyhow::Context as _;
use tokio_rustls::rustls::ServerConfig;

use super::super::guests::guests;
use crate::config::{self, Config};
use crate::net::{self, Pair, ServerCertificate, TlsError};
use crate::proto::Newline;
use crate::session::{Anonymous, Frontend, ListenerTls, Service};

/// The certificate of those with TLS, and TLS with it.
#[derive(Debug)]
pub(in crate::cli) struct Certificate {
    pub(super) server: Arc<ServerCertificate>,
    tls: Tls,
}

/// A certificate that may serve, and what was read of its files where it serves already.
pub(super) struct Renewed {
    pub(super) certificate: Arc<Certificate>,
    pair: Option<Pair>,
}

impl Certificate {
    /// Reads it, where the configuration names one.
    pub(in crate::cli) fn of(config: &Config) -> anyhow::Result<Option<Arc<Self>>> {
        let Some(tls) = &config.tls else { return Ok(None) };
        let server = ServerCertificate::load(&tls.certificate, &tls.key).context("[tls]")?;
        let server = Arc::new(server);
        Ok(Some(Arc::new(Self { tls: Tls::of(&server)?, server })))
    }

    /// TLS from this version on.
    pub(super) fn from(&self, minimum: config::MinimumTls) -> Arc<ServerConfig> {
        self.tls.from(minimum)
    }
}

impl Renewed {
    /// Reads the files, also where they have the same names: sessions can be resumed, and nothing changes before it is adopted.
    pub(super) fn read(config: &Config, before: Option<&Arc<Certificate>>) -> anyhow::Result<Option<Self>> {
        let same = config.tls.as_ref().zip(before);
        let Some((_, before)) = same.filter(|(tls, before)| before.server.is_of(&tls.certificate, &tls.key)) else {
            return Ok(Certificate::of(config)?.map(|certificate| Self { certificate, pair: None }));
        };
        let pair = before.server.read_again().context("[tls]")?;
        Ok(Some(Self { certificate: Arc::clone(before), pair: Some(pair) }))
    }

    /// Whether another certificate serves from now on.
    pub(super) fn adopt(self) -> bool {
        self.pair.is_some_and(|pair| self.certificate.server.adopt(pair))
    }
}

/// TLS of the administration address, where it has it.
pub(super) fn admin_tls(config: &Config, certificate: Option<&Arc<Certificate>>) -> Option<Arc<ServerConfig>> {
    let (admin, tls) = (config.admin.as_ref()?, config.tls.as_ref()?);
    certificate.filter(|_| admin.tls).map(|certificate| certificate.from(tls.minimum))
}

/// Clients of a listener that may send without a login: counted together at all of its addresses.
pub(super) fn anonymous(listener: &config::Listener, limits: &config::Limits) -> Option<Arc<Anonymous>> {
    listener.anonymous.as_ref().map(|anonymous| Arc::new(guests(anonymous, limits)))
}

/// How an open socket is served.
pub(super) fn frontend(
    listener: &config::Listener,
    anonymous: Option<&Arc<Anonymous>>,
    certificate: Option<&Arc<Certificate>>,
    service: &Arc<Service>,
    door: u32,
) -> anyhow::Result<Frontend> {
    Ok(Frontend {
        protocol: listener.protocol,
        tls: listener_tls(listener, certificate)?,
        plaintext_auth: listener.plaintext_auth.clone(),
        newline: match listener.newline {
            config::Newline::Strict => Newline::Strict,
            config::Newline::Lenient => Newline::Lenient,
        },
        proxies: listener.proxy_protocol.clone(),
        anonymous: anonymous.map(Arc::clone),
        door,
        service: Arc::clone(service),
    })
}

fn listener_tls(listener: &config::Listener, tls: Option<&Arc<Certificate>>) -> anyhow::Result<ListenerTls> {
    Ok(match (listener.tls, tls) {
        (config::ListenerTls::None, _) => ListenerTls::None,
        (config::ListenerTls::Starttls, Some(tls)) => ListenerTls::Starttls(tls.from(listener.minimum_tls)),
        (config::ListenerTls::Implicit, Some(tls)) => ListenerTls::Implicit(tls.from(listener.minimum_tls)),
        (_, None) => anyhow::bail!(
            "a listener for {} has `tls` and there is no certificate; name one in a [tls] table",
            listener.protocol
        ),
    })
}

/// TLS of listeners by its lowest version; those with the same share it, and so the sessions that can be resumed.
#[derive(Debug)]
struct Tls([Arc<ServerConfig>; 2]);

impl Tls {
    fn of(certificate: &Arc<ServerCertificate>) -> Result<Self, TlsError> {
        let from = |minimum| net::server_config(certificate, minimum);
        Ok(Self([from(net::MinimumTls::Tls12)?, from(net::MinimumTls::Tls13)?]))
    }

    fn from(&self, minimum: config::MinimumTls) -> Arc<ServerConfig> {
        let Self([tls12, tls13]) = self;
        Arc::clone(match minimum {
            config::MinimumTls::Tls12 => tls12,
            config::MinimumTls::Tls13 => tls13,
        })
    }
}
