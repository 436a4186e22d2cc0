//! A name may have several addresses, of which one leads nowhere without a word, and another to a server that takes no writes.

use std::net::IpAddr;

use tokio::net::lookup_host;
use tokio::time::{Instant, timeout};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::connect::port;
use super::fault::{Fault, text};

/// One for each address of a server, the one that was `good` first. By TLS it is known by its name all the same.
pub(super) async fn each(server: &Config, good: Option<IpAddr>) -> Result<Vec<Config>, Fault> {
    let Some(Host::Tcp(name)) = server.get_hosts().first() else { return Ok(vec![server.clone()]) };
    let found = lookup_host((name.as_str(), port(server))).await;
    let found = found.map_err(|fault| Fault::Unreachable(format!("{name} has no address: {fault}")))?;
    let mut addresses: Vec<_> = found.map(|address| address.ip()).collect();
    addresses.sort_by_key(|address| Some(*address) != good);
    addresses.dedup();
    let with = |address: IpAddr| {
        let mut server = server.clone();
        server.hostaddr(address);
        server
    };
    Ok(addresses.into_iter().map(with).collect())
}

/// Tries them in turn, until one succeeds or the time is over. Each has its part of the time that is left.
pub(super) async fn first<T, F>(servers: Vec<Config>, end: Instant, attempt: impl Fn(Config) -> F) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let (mut left, is_one) = (u32::try_from(servers.len()).unwrap_or(u32::MAX), servers.len() == 1);
    let mut faults = Vec::new();
    for server in servers {
        let address = server.get_hostaddrs().first().copied();
        let patience = end.saturating_duration_since(Instant::now()) / left.max(1);
        left = left.saturating_sub(1);
        let fault = match timeout(patience, attempt(server)).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(Fault::Unreachable(fault))) => fault,
            Ok(Err(Fault::Postgres(fault))) => text(&fault),
            Ok(Err(fault)) => return Err(fault),
            Err(_) => format!("no answer within {:.1} s", patience.as_secs_f64()),
        };
        faults.push(match address {
            Some(address) if !is_one => format!("{address}: {fault}"),
            _ => fault,
        });
    }
    Err(Fault::Unreachable(faults.join("; ")))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn servers() -> Vec<Config> {
        let address = |last| {
            let mut server = Config::new();
            server.host("db.example").hostaddr([192, 0, 2, last].into());
            server
        };
        [1, 2, 3].map(address).into()
    }

    fn is(server: &Config, last: u8) -> bool {
        server.get_hostaddrs() == [IpAddr::from([192, 0, 2, last])]
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_leads_nowhere_hides_no_other() {
        let end = Instant::now() + Duration::from_secs(3);
        let found = first(servers(), end, |server| async move {
            match () {
                () if is(&server, 1) => std::future::pending().await,
                () if is(&server, 2) => Err(Fault::Unreachable("takes no writes".into())),
                () => Ok(server),
            }
        });
        assert!(is(&found.await.ok().unwrap(), 3));
        assert!(Instant::now() < end);
    }

    #[tokio::test(start_paused = true)]
    async fn all_of_them_have_no_longer_than_one() {
        let end = Instant::now() + Duration::from_secs(3);
        let found = first(servers(), end, |server| async move {
            if is(&server, 2) {
                return Err(Fault::Unreachable("takes no writes".into()));
            }
            std::future::pending::<Result<(), Fault>>().await
        });
        let Err(Fault::Unreachable(fault)) = found.await else { panic!() };
        assert_eq!(
            fault,
            "192.0.2.1: no answer within 1.0 s; 192.0.2.2: takes no writes; 192.0.2.3: no answer within 2.0 s"
        );
        assert_eq!(Instant::now(), end);
    }

    #[tokio::test]
    async fn the_address_that_was_good_comes_first_and_the_name_stays() {
        let mut server = Config::new();
        server.host("127.0.0.1");
        let good = Some([127, 0, 0, 1].into());
        let found = each(&server, good).await.ok().unwrap();
        assert_eq!(found.iter().map(Config::get_hostaddrs).collect::<Vec<_>>(), [[IpAddr::from([127, 0, 0, 1])]]);
        assert_eq!(found[0].get_hosts(), [Host::Tcp("127.0.0.1".into())]);
        let socket = Config::new().host_path("/run/postgresql").clone();
        assert!(each(&socket, good).await.ok().unwrap()[0].get_hostaddrs().is_empty());
    }
}
