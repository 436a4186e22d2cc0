//! The listeners, from the configuration to open sockets that are served.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::Semaphore;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::guests::guests;
use crate::config::{self, Config};
use crate::net::{self, Inherited, Listener, ServerCertificate, TlsError};
use crate::proto::Newline;
use crate::session::{self, Frontend, ListenerTls, Service};

/// An open socket and how it is served.
pub(super) type Open = (Arc<Frontend>, Listener);

/// The certificate of those with TLS, where the configuration names one.
pub(super) fn certificate(config: &Config) -> anyhow::Result<Option<Arc<ServerCertificate>>> {
    let Some(tls) = &config.tls else { return Ok(None) };
    let certificate = ServerCertificate::load(&tls.certificate, &tls.key).context("[tls]")?;
    Ok(Some(Arc::new(certificate)))
}

/// TLS of the administration address, where it has it.
pub(super) fn admin_tls(
    config: &Config,
    certificate: Option<&Arc<ServerCertificate>>,
) -> anyhow::Result<Option<Arc<ServerConfig>>> {
    let (Some(admin), Some(tls), Some(certificate)) = (&config.admin, &config.tls, certificate) else {
        return Ok(None);
    };
    Ok(if admin.tls { Some(Tls::of(certificate)?.from(tls.minimum)) } else { None })
}

/// Opens every listener before any of them serves.
pub(super) fn open(
    config: &Config,
    service: &Arc<Service>,
    certificate: Option<&Arc<ServerCertificate>>,
) -> anyhow::Result<Vec<Open>> {
    let tls = certificate.map(Tls::of).transpose()?;
    let mut inherited = Inherited::take()?;
    let mut opened = Vec::new();
    for (index, listener) in config.listeners.iter().enumerate() {
        let frontend = Arc::new(frontend(listener, &config.limits, tls.as_ref(), service)?);
        let sockets = sockets(listener, &mut inherited);
        let sockets = sockets.with_context(|| format!("listeners[{index}].address ({})", listener.protocol))?;
        opened.extend(sockets.into_iter().map(|socket| (Arc::clone(&frontend), socket)));
    }
    inherited.finish()?;
    anyhow::ensure!(!opened.is_empty(), "there is nothing to serve; add a [[listeners]] table");
    Ok(opened)
}

/// Serves until told to stop.
pub(super) fn serve(
    (frontend, listener): Open,
    tasks: &TaskTracker,
    permits: &Arc<Semaphore>,
    stop: &CancellationToken,
) {
    let refusal = session::refusal(&frontend, listener.address().ip());
    let sessions = tasks.clone();
    let serving = listener.serve(Arc::clone(permits), refusal, stop.clone(), move |accepted| {
        sessions.spawn(session::run(Arc::clone(&frontend), accepted));
    });
    tasks.spawn(serving);
}

fn sockets(listener: &config::Listener, inherited: &mut Inherited) -> anyhow::Result<Vec<Listener>> {
    let mut opened = Vec::new();
    for address in &listener.addresses {
        match address {
            config::Address::Tcp(address) => opened.push(Listener::bind(*address)?),
            config::Address::Unix(path) => opened.push(Listener::bind_unix(path, listener.unix_mode)?),
            config::Address::Systemd(name) => opened.extend(inherited.claim(name)?),
        }
    }
    Ok(opened)
}

fn frontend(
    listener: &config::Listener,
    limits: &config::Limits,
    tls: Option<&Tls>,
    service: &Arc<Service>,
) -> anyhow::Result<Frontend> {
    Ok(Frontend {
        protocol: listener.protocol,
        tls: listener_tls(listener, tls)?,
        plaintext_auth: listener.plaintext_auth.clone(),
        newline: match listener.newline {
            config::Newline::Strict => Newline::Strict,
            config::Newline::Lenient => Newline::Lenient,
        },
        proxies: listener.proxy_protocol.clone(),
        anonymous: listener.anonymous.as_ref().map(|anonymous| guests(anonymous, limits)),
        service: Arc::clone(service),
    })
}

fn listener_tls(listener: &config::Listener, tls: Option<&Tls>) -> anyhow::Result<ListenerTls> {
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
