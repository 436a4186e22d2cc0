//! Files that hold keys: for their owner alone, and whole at any moment.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use zeroize::Zeroizing;

/// Makes a new file; never overwrites.
pub(in crate::cli) fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = writeln!(file, "{text}").and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a key would be in the way of the next attempt. The reason is told, not this.
        drop(std::fs::remove_file(path));
    }
    written
}

/// The file of the store's key, which nobody else changes meanwhile.
pub(super) struct KeyFile {
    path: PathBuf,
    /// Locked: two changes at a time could lose the key that the store is sealed with.
    directory: File,
}

impl KeyFile {
    /// Waits for nobody: another change under way is an error.
    pub(super) fn lock(path: &Path) -> anyhow::Result<Self> {
        // A link stays; what it leads to is replaced.
        let path = path.canonicalize().with_context(|| format!("cannot find {}", path.display()))?;
        let parent = path.parent().context("the key file has no directory")?;
        let directory = File::open(parent).with_context(|| format!("cannot open {}", parent.display()))?;
        match directory.try_lock() {
            Ok(()) => Ok(Self { path, directory }),
            Err(std::fs::TryLockError::WouldBlock) => bail!("another `gatepost key rotate` is at work; wait for it"),
            Err(std::fs::TryLockError::Error(fault)) => {
                Err(fault).with_context(|| format!("cannot lock {}", parent.display()))
            }
        }
    }

    /// Replaces its keys, one a line. A crash leaves either the old file or the new one.
    pub(super) fn replace(&self, keys: &[&str]) -> anyhow::Result<()> {
        self.written(keys).with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn written(&self, keys: &[&str]) -> io::Result<()> {
        let owner = std::fs::metadata(&self.path)?;
        let beside = self.beside();
        // What a crash has left there.
        if let Err(fault) = std::fs::remove_file(&beside)
            && fault.kind() != io::ErrorKind::NotFound
        {
            return Err(fault);
        }
        let text = Zeroizing::new(keys.join("\n"));
        let replaced = create(&beside, &text).and_then(|()| {
            let file = File::open(&beside)?;
            let made = file.metadata()?;
            if (made.uid(), made.gid()) != (owner.uid(), owner.gid()) {
                fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
                file.sync_all()?;
            }
            std::fs::rename(&beside, &self.path)
        });
        if replaced.is_err() {
            // The reason is told, not this.
            drop(std::fs::remove_file(&beside));
        }
        replaced.and_then(|()| self.directory.sync_all())
    }

    fn beside(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".new");
        PathBuf::from(name)
    }
}
