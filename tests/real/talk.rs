//! A command that somebody talks with while it runs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::gatepost::Gatepost;

/// Longest that a line is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Talk<'a> {
    gatepost: &'a Gatepost,
    process: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
    said: String,
}

impl<'a> Talk<'a> {
    pub(crate) fn begin(gatepost: &'a Gatepost, arguments: &[&str]) -> Self {
        let (stdin, stdout, stderr) = (Stdio::piped(), Stdio::piped(), Stdio::piped());
        let mut process = gatepost.command(arguments).stdin(stdin).stdout(stdout).stderr(stderr).spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut stderr = process.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let stdin = process.stdin.take();
        Self { gatepost, process, stdin, lines, errors: Some(errors), said: String::new() }
    }

    /// The first line from here on with this in it.
    pub(crate) fn hear(&mut self, part: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                let status = self.process.kill().and_then(|()| self.process.wait());
                let errors = self.errors.take().map(|errors| errors.join().unwrap());
                panic!("no {part:?} ({status:?}) in {:?} {errors:?}", self.said)
            };
            self.said += &line;
            self.said.push('\n');
            if line.contains(part) {
                return line;
            }
        }
    }

    /// The address that a person is to open.
    pub(crate) fn address(&mut self) -> String {
        self.hear("  https://").trim().to_owned()
    }

    /// Types a line.
    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        assert!(Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().unwrap().success());
    }

    /// Waits for its end. Returns how it ended, and all that it printed, to standard output and then to standard error.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.said += &line;
            self.said.push('\n');
        }
        let status = self.process.wait().unwrap();
        let errors = self.errors.take().unwrap().join().unwrap();
        let output = Output { status, stdout: std::mem::take(&mut self.said).into(), stderr: errors.into() };
        let (out, err) = self.gatepost.heard(&output);
        (status, out + &err)
    }

    /// Waits for its end, which has to be a good one.
    pub(crate) fn succeeds(self) -> String {
        let (status, said) = self.end();
        assert!(status.success(), "{status}:\n{said}");
        said
    }

    /// Waits for its end, which has to say this and no more than that it failed.
    pub(crate) fn fails(self, because: &str) -> String {
        let (status, said) = self.end();
        assert!(status.code() == Some(1) && said.contains(because), "{status}, not {because:?}:\n{said}");
        said
    }
}
