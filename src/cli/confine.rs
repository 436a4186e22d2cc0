//! The sandbox of the service: which files it needs, by its configuration and by what systems have.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tracing::{info, warn};

use super::{ConfigFile, outside};
use crate::config::{Address, Config};
use crate::sandbox::{Entered, Paths, enter};

/// What name resolution, TLS, the time and the C library read; and the devices that any program may want.
const SYSTEM: [&str; 21] = [
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/proc",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
    "/dev/random",
    "/dev/urandom",
    "/run/systemd",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/run/nscd",
    "/run/credentials",
    "/run/secrets",
    "/var/run/secrets",
    "/var/lib/sss",
    "/var/lib/extrausers",
    "/var/lib/ca-certificates",
    "/dev/zero",
];
/// Files of the system that are links on some, to anywhere: the last name is of a file in a directory that is one.
const LINKS: [&str; 6] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/localtime",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/certs/any",
];
/// `SQLite` keeps large sorts there.
const SCRATCH: [&str; 2] = ["/var/tmp", "/dev/null"];

/// What the process was kept to, if it was.
static KEPT: OnceLock<Paths> = OnceLock::new();

/// Before there is a thread; what came of it, for the log that is not open yet.
pub(super) fn confine(config: &Config, file: &Path) -> Option<Entered> {
    if !config.service.sandbox {
        return None;
    }
    // The administrator's own program may be anything, and want anything.
    if config.notify.as_ref().is_some_and(|notify| notify.command.is_some()) {
        outside::start();
    }
    let paths = paths(config, file);
    let entered = enter(&paths);
    let _ = KEPT.set(paths);
    Some(entered)
}

pub(super) fn tell(entered: Option<&Entered>) {
    let Some(entered) = entered else {
        return info!(landlock = "off: service.sandbox = false", "service.sandboxed");
    };
    let Entered { landlock, no_new_privs, core } = entered;
    let outside = outside::handle().map(|_| "notify.command");
    if entered.is_whole() {
        info!(%landlock, no_new_privs, core, outside, "service.sandboxed");
    } else {
        warn!(%landlock, no_new_privs, core, outside, "service.sandboxed");
    }
}

/// Refuses a configuration that the running service cannot reach all files of.
fn check(config: &Config, file: &Path) -> anyhow::Result<()> {
    let Some(kept) = KEPT.get() else { return Ok(()) };
    let new = paths(config, file);
    let out = |paths: &[PathBuf], write| {
        let missing = paths.iter().find(|path| path.exists() && !kept.reach(path, write));
        missing.map(|path| path.display().to_string())
    };
    if let Some(path) = out(&new.read, false).or_else(|| out(&new.write, true)) {
        anyhow::bail!(
            "{path} is out of reach of the sandbox, which knows what was named when the service started: that needs a restart; \
             nothing was changed"
        );
    }
    let command = config.notify.as_ref().is_some_and(|notify| notify.command.is_some());
    anyhow::ensure!(
        !command || outside::handle().is_some(),
        "notify.command runs outside the sandbox, which is closed since the start: that needs a restart; nothing was changed"
    );
    Ok(())
}

/// A configuration for the service that runs: read, and within its reach.
pub(super) fn reachable(file: &ConfigFile) -> anyhow::Result<Config> {
    let config = file.load().map_err(|errors| hinted(errors.into()))?;
    check(&config, &file.config)?;
    Ok(config)
}

/// What a fault of a reload may come of.
fn hinted(fault: anyhow::Error) -> anyhow::Error {
    let denied = format!("{fault:#}").contains("Permission denied");
    if denied && KEPT.get().is_some() {
        return fault.context(
            "a file may be out of reach of the sandbox, which knows what was named at the start: restart the service",
        );
    }
    fault
}

fn paths(config: &Config, file: &Path) -> Paths {
    let mut read: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    read.extend(std::env::current_exe().ok());
    read.extend(listed("SSL_CERT_FILE").chain(listed("SSL_CERT_DIR")).chain(listed("CREDENTIALS_DIRECTORY")));
    read.extend(LINKS.iter().flat_map(|link| around(Path::new(link))));
    read.extend(around(file));
    let files = config.files();
    read.extend(files.iter().flat_map(|file| around(file)));
    let mut write: Vec<PathBuf> = SCRATCH.iter().map(PathBuf::from).collect();
    write.push(std::env::temp_dir());
    for name in ["RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY"] {
        write.extend(listed(name));
    }
    let sockets =
        config.listeners.iter().flat_map(|listener| &listener.addresses).filter_map(|address| match address {
            Address::Unix(path) => Some(path),
            _ => None,
        });
    let own = [&config.store.path, &config.control.socket].into_iter().chain(&config.log.file).chain(sockets);
    write.extend(own.flat_map(|file| around(file)));
    write.extend(config.service.sandbox_paths.iter().flat_map(|path| real(path)));
    Paths { read: sorted(read), write: sorted(write) }
}

/// Directories of a variable, as systemd and OpenSSL write them.
fn listed(variable: &str) -> impl Iterator<Item = PathBuf> + use<> {
    let value = std::env::var_os(variable).unwrap_or_default();
    let paths: Vec<_> = std::env::split_paths(&value).filter(|path| path.is_absolute()).collect();
    paths.into_iter()
}

/// The directory of a file, where another may take its place; and those of the files that it links to, one behind the other, as
/// certbot keeps them.
fn around(file: &Path) -> Vec<PathBuf> {
    let mut directories = Vec::new();
    let mut file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    for _ in 0..MOST_LINKS {
        let Some(parent) = file.parent().map(Path::to_owned) else { break };
        directories.extend(real(&parent));
        let Ok(link) = std::fs::read_link(&file) else { break };
        file = parent.join(link);
    }
    directories
}

/// As the kernel has it.
const MOST_LINKS: usize = 40;

/// A path as it is written, and as it is.
fn real(path: &Path) -> Vec<PathBuf> {
    let real = path.canonicalize().ok().filter(|real| real != path);
    std::iter::once(path.to_owned()).chain(real).filter(|path| path.as_os_str() != OsStr::new("")).collect()
}

fn sorted(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.sort();
    paths.dedup();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_one_behind_the_other() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        for name in ["live", "archive", "other"] {
            std::fs::create_dir(root.join(name)).unwrap();
        }
        std::fs::write(root.join("archive/cert1.pem"), "").unwrap();
        std::os::unix::fs::symlink("../archive/cert1.pem", root.join("live/cert.pem")).unwrap();
        std::os::unix::fs::symlink(root.join("live/cert.pem"), root.join("other/cert.pem")).unwrap();
        let found = sorted(around(&root.join("other/cert.pem")));
        assert_eq!(found.iter().filter(|path| path.exists()).count(), found.len(), "{found:?}");
        for name in ["live", "archive", "other"] {
            assert!(found.contains(&root.join(name)), "{name}: {found:?}");
        }
        // One that leads round in circles ends.
        std::os::unix::fs::symlink("round", root.join("round")).unwrap();
        assert!(!around(&root.join("round")).is_empty());
    }
}
