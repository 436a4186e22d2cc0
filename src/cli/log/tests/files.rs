//! Log files: in order and whole, put aside, moved away by others, and not writable.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::file::{LogFile, Unwritten};
use super::super::told::Told;
use super::*;

const NEVER: Rotation = Rotation { octets: 0, daily: false, keep: 5 };

fn lines(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("line {number:04}\n")).collect()
}

fn nothing(told: &Told<'_>) {
    panic!("{told:?}");
}

#[test]
fn a_file_is_for_its_owner_and_group_and_is_added_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    for numbers in [0..2, 2..3] {
        LogFile::new(path.clone(), NEVER).write(&lines(numbers), nothing).unwrap();
    }
    assert_eq!(read(&path), lines(0..3).concat());
    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & !0o640, 0, "{mode:o}");
    assert_eq!(mode & 0o600, 0o600, "{mode:o}");
}

#[test]
fn a_file_that_has_grown_is_put_aside_and_the_oldest_goes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let name = |number| directory.path().join(format!("log.{number}"));
    let rotation = Rotation { octets: 40, keep: 2, ..NEVER };
    let mut file = LogFile::new(path.clone(), rotation);
    file.write(&lines(0..10), nothing).unwrap();
    file.write(&lines(10..15), nothing).unwrap();
    // Ten octets a line, four lines a file.
    assert_eq!(read(&path), lines(12..15).concat());
    assert_eq!(read(&name(1)), lines(8..12).concat());
    assert_eq!(read(&name(2)), lines(4..8).concat());
    assert!(!name(3).exists());
    let long = format!("{}\n", "x".repeat(100));
    file.write(&[long.clone(), long.clone()], nothing).unwrap();
    assert_eq!((read(&path), read(&name(1))), (long.clone(), long), "a line is never cut");
}

#[test]
fn with_none_kept_only_the_latest_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let mut file = LogFile::new(path.clone(), Rotation { octets: 20, keep: 0, ..NEVER });
    file.write(&lines(0..5), nothing).unwrap();
    assert_eq!(read(&path), lines(4..5).concat());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_file_of_another_day_is_put_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    std::fs::write(&path, "old\n").unwrap();
    let old = std::fs::File::options().append(true).open(&path).unwrap();
    old.set_modified(std::time::UNIX_EPOCH).unwrap();
    let mut file = LogFile::new(path.clone(), Rotation { daily: true, ..NEVER });
    file.write(&lines(0..1), nothing).unwrap();
    assert_eq!(read(&directory.path().join("log.1")), "old\n");
    assert_eq!(read(&path), lines(0..1).concat());
}

#[test]
fn a_file_that_was_moved_or_removed_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let (path, moved) = (directory.path().join("log"), directory.path().join("moved"));
    let mut file = LogFile::new(path.clone(), NEVER);
    file.write(&lines(0..1), nothing).unwrap();
    std::fs::rename(&path, &moved).unwrap();
    file.write(&lines(1..2), nothing).unwrap();
    assert_eq!((read(&moved), read(&path)), (lines(0..1).concat(), lines(1..2).concat()));
    std::fs::remove_file(&path).unwrap();
    file.write(&lines(2..3), nothing).unwrap();
    assert_eq!(read(&path), lines(2..3).concat());
}

#[test]
fn a_file_that_cannot_be_put_aside_grows_and_that_is_told_once() {
    static TOLD: AtomicU64 = AtomicU64::new(0);
    let count = |told: &Told<'_>| {
        assert!(matches!(told, Told::NotRotated(..)), "{told:?}");
        TOLD.fetch_add(1, Ordering::Relaxed);
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    // What is not empty is not replaced.
    std::fs::create_dir_all(directory.path().join("log.1/x")).unwrap();
    let mut file = LogFile::new(path.clone(), Rotation { octets: 20, keep: 1, ..NEVER });
    file.write(&lines(0..9), count).unwrap();
    assert_eq!(read(&path), lines(0..9).concat());
    assert_eq!(TOLD.load(Ordering::Relaxed), 1);
}

/// A full disk takes as much of a line as fits.
#[test]
fn a_full_disk_costs_lines_and_no_line_runs_into_another() {
    let Ok(mut full) = std::fs::File::options().write(true).open("/dev/full") else { return };
    assert!(std::io::Write::write(&mut full, b"x").is_err());
    let mut file = LogFile::new("/dev/full".into(), NEVER);
    let Err(Unwritten { lines: lost, fault }) = file.write(&lines(0..3), nothing) else { panic!("it is full") };
    assert_eq!((lost, fault.kind()), (3, std::io::ErrorKind::StorageFull));
}

#[test]
fn lines_that_are_lost_are_counted_and_told_of_when_the_file_can_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("later/log");
    let logging = logging(&file, "info");
    telling(&logging, || (0..5).for_each(|number| tracing::info!(number, "session.told")));
    std::fs::create_dir(directory.path().join("later")).unwrap();
    // It is not tried with every line.
    let end = std::time::Instant::now() + LONG;
    while !file.exists() {
        assert!(std::time::Instant::now() < end);
        std::thread::sleep(Duration::from_millis(20));
        telling(&logging, || tracing::info!("session.told"));
    }
    assert!(read(&file).contains("session.told"));
}
