//! Throw-away PostgreSQL clusters on loopback. One ends with the process that made it, however that ends: a guardian waits for
//! the end of its standard input.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::bench::Process;

/// A PostgreSQL server with a cluster of its own.
#[derive(Clone, Debug)]
pub struct Postgres {
    cluster: Arc<Cluster>,
}

#[derive(Debug)]
struct Cluster {
    programs: PathBuf,
    directory: PathBuf,
    port: u16,
    guardian: Child,
}

static SHARED: OnceCell<Option<Postgres>> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);
static CLUSTERS: AtomicU32 = AtomicU32::new(0);

/// Outside the range from which the kernel gives ports to whoever asks for any, so that a server finds its own free again.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Small, and quick rather than durable: no machine crashes here. What crashes are processes, and that is survived.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
max_connections = 300
shared_buffers = 16MB
fsync = off
full_page_writes = off
dynamic_shared_memory_type = mmap
autovacuum_naptime = 5min
max_wal_senders = 4
hot_standby = on
log_min_messages = warning
lc_messages = 'C'
timezone = 'UTC'
";

/// Ends what is left of a server and removes its files.
const GUARDIAN: &str = r#"cat >/dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then
  pkill -CONT -P "$pid"; kill -CONT "$pid"; kill -QUIT "$pid"
  i=0
  while [ $i -lt 100 ] && grep -q '^State:.[^ZX]' "/proc/$pid/status"; do i=$((i + 1)); sleep 0.1; done
  pkill -KILL -P "$pid"; kill -KILL "$pid"
fi
rm -rf "$1""#;

impl Postgres {
    /// The one server that the tests of a process share; none where PostgreSQL is not installed, which is said.
    pub async fn shared() -> Option<Self> {
        SHARED.get_or_init(Self::own).await.clone()
    }

    /// A server of one's own, to be stopped and worse.
    pub async fn own() -> Option<Self> {
        let Some(programs) = programs() else {
            // Past the test harness, which would keep it.
            let _ = io::Write::write_all(
                &mut io::stderr(),
                b"\n*** SKIPPED: tests with PostgreSQL: it is not installed ***\n",
            );
            return None;
        };
        let cluster = aside(move || Cluster::make(programs)).await;
        Some(Self { cluster: Arc::new(cluster) })
    }

    /// The URL of a fresh database.
    pub async fn database(&self) -> String {
        let name = format!("t{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        self.query(&format!("CREATE DATABASE {name}")).await;
        self.url(&name)
    }

    /// The URL of a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.cluster.port)
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.cluster.port
    }

    /// The directory with its files: `data` and the socket.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.cluster.directory
    }

    /// What the superuser is answered, in the database `postgres`: rows as lines, fields divided by `|`.
    pub async fn query(&self, sql: &str) -> String {
        self.query_in("postgres", sql).await
    }

    /// The same in another database.
    pub async fn query_in(&self, database: &str, sql: &str) -> String {
        let (cluster, database, sql) = (Arc::clone(&self.cluster), database.to_owned(), sql.to_owned());
        aside(move || cluster.query(&database, &sql)).await
    }

    /// Stops it as an administrator does: connections are closed, and the last checkpoint is made.
    pub async fn stop(&self) {
        let cluster = Arc::clone(&self.cluster);
        aside(move || cluster.control(&["stop", "-m", "fast"])).await;
    }

    /// Starts it again, on the same port.
    pub async fn start(&self) {
        let cluster = Arc::clone(&self.cluster);
        aside(move || assert!(cluster.starts(), "{}", cluster.log())).await;
    }

    /// Kills all of it at once.
    pub async fn kill(&self) {
        let cluster = Arc::clone(&self.cluster);
        aside(move || cluster.kill()).await;
    }

    /// Stops all of its processes in their tracks: connections stay, nothing answers.
    pub async fn freeze(&self) {
        let cluster = Arc::clone(&self.cluster);
        aside(move || signal("STOP", &cluster.processes())).await;
    }

    /// Lets them go on.
    pub async fn thaw(&self) {
        let cluster = Arc::clone(&self.cluster);
        aside(move || signal("CONT", &cluster.processes())).await;
    }

    /// A server that follows this one, and takes no writes until it is promoted.
    pub async fn standby(&self) -> Self {
        let cluster = Arc::clone(&self.cluster);
        let standby = aside(move || Cluster::following(&cluster)).await;
        Self { cluster: Arc::new(standby) }
    }

    /// Makes a standby the one that takes writes, once it has all that was written.
    pub async fn promote(&self) {
        let cluster = Arc::clone(&self.cluster);
        aside(move || cluster.control(&["promote"])).await;
    }

    /// Has it speak TLS too, with this certificate and key.
    pub async fn speak_tls(&self, certificate: &str, key: &str) {
        let (cluster, texts) = (Arc::clone(&self.cluster), [certificate.to_owned(), key.to_owned()]);
        aside(move || cluster.place(["server.crt", "server.key"], &texts)).await;
        self.set("ssl = on\n").await;
    }

    /// Has it read its settings anew, after these were added.
    pub async fn set(&self, settings: &str) {
        let (cluster, settings) = (Arc::clone(&self.cluster), settings.to_owned());
        aside(move || {
            append(&cluster.data().join("postgresql.conf"), &settings);
            cluster.control(&["reload"]);
        })
        .await;
    }
}

/// Off the runtime's threads.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work).await.expect("the work of a test panicked")
}

/// Where the newest server is; Debian keeps several beside each other.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = versions.map(|entry| entry.path()).filter(|path| path.join("bin/initdb").exists()).max_by_key(number);
    let beside = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|directory| directory.join("initdb").exists())
    };
    newest.map(|path| path.join("bin")).or_else(beside)
}

impl Cluster {
    fn make(programs: PathBuf) -> Self {
        let mut cluster = Self::empty(programs);
        let options = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"];
        done(cluster.program("initdb").args(options).arg("-D").arg(cluster.data()));
        cluster.set_up(SETTINGS);
        cluster
    }

    /// A copy of another, which it follows.
    fn following(primary: &Self) -> Self {
        let mut cluster = Self::empty(primary.programs.clone());
        let mut copy = cluster.program("pg_basebackup");
        copy.args(["-R", "-X", "stream", "-c", "fast", "--no-sync", "-U", "postgres", "-p", &primary.port.to_string()]);
        done(copy.arg("-h").arg(&primary.directory).arg("-D").arg(cluster.data()));
        cluster.set_up("");
        cluster
    }

    fn set_up(&mut self, settings: &str) {
        let socket = format!("unix_socket_directories = '{}'\n", self.directory.display());
        append(&self.data().join("postgresql.conf"), &format!("{settings}{socket}"));
        self.find_port();
    }

    /// A directory, and who takes it away.
    fn empty(programs: PathBuf) -> Self {
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let own = std::process::id();
        let directory = std::env::temp_dir().join(format!("gatepost-postgres-{own}-{number}"));
        let mut install = Command::new("install");
        install.arg("-d").args(["-m", "700"]).args(owner().map(|user| ["-o", user]).into_iter().flatten());
        done(install.arg(&directory));
        let guardian = guard(&directory);
        let first = PORTS.start + u16::try_from((own * 7 + number * 997) % u32::from(PORTS.end - PORTS.start)).unwrap();
        Self { programs, directory, port: first, guardian }
    }

    /// Files in the data's directory, for its own user alone.
    fn place(&self, names: [&str; 2], texts: &[String; 2]) {
        for (name, text) in names.into_iter().zip(texts) {
            let here = self.directory.join(name);
            fs::write(&here, text).expect("a file for PostgreSQL");
            let mut install = Command::new("install");
            install.args(["-m", "600"]).args(owner().map(|user| ["-o", user]).into_iter().flatten());
            done(install.arg(&here).arg(self.data().join(name)));
        }
    }

    /// Somebody else may take the port between a look and the start.
    fn find_port(&mut self) {
        for _ in 0..100 {
            if TcpListener::bind(("127.0.0.1", self.port)).is_ok() && self.starts() {
                return;
            }
            self.port = if self.port + 1 < PORTS.end { self.port + 1 } else { PORTS.start };
        }
        panic!("PostgreSQL does not start: {}", self.log());
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// A program of PostgreSQL, as somebody that it does not refuse.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut command = match owner() {
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", user, "--regid", user, "--clear-groups"]).arg(path);
                command
            }
            None => Command::new(path),
        };
        command.current_dir(&self.directory).env("LC_ALL", "C").stdin(Stdio::null());
        command
    }

    fn starts(&self) -> bool {
        let port = format!("-p {}", self.port);
        let mut command = self.program("pg_ctl");
        command.arg("-D").arg(self.data()).arg("-l").arg(self.directory.join("log"));
        // The server would keep a pipe open.
        command.args(["-w", "-t", "120", "-o", &port, "start"]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    fn control(&self, deed: &[&str]) {
        done(self.program("pg_ctl").arg("-D").arg(self.data()).args(["-w", "-t", "120"]).args(deed));
    }

    fn query(&self, database: &str, sql: &str) -> String {
        let mut psql = self.program("psql");
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "postgres",
            "-p",
            &self.port.to_string(),
            "-h",
        ]);
        let output = done(psql.arg(&self.directory).args(["-d", database, "-c", sql]));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn postmaster(&self) -> Option<u32> {
        fs::read_to_string(self.data().join("postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
    }

    fn processes(&self) -> Vec<u32> {
        self.postmaster().map(|pid| Process::of(pid).all()).unwrap_or_default()
    }

    /// The first first: it would clean up after the others.
    fn kill(&self) {
        let processes = self.processes();
        signal("KILL", &processes);
        while processes.iter().any(|pid| Process::of(*pid).lives()) {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        // Where nobody reaps the dead, PostgreSQL takes them for living.
        let lock = self.directory.join(format!(".s.PGSQL.{}.lock", self.port));
        for mark in [self.data().join("postmaster.pid"), lock] {
            fs::remove_file(mark).expect("the mark of a server that ran");
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.guardian.stdin.take());
        let _ = self.guardian.wait();
    }
}

/// Root must not run it, and has this user for it.
fn owner() -> Option<&'static str> {
    let root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    root.then_some("postgres")
}

/// In a group of its own, so that a key on the terminal does not end it first.
fn guard(directory: &Path) -> Child {
    let mut command = Command::new("sh");
    command
        .args(["-c", GUARDIAN, "sh"])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().expect("no sh")
}

fn signal(name: &str, processes: &[u32]) {
    let mut command = Command::new("kill");
    // One may have ended meanwhile.
    let _ = command.args(["-s", name]).args(processes.iter().map(u32::to_string)).stderr(Stdio::null()).status();
}

fn append(file: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().append(true).open(file).expect("PostgreSQL's settings");
    io::Write::write_all(&mut file, text.as_bytes()).expect("PostgreSQL's settings");
}

fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|fault| panic!("{command:?}: {fault}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_is_stopped_killed_and_frozen_and_keeps_what_it_has() {
        let Some(server) = Postgres::own().await else { return };
        server.query("CREATE TABLE kept AS SELECT 7 AS number").await;
        for killed in [false, true] {
            if killed {
                server.kill().await;
            } else {
                server.stop().await;
            }
            assert!(std::net::TcpStream::connect(("127.0.0.1", server.port())).is_err());
            server.start().await;
            assert_eq!(server.query("SELECT number FROM kept").await, "7");
        }
        server.freeze().await;
        let asking = tokio::spawn({
            let server = server.clone();
            async move { server.query("SELECT 8").await }
        });
        assert!(!server.cluster.processes().is_empty());
        assert!(!asking.is_finished());
        server.thaw().await;
        assert_eq!(asking.await.unwrap(), "8");
        let url = server.database().await;
        assert_eq!(server.query_in(url.rsplit('/').next().unwrap(), "SELECT 9").await, "9");
        let directory = server.directory().to_owned();
        drop(server);
        assert!(!directory.exists());
    }
}
