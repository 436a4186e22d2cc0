//! What the process gives up for good once it knows what it needs: files that are not its own, new privileges, core files.
//!
//! Invariant: the restriction is a thread's and goes on to the threads that it starts, so that it is put on while there is no
//! other. Whoever is left out must be started before, and on purpose. Nothing here is fatal: a kernel that lacks a part of it
//! leaves that part out, and the report says so.

use std::fmt;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, LandlockStatus, RestrictionStatus, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, path_beneath_rules,
};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

/// The files that are left. A directory stands for all that is in it, now and later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// May be read.
    pub read: Vec<PathBuf>,
    /// May be read, written, made and removed.
    pub write: Vec<PathBuf>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// Which files can be reached.
    pub landlock: Landlock,
    /// No program that is run can gain a privilege.
    pub no_new_privs: bool,
    /// No core file is written, and no other process of the same user can look into this one.
    pub core: bool,
}

/// How far the kernel keeps files out of reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landlock {
    /// All that was asked for, by this version of it.
    Full(String),
    /// A part: the kernel is older.
    Part(String),
    /// Nothing, for this reason.
    None(String),
}

/// What is asked for: all of the file system. The network is no matter of it: providers may be anywhere.
const ASKED: ABI = ABI::V5;

impl Paths {
    /// Whether a file could be read, or written, as far as these paths say.
    #[must_use]
    pub fn reach(&self, path: &Path, write: bool) -> bool {
        let within = |paths: &[PathBuf]| paths.iter().any(|directory| path.starts_with(directory));
        within(&self.write) || !write && within(&self.read)
    }

    /// Keeps this thread, and those that it starts from now on, to these paths; and whether they can gain no privileges.
    #[must_use]
    pub fn keep_to(&self) -> (Landlock, bool) {
        match self.restrict() {
            Ok(status) => (Landlock::of(&status), status.no_new_privs),
            Err(fault) => (Landlock::None(fault.to_string()), prctl::set_no_new_privs().is_ok()),
        }
    }

    fn restrict(&self) -> Result<RestrictionStatus, RulesetError> {
        // No path may run a program: nothing that this process does itself wants that.
        let read = AccessFs::from_read(ASKED) & !BitFlags::from(AccessFs::Execute);
        let devices = AccessFs::MakeChar | AccessFs::MakeBlock;
        let write = (AccessFs::from_all(ASKED) & !BitFlags::from(AccessFs::Execute)) & !devices;
        Ruleset::default()
            .handle_access(AccessFs::from_all(ASKED))?
            .create()?
            .add_rules(path_beneath_rules(&self.read, read))?
            .add_rules(path_beneath_rules(&self.write, write))?
            .restrict_self()
    }
}

/// Gives everything up but these files. Only before there is another thread.
#[must_use]
pub fn enter(paths: &Paths) -> Entered {
    let small = setrlimit(Resource::RLIMIT_CORE, 0, 0).is_ok();
    let closed = prctl::set_dumpable(false).is_ok();
    let (landlock, no_new_privs) = paths.keep_to();
    Entered { landlock, no_new_privs, core: !(small && closed) }
}

impl Entered {
    /// Whether nothing is missing.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        matches!(self.landlock, Landlock::Full(_)) && self.no_new_privs && !self.core
    }
}

impl Landlock {
    fn of(status: &RestrictionStatus) -> Self {
        let version = match &status.landlock {
            LandlockStatus::Available { effective_abi, .. } => format!("{effective_abi:?}").to_lowercase(),
            LandlockStatus::NotEnabled => return Self::None("the kernel has it switched off".into()),
            LandlockStatus::NotImplemented => return Self::None("the kernel does not have it".into()),
        };
        match status.ruleset {
            RulesetStatus::FullyEnforced => Self::Full(version),
            RulesetStatus::PartiallyEnforced => Self::Part(version),
            RulesetStatus::NotEnforced => Self::None("the kernel does not take it".into()),
        }
    }
}

impl fmt::Display for Landlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(version) => f.write_str(version),
            Self::Part(version) => write!(f, "{version}, in part"),
            Self::None(why) => write!(f, "none: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;

    use super::*;

    /// On a thread of its own, which alone is restricted.
    #[test]
    fn what_is_not_named_is_out_of_reach_and_what_is_replaced_stays_in() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        for name in ["mine", "shown", "hidden"] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("file"), name).unwrap();
        }
        let paths = Paths { read: vec![at("shown"), at("nowhere")], write: vec![at("mine")] };
        let (landlock, no_new_privs, found) = std::thread::spawn({
            let (mine, shown, hidden) = (at("mine"), at("shown"), at("hidden"));
            move || {
                let (landlock, no_new_privs) = paths.keep_to();
                let found = [
                    fs::read(mine.join("file")).map(drop),
                    fs::write(mine.join("new"), "").and_then(|()| fs::rename(mine.join("new"), mine.join("file"))),
                    fs::remove_file(mine.join("file")),
                    fs::read(shown.join("file")).map(drop),
                    fs::write(shown.join("file"), ""),
                    fs::read(hidden.join("file")).map(drop),
                    fs::write(hidden.join("new"), ""),
                    fs::read_dir(&hidden).map(drop),
                    fs::rename(mine.join("x"), hidden.join("x")),
                    std::process::Command::new("/bin/true").status().map(drop),
                ];
                (landlock, no_new_privs, found.map(|found| found.map_err(|fault| fault.kind())))
            }
        })
        .join()
        .unwrap();
        assert!(no_new_privs);
        if let Landlock::None(why) = landlock {
            // Best effort: where the kernel has none, the report is all that there is to see.
            assert!(found[5].is_ok(), "{why}");
            return;
        }
        let [read, renamed, removed, shown, written, hidden, made, listed, moved, run] = found;
        assert_eq!([read, renamed, removed, shown], [Ok(()); 4]);
        for denied in [written, hidden, made, listed, run] {
            assert_eq!(denied, Err(ErrorKind::PermissionDenied));
        }
        assert!(moved.is_err());
        // Whoever is outside goes on.
        assert_eq!(fs::read_to_string(at("hidden/file")).unwrap(), "hidden");
    }

    #[test]
    fn what_paths_reach_is_told_without_trying() {
        let paths = Paths { read: vec!["/etc".into()], write: vec!["/var/lib/gatepost".into()] };
        for (path, write, reached) in [
            ("/etc/gatepost/secrets/x", false, true),
            ("/etc/gatepost/secrets/x", true, false),
            ("/etcetera", false, false),
            ("/var/lib/gatepost/gatepost.db", true, true),
            ("/srv/x", false, false),
        ] {
            assert_eq!(paths.reach(Path::new(path), write), reached, "{path}");
        }
    }

    #[test]
    fn the_report_says_what_is_missing() {
        let whole = Entered { landlock: Landlock::Full("v5".into()), no_new_privs: true, core: false };
        assert!(whole.is_whole());
        assert!(
            !Entered { landlock: Landlock::None("the kernel does not have it".into()), ..whole.clone() }.is_whole()
        );
        assert!(!Entered { core: true, ..whole }.is_whole());
        assert_eq!(Landlock::Part("v2".into()).to_string(), "v2, in part");
    }
}
