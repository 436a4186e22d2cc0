use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tokio::net::lookup_host;
use tokio::sync::Semaphore;

/// Look-ups of one name at a time.
const AT_A_TIME: usize = 4;

/// Asks the system for the addresses of a host; an address stands for itself.
///
/// A look-up sits on a thread of the blocking pool until the name server answers or the system gives up, whoever still
/// waits for it. Password hashes need that pool too: without a bound per name, one dead name server would take it all
/// (law 9).
pub async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let slot = slots(host).acquire_owned().await.map_err(|_| io::ErrorKind::Other)?;
    let host = host.to_owned();
    // The task keeps its slot for as long as the thread is taken, even when nobody waits any more.
    let look_up = tokio::spawn(async move {
        let _slot = slot;
        lookup_host((host, port)).await.map(Iterator::collect)
    });
    look_up.await.map_err(io::Error::other)?
}

/// The slots of a name. Names come from the configuration, so there are not many.
fn slots(host: &str) -> Arc<Semaphore> {
    static SLOTS: LazyLock<Mutex<HashMap<String, Arc<Semaphore>>>> = LazyLock::new(Mutex::default);
    let mut slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(slots.entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(AT_A_TIME))))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_name_that_hangs_holds_up_no_other() {
        let held: Vec<_> = (0..AT_A_TIME).map(|_| slots("hangs.invalid").try_acquire_owned().unwrap()).collect();
        let waiting = timeout(Duration::from_millis(20), resolve("hangs.invalid", 1)).await;
        assert!(waiting.is_err(), "it waits for a slot");
        assert_eq!(resolve("127.0.0.1", 25).await.unwrap(), ["127.0.0.1:25".parse().unwrap()]);
        drop(held);
    }
}
