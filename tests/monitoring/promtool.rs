//! Prometheus's own tool, where it is installed.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Runs it, from the root of the sources.
pub(crate) fn run(arguments: &[&str], input: Option<&str>) {
    let mut promtool = Command::new("promtool");
    promtool.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = promtool.spawn() else {
        // Not by a macro, whose text is seen only where a test fails.
        let skipped = "\n*** SKIPPED: metrics and rules before promtool: it is not installed ***\n";
        std::io::stderr().write_all(skipped.as_bytes()).unwrap();
        assert!(std::env::var("CI").as_deref() != Ok("true"), "with CI=true a skip is a failure");
        return;
    };
    child.stdin.take().unwrap().write_all(input.unwrap_or_default().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
}

/// Names and texts are as Prometheus wants them.
pub(crate) fn check_metrics(text: &str) {
    run(&["check", "metrics"], Some(text));
}
