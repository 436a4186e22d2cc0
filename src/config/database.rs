use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};

use super::reader::Table;
use super::secret;

/// A PostgreSQL database that several replicas share.
#[derive(Clone)]
pub struct Database {
    /// Its servers, of which one takes writes. The password is in them.
    pub servers: Vec<tokio_postgres::Config>,
    /// As people know it: the URL without a password.
    pub shown: String,
    /// How its servers are known; none speaks in clear.
    pub tls: Option<DatabaseTls>,
}

/// How the database's servers are known: by a certificate for the name in the URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseTls {
    /// The authority beside the system's.
    pub ca: Option<PathBuf>,
}

/// A password is in it.
impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database({}, {:?})", self.shown, self.tls)
    }
}

const WHAT: &str = "\"postgres://USER@HOST:PORT/DATABASE\", several hosts divided by commas, with sslmode and sslrootcert behind a `?`";
const MODES: &str = "sslmode=disable, sslmode=require or sslmode=verify-full";

/// Whether it names a PostgreSQL database.
#[must_use]
pub fn is_database(url: &str) -> bool {
    url.starts_with("postgres:") || url.starts_with("postgresql:")
}

/// Reads `url` and `password`. Nothing of the URL goes into an error: its parts may be those of a password that was not escaped.
pub(super) fn read(table: &Table<'_>, url: &str) -> Option<Database> {
    let Parts { plain, mode, ca } = Parts::of(url);
    let ca = match ca {
        Some(path) => Some(authority(table, &path)?),
        None => None,
    };
    // The second of either is part of something that was not escaped.
    let base = plain.split_once("://").map_or("", |(_, rest)| rest.split('?').next().unwrap_or_default());
    let escaped = base.matches('@').count() <= 1 && base.matches('/').count() <= 1;
    let Some(parsed) =
        plain.parse::<tokio_postgres::Config>().ok().filter(|parsed| escaped && !parsed.get_hosts().is_empty())
    else {
        let hint = "in a user name or password, write @ / : ? # % as %40 %2F %3A %3F %23 %25; or put the password into [store] password";
        table.error("url", "the URL cannot be read".into(), Some(WHAT.into()), Some(hint.into()));
        return None;
    };
    let password = if table.absent("password") { None } else { Some(secret::read(table, "password")?) };
    if password.is_some() && parsed.get_password().is_some() {
        table.error("password", "there is a password in `url`, too".into(), None, Some("take one of them out".into()));
        return None;
    }
    let shown = shown(&parsed);
    let tls = match mode {
        None if parsed.get_hosts().iter().all(is_here) && ca.is_none() => None,
        Some("disable") => None,
        None | Some("require" | "verify-full") => Some(DatabaseTls { ca }),
        Some(_) => {
            table.error(
                "url",
                "this sslmode is not known, or lets somebody between read everything".into(),
                Some(MODES.into()),
                None,
            );
            return None;
        }
    };
    Some(Database { servers: servers(&parsed, password.as_ref(), tls.is_some()), shown, tls })
}

/// Whether a password stands in a URL, or may stand in one that cannot be read.
#[must_use]
pub fn may_hold_password(url: &str) -> bool {
    if let Ok(parsed) = Parts::of(url).plain.parse::<tokio_postgres::Config>() {
        return parsed.get_password().is_some();
    }
    let user = url.rsplit_once('@').map_or("", |(user, _)| user);
    let user = user.split_once("://").map_or(user, |(_, user)| user);
    user.contains(':') || url.contains("password=")
}

/// A URL without `sslmode` and `sslrootcert`, which the client library does not know as libpq does, and these.
struct Parts<'a> {
    plain: String,
    mode: Option<&'a str>,
    ca: Option<String>,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Self {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut ca, mut rest) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                // The system's authorities are there anyway, and the server that takes writes is looked for.
                Some(("sslrootcert", "system") | ("target_session_attrs" | "load_balance_hosts", _)) => {}
                Some(("sslrootcert", _)) => {
                    ca = url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, path)| path.into_owned());
                }
                _ => rest.push(pair),
            }
        }
        let rest = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
        Self { plain: format!("{base}{rest}"), mode, ca }
    }
}

/// The file that `sslrootcert` names.
fn authority(table: &Table<'_>, path: &str) -> Option<PathBuf> {
    let ca = table.directory("url").join(path);
    table.layers().names(&ca);
    if ca.is_file() {
        return Some(ca);
    }
    table.error("url", format!("sslrootcert: there is no file {}", ca.display()), None, None);
    None
}

/// Nobody can listen on the way there.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()),
    }
}

fn shown(parsed: &tokio_postgres::Config) -> String {
    let port = |at: usize| parsed.get_ports().get(at).or(parsed.get_ports().first()).copied().unwrap_or(5432);
    let hosts = parsed.get_hosts().iter().enumerate().map(|(at, host)| match host {
        Host::Tcp(name) => format!("{name}:{}", port(at)),
        Host::Unix(path) => path.display().to_string(),
    });
    let name = parsed.get_dbname().or(parsed.get_user()).unwrap_or("postgres");
    format!("postgres://{}/{name}", hosts.collect::<Vec<_>>().join(","))
}

/// One for each host, so that each has its own time.
fn servers(parsed: &tokio_postgres::Config, password: Option<&SecretString>, tls: bool) -> Vec<tokio_postgres::Config> {
    let one = |(at, host): (usize, &Host)| {
        let mut server = tokio_postgres::Config::new();
        match host {
            Host::Tcp(name) => server.host(name),
            Host::Unix(path) => server.host_path(path),
        };
        let port = parsed.get_ports().get(at).or(parsed.get_ports().first()).copied().unwrap_or(5432);
        let user = parsed.get_user().unwrap_or("gatepost");
        server.port(port).user(user).dbname(parsed.get_dbname().unwrap_or(user)).application_name("gatepost");
        if let Some(options) = parsed.get_options() {
            server.options(options);
        }
        let written = parsed.get_password();
        if let Some(octets) = password.map(|password| password.expose_secret().as_bytes()).or(written) {
            server.password(octets);
        }
        server.ssl_mode(if tls { SslMode::Require } else { SslMode::Disable });
        server.target_session_attrs(TargetSessionAttrs::Any).load_balance_hosts(LoadBalanceHosts::Disable);
        server.channel_binding(parsed.get_channel_binding());
        // A partner that has vanished is noticed, whatever the kernel's own patience is.
        server
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(3))
            .keepalives_retries(3);
        server.tcp_user_timeout(Duration::from_secs(15));
        server
    };
    parsed.get_hosts().iter().enumerate().map(one).collect()
}
