//! HAProxy before the replicas: the PROXY protocol, and nobody is sent to one that is not ready.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::sleep;

use crate::replica::{Places, place};

/// Where programs connect to.
pub(crate) struct Balancer {
    pub(crate) smtp: SocketAddr,
    pub(crate) imap: SocketAddr,
    pub(crate) pages: SocketAddr,
    child: Child,
}

/// One of the addresses of a replica.
type Door = fn(&Places) -> SocketAddr;

const HEAD: &str = "
global
  maxconn 4000
defaults
  mode tcp
  timeout connect 3s
  timeout check 3s
  timeout client 10m
  timeout server 10m
  option redispatch 1
  retries 3
  balance roundrobin
  option httpchk GET /readyz?exclude=tokens,store
  default-server inter 300ms fastinter 100ms fall 2 rise 1
";

impl Balancer {
    pub(crate) async fn before(replicas: &[Places], pages: SocketAddr, directory: &Path) -> Self {
        let (smtp, imap) = (place(), place());
        let mut text = HEAD.to_owned();
        let kinds: [(&str, SocketAddr, Door, &str); 3] = [
            ("smtp", smtp, |places| places.smtp, "send-proxy-v2"),
            ("imap", imap, |places| places.imap, "send-proxy-v2"),
            ("pages", pages, |places| places.admin, ""),
        ];
        for (name, address, of, header) in kinds {
            let _ = write!(text, "listen {name}\n  bind {address}\n");
            text += if name == "pages" { "  mode http\n  option forwardfor\n" } else { "" };
            for (number, places) in replicas.iter().enumerate() {
                let (server, admin) = (of(places), places.admin);
                let _ = writeln!(
                    text,
                    "  server r{number} {server} check addr {} port {} {header}",
                    admin.ip(),
                    admin.port()
                );
            }
        }
        let file = directory.join("haproxy.cfg");
        std::fs::write(&file, text).unwrap();
        let log = std::fs::File::create(directory.join("haproxy.log")).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "/usr/sbin/haproxy", "-db", "-f"]).arg(file);
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let balancer = Self { smtp, imap, pages, child };
        balancer.answers(directory).await;
        balancer
    }

    #[allow(dead_code, reason = "the bench asks")]
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    async fn answers(&self, directory: &Path) {
        for _ in 0..600 {
            if tokio::net::TcpStream::connect(self.imap).await.is_ok() {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!(
            "HAProxy does not start: {}",
            std::fs::read_to_string(directory.join("haproxy.log")).unwrap_or_default()
        );
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
