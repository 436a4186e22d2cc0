use std::pin::pin;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::Pages;
use crate::net::{Accepted, Stream, accept_tls};

/// How long a client may take to say what it wants, also between two requests.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a connection may last. A redemption waits for the provider, and perhaps for its mail server.
const LONGEST: Duration = Duration::from_mins(5);
/// Longest request head, in octets; an address with a code stays below 8 KiB.
const HEAD: usize = 32 * 1024;

/// One connection. It holds its place until it ends, and none lasts for ever.
pub(super) async fn serve(accepted: Accepted, pages: Pages, stop: CancellationToken) {
    let Accepted { socket, peer, permit: _permit } = accepted;
    let stream = match pages.tls() {
        None => Stream::Plain(socket),
        Some(tls) => match accept_tls(socket, &tls, PATIENCE).await {
            Ok(stream) => stream,
            Err(fault) => return debug!(%peer, error = %fault, "admin.closed"),
        },
    };
    let pages = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        TowerToHyperService::new(pages.router()).call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(HEAD);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), pages));
    let visit = async {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = stop.cancelled() => {}
        }
        // What is being answered is finished.
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    match timeout(LONGEST, visit).await {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => debug!(%peer, error = %fault, "admin.closed"),
        Err(_) => debug!(%peer, error = "it took too long", "admin.closed"),
    }
}
