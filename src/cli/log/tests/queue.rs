//! Whoever tells something waits for nobody.

use std::sync::Mutex;
use std::time::Instant;

use super::super::told::Told;
use super::super::writer::{Output, Writer};
use super::*;

static LOST: Mutex<Vec<u64>> = Mutex::new(Vec::new());

fn note(told: &Told<'_>) {
    match told {
        Told::Lost(lines) => LOST.lock().unwrap().push(*lines),
        other => panic!("{other:?}"),
    }
}

/// A pipe that nobody reads, then one that somebody does.
#[test]
fn nobody_waits_for_a_pipe_that_nobody_reads_and_what_was_left_out_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let rotation = Rotation { octets: 0, daily: false, keep: 5 };
    let writer = Writer::start(Output::File(pipe.clone(), rotation), note);
    let line = |number: u32| format!("{number:08} {}\n", "x".repeat(1000));
    let all = 20_000;
    // More than the pipe and the queue hold.
    (0..all).for_each(|number| writer.put(line(number)));
    writer.flush(Duration::from_millis(1));
    assert!(LOST.lock().unwrap().is_empty(), "it is stuck");

    let reading = std::thread::spawn(move || {
        let mut lines = Vec::new();
        let reader = std::io::BufReader::new(std::fs::File::open(&pipe).unwrap());
        for text in std::io::BufRead::lines(reader) {
            let text = text.unwrap();
            if text == "end" {
                break;
            }
            lines.push(text);
        }
        lines
    });
    writer.flush(LONG);
    let end = Instant::now() + LONG;
    while LOST.lock().unwrap().is_empty() {
        assert!(Instant::now() < end, "it was not told");
        std::thread::sleep(Duration::from_millis(10));
    }
    writer.put("end\n".into());
    let lines = reading.join().unwrap();
    let there: Vec<u32> = lines.iter().map(|line| line[..8].parse().unwrap()).collect();
    assert_eq!(there, (0..u32::try_from(there.len()).unwrap()).collect::<Vec<_>>(), "in order, none left out");
    let lost: u64 = LOST.lock().unwrap().iter().sum();
    assert_eq!(lost + there.len() as u64, u64::from(all));
    assert!(there.len() < all as usize);
}
