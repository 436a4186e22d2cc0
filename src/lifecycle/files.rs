//! Who has written a file: told by the kernel (inotify(7)), so that nobody has to look again and again.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::statfs::{self, FsType, statfs};
use tokio::net::unix::pipe;

/// Hears of what is done to files.
#[derive(Debug)]
pub struct Files(Inotify);

impl Files {
    /// Hears who writes this file. None where the kernel cannot tell, here and below: no more watches for this user, or a file
    /// system that others write behind its back.
    #[must_use]
    pub fn written(file: &Path) -> Option<Self> {
        Self::of([file], AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CLOSE_WRITE)
    }

    /// Hears when something else may be found under these names, or in these files: also where a link on the way leads elsewhere.
    #[must_use]
    pub fn found<'a>(files: impl IntoIterator<Item = &'a Path>) -> Option<Self> {
        let change = AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_ATTRIB;
        let moved = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVE;
        let gone = AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF;
        let directories: Vec<_> = files.into_iter().flat_map(directories).collect();
        Self::of(directories.iter().map(PathBuf::as_path), change | moved | gone)
    }

    fn of<'a>(paths: impl IntoIterator<Item = &'a Path>, mask: AddWatchFlags) -> Option<Self> {
        let files = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).ok()?;
        for path in paths {
            if !LOCAL.contains(&statfs(path).ok()?.filesystem_type()) {
                return None;
            }
            files.add_watch(path, mask).ok()?;
        }
        Some(Self(files))
    }

    /// Whether anything was done since this was asked last. Does not wait.
    #[must_use]
    pub fn heard(&self) -> bool {
        let mut heard = false;
        loop {
            match self.0.read_events() {
                Ok(events) if events.is_empty() => return heard,
                Ok(_) => heard = true,
                Err(Errno::EINTR) => {}
                Err(_) => return heard,
            }
        }
    }

    /// Ends when something is done. Where that cannot be waited for, never.
    pub async fn done(self) {
        // To the runtime it is like a pipe: it can be read, or not yet.
        match pipe::Receiver::from_owned_fd_unchecked(OwnedFd::from(self.0)) {
            Ok(events) => drop(events.readable().await),
            Err(_) => std::future::pending().await,
        }
    }
}

impl AsFd for Files {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whoever writes these goes through this kernel.
const LOCAL: [FsType; 9] = [
    statfs::EXT4_SUPER_MAGIC,
    statfs::BTRFS_SUPER_MAGIC,
    statfs::TMPFS_MAGIC,
    statfs::OVERLAYFS_SUPER_MAGIC,
    statfs::F2FS_SUPER_MAGIC,
    statfs::REISERFS_SUPER_MAGIC,
    // XFS, which musl has no name for; ZFS and bcachefs, for which no library has one.
    FsType(0x5846_5342),
    FsType(0x2fc1_2fc1),
    FsType(0xca45_1a4e),
];

/// As many links as the kernel follows.
const LINKS: usize = 40;

/// Where a name is looked up: its own directory, and those of the links on the way.
fn directories(file: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut names = vec![std::path::absolute(file).unwrap_or_else(|_| file.to_owned())];
    let mut links = 0;
    while let Some(name) = names.pop() {
        found.extend(name.parent().map(Path::to_owned));
        for (link, target) in name.ancestors().filter_map(|name| Some((name, name.read_link().ok()?))) {
            links += 1;
            if let (Some(directory), Ok(rest), true) = (link.parent(), name.strip_prefix(link), links <= LINKS) {
                found.push(directory.to_owned());
                names.push(directory.join(target).join(rest));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_write_is_heard_once() {
        let directory = tempfile::tempdir().unwrap();
        let [file, other] = ["file", "other"].map(|name| directory.path().join(name));
        std::fs::write(&file, "before").unwrap();
        let files = Files::written(&file).unwrap();
        std::fs::write(&other, "nobody wants to know").unwrap();
        assert!(!files.heard());
        std::fs::write(&file, "after").unwrap();
        assert!(files.heard() && !files.heard());
        assert!(Files::written(&directory.path().join("none")).is_none());
        assert!(Files::written(Path::new("/proc/self/status")).is_none(), "written behind the kernel's back");
    }

    /// As certbot, Kubernetes and people do it.
    #[tokio::test]
    async fn another_file_under_the_same_name_is_heard_however_it_came_there() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for version in ["1", "2"] {
            std::fs::create_dir(at(version)).unwrap();
            std::fs::write(at(version).join("cert.pem"), version).unwrap();
        }
        symlink("1", at("current")).unwrap();
        symlink("current/cert.pem", at("cert.pem")).unwrap();
        let deeds: [&dyn Fn(); 4] = [
            &|| std::fs::write(at("1/cert.pem"), "written anew").unwrap(),
            &|| {
                symlink("2", at("next")).unwrap();
                std::fs::rename(at("next"), at("current")).unwrap();
            },
            &|| std::fs::rename(at("2/cert.pem"), at("2/old.pem")).unwrap(),
            &|| std::fs::rename(at("2"), at("3")).unwrap(),
        ];
        for deed in deeds {
            let files = Files::found([at("cert.pem").as_path()]).unwrap();
            deed();
            files.done().await;
        }
    }
}
