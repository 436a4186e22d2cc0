//! What the system says of this process, by the names that every Prometheus client library gives them.

use std::fs;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use nix::unistd::{SysconfVar, sysconf};

use super::Sheet;
use crate::clock;

/// What the process takes of the machine. What the system does not tell is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// Open descriptors.
    pub descriptors: Option<u64>,
    /// How many there may be.
    pub most_descriptors: Option<u64>,
    /// Memory in use, in octets.
    pub resident: Option<u64>,
    /// Processor time, in seconds.
    pub cpu: Option<f64>,
    /// Threads.
    pub threads: Option<u64>,
    /// When it began, in seconds since 1970.
    pub started: Option<f64>,
}

impl Process {
    /// As it is now.
    #[must_use]
    pub fn now() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let system = fs::read_to_string("/proc/stat").unwrap_or_default();
        let booted = system.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok());
        // Where /proc shows nothing but processes (ProcSubset=pid in the unit).
        let booted = booted.or_else(since_boot);
        Self { descriptors: open(), most_descriptors: most(), ..Self::of(&stat, unit(SysconfVar::CLK_TCK), booted) }
    }

    /// `proc_pid_stat`(5); the name of the program may hold anything, also what looks like an end of it.
    fn of(stat: &str, tick: Option<f64>, booted: Option<f64>) -> Self {
        let fields: Vec<_> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<u64>().ok());
        let seconds = |number| Some(float(field(number)?) / tick?);
        Self {
            resident: field(24).zip(unit(SysconfVar::PAGE_SIZE)).map(|(pages, page)| pages * whole(page)),
            cpu: seconds(14).zip(seconds(15)).map(|(user, system)| user + system),
            threads: field(20),
            started: seconds(22).zip(booted).map(|(since, booted)| booted + since),
            ..Self::default()
        }
    }

    /// Writes it down.
    pub fn tell(&self, sheet: &mut Sheet) {
        #[expect(clippy::cast_precision_loss, reason = "nothing here is beyond 2^53")]
        let float = |count: Option<u64>| count.map(|count| count as f64);
        let all = [
            ("process_open_fds", float(self.descriptors)),
            ("process_max_fds", float(self.most_descriptors)),
            ("process_resident_memory_bytes", float(self.resident)),
            ("process_threads", float(self.threads)),
            ("process_cpu_seconds_total", self.cpu),
            ("process_start_time_seconds", self.started),
        ];
        for (name, value) in all {
            if let Some(value) = value {
                sheet.put(name, &[], value);
            }
        }
    }
}

/// When the system started, in seconds since 1970.
fn since_boot() -> Option<f64> {
    let up = clock_gettime(ClockId::CLOCK_BOOTTIME).ok().map(Duration::from)?;
    let now = Duration::from_millis(clock::now().timestamp_millis().try_into().ok()?);
    Some(now.checked_sub(up)?.as_secs_f64())
}

/// The one by which they are counted is not counted.
fn open() -> Option<u64> {
    let listed = u64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()?;
    Some(listed.saturating_sub(1))
}

fn most() -> Option<u64> {
    use nix::sys::resource::{Resource, getrlimit};
    getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft)
}

fn unit(name: SysconfVar) -> Option<f64> {
    let value = sysconf(name).ok().flatten()?;
    u32::try_from(value).ok().map(f64::from)
}

#[expect(clippy::cast_precision_loss, reason = "ticks since the start of a machine stay below 2^53")]
const fn float(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the size of a page is a whole number")]
const fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_a_strange_name_is_read_all_the_same() {
        let stat =
            "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 250 150 0 0 20 0 7 0 1000 999999 25 18446744073709551615";
        let process = Process::of(stat, Some(100.0), Some(1_000_000.0));
        assert_eq!((process.cpu, process.threads, process.started), (Some(4.0), Some(7), Some(1_000_010.0)));
        assert_eq!(process.resident.map(|resident| resident % 25), Some(0));
        assert_eq!(Process::of("", Some(100.0), None), Process::default());
    }

    #[test]
    fn this_process_is_known() {
        let process = Process::now();
        assert!(process.descriptors > Some(2) && process.most_descriptors >= process.descriptors, "{process:?}");
        assert!(process.resident > Some(100_000) && process.threads >= Some(1), "{process:?}");
        assert!(process.started.is_some_and(|started| started > 1e9), "{process:?}");
    }
}
