//! The wire from a replica to the database, which can be cut, silent or slow.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// What it does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Carries them.
    Whole,
    /// Carries them, and all octets come so much later, on both ways.
    Slow(Duration),
    /// They stay and nothing is carried, as behind a firewall that has forgotten them; new ones are taken, and are silent.
    Hung,
    /// There is nobody: those that were there are cut, new ones are refused.
    Cut,
}

/// From a port of its own to a port.
pub(crate) struct Wire {
    pub(crate) port: u16,
    mode: watch::Sender<Mode>,
}

impl Wire {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap();
        let mode = watch::Sender::new(Mode::Whole);
        tokio::spawn(run(listener, own, SocketAddr::from(([127, 0, 0, 1], port)), mode.subscribe()));
        Self { port: own.port(), mode }
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn run(first: TcpListener, own: SocketAddr, server: SocketAddr, mut mode: watch::Receiver<Mode>) {
    let mut listener = Some(first);
    loop {
        if *mode.borrow_and_update() == Mode::Cut {
            listener = None;
        } else if listener.is_none() {
            // One who goes out may have been given the port meanwhile; not for long.
            listener = TcpListener::bind(own).await.ok();
        }
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await.ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = accepted => {
                if let Some((near, _)) = accepted {
                    tokio::spawn(carry(near, server, mode.clone()));
                }
            }
            told = mode.changed() => if told.is_err() { return },
            () = tokio::time::sleep(Duration::from_millis(100)), if listener.is_none() => {}
        }
    }
}

async fn carry(near: TcpStream, server: SocketAddr, mut mode: watch::Receiver<Mode>) {
    if mode.wait_for(|mode| *mode != Mode::Hung).await.is_err() {
        return;
    }
    let Ok(far) = TcpStream::connect(server).await else { return };
    drop((near.set_nodelay(true), far.set_nodelay(true)));
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    let (up, down) = (pump(from_near, to_far, mode.clone()), pump(from_far, to_near, mode.clone()));
    tokio::select! {
        _ = mode.wait_for(|mode| *mode == Mode::Cut) => {}
        () = async { tokio::join!(up, down); } => {}
    }
}

/// What is on its way, and when it arrives.
type OnTheWay = VecDeque<(Instant, Vec<u8>)>;

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>) {
    let (mut on_the_way, mut buffer, mut open) = (OnTheWay::new(), vec![0; 16384], true);
    while open || !on_the_way.is_empty() {
        let arrival = on_the_way.front().map(|(at, _)| *at);
        tokio::select! {
            read = from.read(&mut buffer), if open => {
                let count = read.unwrap_or(0);
                open = count > 0;
                let mode = *mode.borrow();
                let late = if let Mode::Slow(time) = mode { time } else { Duration::ZERO };
                on_the_way.push_back((Instant::now() + late, buffer[..count].to_vec()));
            }
            () = sleep_until(arrival.unwrap_or_else(Instant::now)), if arrival.is_some() => {
                if mode.wait_for(|mode| *mode != Mode::Hung).await.is_err() {
                    return;
                }
                let (_, octets) = on_the_way.pop_front().unwrap();
                let carried = if octets.is_empty() { to.shutdown().await } else { to.write_all(&octets).await };
                if carried.is_err() {
                    return;
                }
            }
        }
    }
}
