//! Those who never log in: slow ones that send nothing or an octet now and then, and others that send garbage.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// They come, from addresses of their own, and come again when they are sent away, until they are told to leave.
pub(crate) fn comes(addresses: [SocketAddr; 3], count: usize, leave: &CancellationToken) -> TaskTracker {
    let tasks = TaskTracker::new();
    for number in 0..count {
        let (slow, loud) = (leave.clone(), leave.clone());
        let address = addresses[number % 3];
        tasks.spawn(async move { slow.run_until_cancelled(is_slow(number, address)).await });
        tasks.spawn(async move { loud.run_until_cancelled(is_loud(number, address)).await });
    }
    tasks.close();
    tasks
}

/// Sixteen networks of attackers.
async fn connect(number: usize, address: SocketAddr) -> Option<TcpStream> {
    let own = Ipv4Addr::new(127, 66, u8::try_from(number % 16).ok()?, u8::try_from(number % 200 + 1).ok()?);
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind(SocketAddr::new(IpAddr::V4(own), 0)).ok()?;
    socket.connect(address).await.ok()
}

async fn is_slow(number: usize, address: SocketAddr) {
    loop {
        if let Some(mut tcp) = connect(number, address).await {
            while tcp.write_all(b"E").await.is_ok() {
                sleep(Duration::from_secs(2)).await;
            }
        }
        sleep(Duration::from_secs(1)).await;
    }
}

async fn is_loud(number: usize, address: SocketAddr) {
    let garbage: Vec<u8> =
        (0..2048_usize).map(|at| u8::try_from((at * 7919 + number * 31) % 256).unwrap_or(0)).collect();
    loop {
        if let Some(mut tcp) = connect(number, address).await {
            let mut answer = [0; 512];
            for piece in garbage.chunks(97) {
                if tcp.write_all(piece).await.is_err() {
                    break;
                }
                drop(timeout(Duration::from_millis(50), tcp.read(&mut answer)).await);
            }
        }
        sleep(Duration::from_secs(1)).await;
    }
}
