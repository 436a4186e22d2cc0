use std::collections::HashMap;
use std::fs;

/// A process with all its descendants, as Linux tells of them.
#[derive(Clone, Copy, Debug)]
pub struct Process(u32);

/// What they take from the machine together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Resident, in KiB; what processes share counts for each of them.
    pub resident: u64,
    /// Resident, in KiB; what processes share counts once, split between them.
    pub proportional: u64,
    /// Open descriptors.
    pub descriptors: usize,
    /// Threads.
    pub threads: usize,
    /// Processes.
    pub processes: usize,
    /// Context switches of the threads that live, of their own will and not: each wake-up is one.
    pub switches: u64,
}

/// Parent, and the ticks of processor time with those of the children that were waited for.
type Stat = (u32, u64);

/// Ticks in a second; so on every Linux (`USER_HZ`).
pub(super) const TICKS: f64 = 100.0;

impl Process {
    /// The one with this number.
    #[must_use]
    pub const fn of(pid: u32) -> Self {
        Self(pid)
    }

    /// This one.
    #[must_use]
    pub fn own() -> Self {
        Self(std::process::id())
    }

    /// Processor time so far, in seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52")]
    pub fn processor(self) -> f64 {
        let all = stats();
        let ticks: u64 = self.tree(&all).iter().filter_map(|pid| all.get(pid)).map(|(_, ticks)| ticks).sum();
        ticks as f64 / TICKS
    }

    /// What it takes now.
    #[must_use]
    pub fn vitals(self) -> Vitals {
        let all = stats();
        let mut sum = Vitals::default();
        for pid in self.tree(&all) {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            sum.resident += number(&rollup, "Rss:");
            sum.proportional += number(&rollup, "Pss:");
            sum.descriptors += entries(&format!("/proc/{pid}/fd")).len();
            sum.processes += 1;
            for thread in entries(&format!("/proc/{pid}/task")) {
                let status = fs::read_to_string(format!("/proc/{pid}/task/{thread}/status")).unwrap_or_default();
                sum.switches +=
                    number(&status, "voluntary_ctxt_switches:") + number(&status, "nonvoluntary_ctxt_switches:");
                sum.threads += 1;
            }
        }
        sum
    }

    /// It and all its descendants, it first.
    pub(crate) fn all(self) -> Vec<u32> {
        self.tree(&stats())
    }

    /// Whether it is there, and has not ended.
    pub(crate) fn lives(self) -> bool {
        self.state().is_some_and(|state| state != 'Z')
    }

    fn state(self) -> Option<char> {
        fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?.rsplit_once(')')?.1.trim_start().chars().next()
    }

    fn tree(self, all: &HashMap<u32, Stat>) -> Vec<u32> {
        let mut found = vec![self.0];
        let mut next = 0;
        while let Some(&parent) = found.get(next) {
            found.extend(all.iter().filter(|(_, stat)| stat.0 == parent).map(|(pid, _)| pid));
            next += 1;
        }
        found
    }
}

fn stats() -> HashMap<u32, Stat> {
    let pids = entries("/proc").into_iter().filter_map(|name| name.parse().ok());
    pids.filter_map(|pid| Some((pid, stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))).collect()
}

/// See proc(5): behind the name, which may hold anything, come state, parent …, and four times from the twelfth on.
fn stat(line: &str) -> Option<Stat> {
    let fields: Vec<_> = line.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Some((fields.get(1)?.parse().ok()?, ticks))
}

fn number(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

fn entries(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_parenthesis_does_not_shift_the_fields() {
        let line = "42 (a) b) S 7 42 42 0 -1 4194560 100 0 0 0 11 22 3 4 20 0 1 0 100 200 300";
        assert_eq!(stat(line), Some((7, 40)));
    }

    #[test]
    fn this_process_and_its_child_are_counted() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let (own, other) = (Process::own().vitals(), Process::of(child.id()).vitals());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!((other.processes, other.threads), (1, 1));
        assert!(own.processes >= 2, "{own:?}");
        assert!(own.resident > other.resident && other.resident > 0, "{own:?} {other:?}");
        assert!(own.descriptors > 2 && own.switches > 0, "{own:?}");
        assert_eq!(Process::of(child.id()).vitals().resident, 0);
    }
}
