//! The wire to a server of the provider, which can be cut as a restart, a firewall or a switch would.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What it does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Carries them.
    Whole,
    /// There is nobody: those that were there are cut, new ones are refused.
    Cut,
    /// They are taken, and nothing is carried; those that were there stay, and are silent.
    Hung,
}

/// From a port of its own to a server.
pub(crate) struct Wire {
    pub(crate) port: u16,
    mode: Arc<watch::Sender<Mode>>,
}

impl Wire {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap();
        let mode = Arc::new(watch::Sender::new(Mode::Whole));
        tokio::spawn(run(listener, own, SocketAddr::from(([127, 0, 0, 1], port)), Arc::clone(&mode)));
        Self { port: own.port(), mode }
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn run(first: TcpListener, own: SocketAddr, server: SocketAddr, mode: Arc<watch::Sender<Mode>>) {
    let (mut listener, mut changes) = (Some(first), mode.subscribe());
    loop {
        let now = *changes.borrow_and_update();
        if now == Mode::Cut {
            listener = None;
        } else if listener.is_none() {
            listener = Some(TcpListener::bind(own).await.expect("its port is its own"));
        }
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await.ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = accepted => {
                if let Some((taken, _)) = accepted {
                    tokio::spawn(carry(taken, server, mode.subscribe()));
                }
            }
            told = changes.changed() => if told.is_err() { return },
        }
    }
}

async fn carry(mut near: TcpStream, server: SocketAddr, mut changes: watch::Receiver<Mode>) {
    // Who connects while it hangs, waits for as long as it does.
    if changes.wait_for(|mode| *mode != Mode::Hung).await.is_err() {
        return;
    }
    let Ok(mut far) = TcpStream::connect(server).await else { return };
    drop((near.set_nodelay(true), far.set_nodelay(true)));
    let (mut from_client, mut to_client) = near.split();
    let (mut from_server, mut to_server) = far.split();
    let (up, down) = (changes.clone(), changes.clone());
    let cut = async {
        let _ = changes.wait_for(|mode| *mode == Mode::Cut).await;
    };
    tokio::select! {
        () = cut => {}
        _ = async { tokio::join!(
            pump(&mut from_client, &mut to_server, up),
            pump(&mut from_server, &mut to_client, down),
        ) } => {}
    }
}

async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut changes: watch::Receiver<Mode>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16384];
    loop {
        let count = from.read(&mut buffer).await?;
        drop(changes.wait_for(|mode| *mode != Mode::Hung).await);
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count]).await?;
    }
}
