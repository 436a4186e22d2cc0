//! The program as a shell sees it: what it prints, where, and with which exit code.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops at once")]

#[path = "commands/account.rs"]
mod account;
#[path = "commands/admin.rs"]
mod admin;
#[path = "commands/anonymous.rs"]
mod anonymous;
#[path = "commands/fail2ban.rs"]
mod fail2ban;
#[path = "commands/import.rs"]
mod import;
#[path = "commands/key.rs"]
mod key;
#[path = "commands/label.rs"]
mod label;
#[path = "commands/log.rs"]
mod log;
#[path = "commands/newer.rs"]
mod newer;
#[path = "commands/place.rs"]
mod place;
#[path = "commands/sandbox.rs"]
mod sandbox;
#[path = "commands/shared.rs"]
mod shared;
#[path = "commands/tls.rs"]
mod tls;
#[path = "commands/token.rs"]
mod token;
#[path = "commands/trace.rs"]
mod trace;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use argon2::PasswordVerifier as _;

fn gatepost(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.args(arguments).env_remove("GATEPOST_CONFIG").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    told(&gatepost(arguments).output().unwrap())
}

fn fed(arguments: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    let (stdout, stderr) = (Stdio::piped(), Stdio::piped());
    let mut child = gatepost(arguments).stdin(Stdio::piped()).stdout(stdout).stderr(stderr).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    told(&child.wait_with_output().unwrap())
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn usage_errors_are_64_and_help_is_no_error() {
    for wrong in
        [&[][..], &["nonsense"], &["completions", "tcsh"], &["hash-password", "secret"], &["serve", "--confg", "x"]]
    {
        let (code, stdout, stderr) = run(wrong);
        assert_eq!((code, stdout.as_str()), (Some(64), ""), "{wrong:?}");
        assert!(stderr.contains("Usage: gatepost") || stderr.contains("try '--help'"), "{wrong:?}: {stderr}");
    }
    for right in [&["--help"][..], &["help", "token", "import"], &["serve", "-h"], &["--version"]] {
        let (code, stdout, stderr) = run(right);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{right:?}");
        assert!(stdout.contains("gatepost"), "{right:?}: {stdout}");
    }
}

#[test]
fn configuration_errors_are_78() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("gatepost.toml");
    std::fs::write(&file, "[log]\nlevel = \"loud\"\n").unwrap();
    let file = file.to_str().unwrap();
    for command in
        [&["config", "check", "--config", file][..], &["serve", "--config", file], &["token", "list", "--config", file]]
    {
        let (code, stdout, stderr) = run(command);
        assert_eq!((code, stdout.as_str()), (Some(78), ""), "{command:?}");
        assert!(stderr.contains("level") && stderr.contains("loud"), "{command:?}: {stderr}");
    }
}

#[test]
fn a_password_is_hashed_from_one_line_of_standard_input() {
    let (code, stdout, stderr) = fed(&["hash-password"], b" correct horse \r\nanother line\n");
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let hash = stdout.strip_suffix('\n').unwrap();
    let opens = |password: &str| argon2::Argon2::default().verify_password(password.as_bytes(), hash).is_ok();
    assert!(opens(" correct horse ") && !opens("correct horse"));
    for nothing in [&b""[..], b"\n", b"\xff\n"] {
        let (code, stdout, stderr) = fed(&["hash-password"], nothing);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{nothing:?}");
        assert!(stderr.starts_with("gatepost: "), "{stderr}");
    }
}

/// Hangs if it waits for more than the line.
#[test]
fn the_pipe_may_stay_open_behind_the_line() {
    let mut child = gatepost(&["hash-password"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut open = child.stdin.take().unwrap();
    open.write_all(b"p\n").unwrap();
    let mut hash = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut hash).unwrap();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    assert!(child.wait().unwrap().success());
    drop(open);
}

#[test]
fn a_key_is_for_its_owner_and_never_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gatepost.key");
    let arguments = ["key", "generate", "--out", path.to_str().unwrap()];
    let (code, stdout, _) = run(&arguments);
    let key = std::fs::read_to_string(&path).unwrap();
    assert_eq!(code, Some(0));
    assert!(key.starts_with("gpk1_") && !stdout.contains(key.trim_end()), "the key is in the file alone");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, _, stderr) = run(&arguments);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("gatepost.key"), "{stderr}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), key);
    let (code, other, _) = run(&["key", "generate"]);
    assert_eq!(code, Some(0));
    assert!(other.starts_with("gpk1_") && other.len() == key.len() && other != key);
}

#[test]
fn whoever_stops_reading_is_no_error_and_a_full_disk_is_one() {
    for arguments in [&["config", "reference"][..], &["completions", "zsh"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (code, _, stderr) = told(&gatepost(arguments).stdout(writer).output().unwrap());
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
        #[cfg(target_os = "linux")]
        {
            let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
            let (code, _, stderr) = told(&gatepost(arguments).stdout(full).output().unwrap());
            assert_eq!(code, Some(1), "{arguments:?}");
            assert!(stderr.starts_with("gatepost: cannot write to standard output"), "{stderr}");
        }
    }
}
