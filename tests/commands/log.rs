//! The log of a running service: what it tells, where, and that nobody waits for it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::place::{PASSWORD, Place, YES};

/// Nothing takes so long unless it is broken.
const LONG: Duration = Duration::from_mins(1);

pub(crate) fn soon(what: &str, mut there: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !there() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_can_be_changed_while_it_runs() {
    let mut place = Place::new().await;
    assert!(place.fails(1, &["log"], &[]).contains("start it with `gatepost serve`"));
    place.serve();
    assert_eq!(place.run(&["log"]), "info, as configured\n");
    assert!(place.fails(64, &["log", "tokn=debug"], &[]).contains("did you mean \"token\"?"));

    let told = place.run(&["log", "session=debug", "--minutes", "30"]);
    assert!(told.starts_with("info,gatepost::session=debug until 2") && told.ends_with("Z, then info\n"), "{told}");
    soon("it is told", || place.read("log").contains("\"event\":\"log.level_changed\""));
    place.soon("evmail", PASSWORD, YES).await;
    soon("debug lines are there", || place.read("log").contains("\"event\":\"session.opened\""));

    assert_eq!(place.run(&["log", "--reset"]), "info, as configured\n");
    let json: serde_json::Value = serde_json::from_str(&place.run(&["log", "warn", "--json"])).unwrap();
    assert_eq!(json, serde_json::json!({ "level": "warn", "configured": "info", "until": null }));
    assert!(place.run(&["log"]).starts_with("warn until it is reset"));
    // A restart forgets it.
    place.restart();
    assert_eq!(place.run(&["log"]), "info, as configured\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn logrotate_moves_the_file_away_and_nothing_is_lost() {
    let found = Command::new("logrotate").arg("--version").stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "CI=true, but logrotate is missing");
        std::io::stderr().write_all(b"\n*** SKIPPED: logrotate is missing ***\n").unwrap();
        return;
    }
    let mut place = Place::new().await;
    place.edit("format = \"json\"", "format = \"json\"\nfile = \"gatepost.log\"\nrotate_octets = 0");
    // The test finds the ports there.
    std::os::unix::fs::symlink(place.path("log"), place.path("gatepost.log")).unwrap();
    place.serve();
    std::fs::remove_file(place.path("gatepost.log")).unwrap();

    let example = std::fs::read_to_string("deploy/logrotate/gatepost").unwrap();
    let here = example.replace("/var/log/gatepost", place.directory.path().to_str().unwrap());
    assert_ne!(here, example);
    let (config, state) = (place.path("logrotate.conf"), place.path("logrotate.state"));
    std::fs::write(&config, here).unwrap();
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o644)).unwrap();

    let mut changes = 0;
    let mut tell = || {
        changes += 1;
        place.run(&["log", if changes % 2 == 0 { "info" } else { "debug" }]);
    };
    for _ in 0..3 {
        tell();
        soon("the file is there", || place.path("gatepost.log").exists());
        let mut logrotate = Command::new("logrotate");
        let rotated = logrotate.arg("-f").arg("-s").arg(&state).arg(&config).output().unwrap();
        assert!(rotated.status.success() && rotated.stderr.is_empty(), "{rotated:?}");
        assert!(!place.path("gatepost.log").exists());
    }
    tell();
    let count = || {
        let names = ["gatepost.log", "gatepost.log.1", "gatepost.log.2.gz", "gatepost.log.3.gz"];
        let text = |name: &&str| {
            let unpacked = Command::new("gzip").arg("-cdf").arg(place.path(name)).output().unwrap();
            String::from_utf8(unpacked.stdout).unwrap()
        };
        names.iter().map(text).collect::<String>().matches("\"log.level_changed\"").count()
    };
    soon("every line is in one of the files", || count() == 4);
}

/// As where a pipe's reader hangs: `gatepost serve | stuck`.
#[tokio::test(flavor = "multi_thread")]
async fn standard_error_that_nobody_reads_delays_no_mail_and_no_stop() {
    let place = Place::new().await;
    place.edit("format = \"json\"", "format = \"json\"\nlevel = \"debug\"");
    let mut serve = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    serve.args(["serve", "--config"]).arg(place.path("gatepost.toml")).stdin(Stdio::null());
    let mut process = serve.stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(process.stderr.take().unwrap());
    let mut ports = Vec::new();
    while ports.len() < 3 {
        let mut line = String::new();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "it did not start");
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        if event["event"] == "service.listening" {
            let address = event["address"].as_str().unwrap().to_owned();
            ports.push(address.rsplit(':').next().unwrap().parse::<u16>().unwrap());
        }
    }
    // Two lines each, of more than a hundred octets: more than a pipe takes.
    for _ in 0..600 {
        let mut client = BufReader::new(TcpStream::connect(("127.0.0.1", ports[1])).unwrap());
        client.read_line(&mut String::new()).unwrap();
    }
    let mut client = BufReader::new(TcpStream::connect(("127.0.0.1", ports[1])).unwrap());
    client.get_ref().write_all(format!("a LOGIN evmail \"{PASSWORD}\"\r\n").as_bytes()).unwrap();
    let mut said = String::new();
    client.read_line(&mut said).unwrap();
    said.clear();
    client.read_line(&mut said).unwrap();
    assert!(said.starts_with(YES[1]), "{said}");

    assert!(Command::new("kill").arg(process.id().to_string()).status().unwrap().success());
    let mut ended = None;
    soon("it ends", || {
        ended = process.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(0));
    drop(stderr);
}
