//! The service keeps itself to its files, and does all of its work so.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::place::{PASSWORD, Place, UNAVAILABLE, YES};
use crate::run;

/// The line of the log that says how far the sandbox goes.
fn report(place: &Place) -> serde_json::Value {
    let log = place.read("log");
    let events = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut reports = events.filter(|event| event["event"] == "service.sandboxed");
    reports.next().unwrap_or_else(|| panic!("{log}"))
}

/// Best effort: a kernel without Landlock keeps no files out of reach, and the report says so.
fn keeps_files_out(report: &serde_json::Value) -> bool {
    !report["landlock"].as_str().unwrap().starts_with("none")
}

/// The threads of a process that may gain privileges.
fn free_threads(process: u32) -> Vec<String> {
    let read = |path: &Path| std::fs::read_to_string(path.join("status")).unwrap_or_default();
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let all: Vec<_> = tasks.map(|task| read(&task.unwrap().path())).filter(|status| !status.is_empty()).collect();
    assert!(all.len() > 1);
    let free = all.iter().filter(|status| !status.contains("NoNewPrivs:\t1\n"));
    free.map(|status| status.lines().next().unwrap().trim_start_matches("Name:\t").to_owned()).collect()
}

fn secret(directory: &Path, text: &str) -> String {
    let path = directory.join("secret");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_thread_is_confined_and_a_reload_says_what_is_out_of_reach() {
    let mut place = Place::new().await;
    std::fs::create_dir(place.path("scratch")).unwrap();
    let scratch = place.path("scratch");
    place.serve_with(&[("TMPDIR", scratch.to_str().unwrap())]);
    let report = report(&place);
    assert_eq!((&report["no_new_privs"], &report["core"]), (&true.into(), &false.into()), "{report}");
    assert_eq!(free_threads(place.process()), Vec::<String>::new());
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", place.process())).unwrap();
    let core: Vec<_> =
        limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().split("  ").collect();
    assert_eq!(core.iter().filter(|part| part.trim() == "0").count(), 2, "{limits}");
    place.soon("evmail", PASSWORD, YES).await;

    // What is named beside the others is reached.
    place.edit("token = \"support\"", "token = \"support\"\naliases = [\"another\"]");
    place.run(&["reload"]);
    place.soon("another", PASSWORD, YES).await;

    // Somewhere else, nothing was named when it started.
    let elsewhere = tempfile::tempdir().unwrap();
    let file = secret(elsewhere.path(), "client s3cret");
    place.edit("client_secret = \"client s3cret\"", &format!("client_secret = {{ file = {file:?} }}"));
    if keeps_files_out(&report) {
        let told = place.fails(78, &["reload"], &[]);
        assert!(told.contains("may be out of reach of the sandbox") && told.contains("restart the service"), "{told}");
        place.soon("another", PASSWORD, YES).await;
    }
    place.restart();
    place.soon("another", PASSWORD, YES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_administrator_s_program_runs_outside_and_a_certificate_is_renewed_through_links() {
    let mut place = Place::new().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let told = elsewhere.path().join("told");
    // As certbot has it: links in one directory lead to the files of another, which gets new ones.
    let (root, archive) = (place.path(""), elsewhere.path().join("archive"));
    let renew = |number: u32| {
        let (code, _, stderr) = run(&["tls", "create", "localhost", "--out", archive.to_str().unwrap()]);
        assert_eq!(code, Some(0), "{stderr}");
        for name in ["cert.pem", "key.pem"] {
            let made = archive.join(format!("{number}{name}"));
            std::fs::rename(archive.join(name), &made).unwrap();
            std::os::unix::fs::symlink(made, root.join("new")).unwrap();
            std::fs::rename(root.join("new"), root.join("live").join(name)).unwrap();
        }
    };
    std::fs::create_dir(place.path("live")).unwrap();
    renew(1);
    place.edit(
        "[log]",
        &format!(
            "[tls]\ncertificate = \"live/cert.pem\"\nkey = \"live/key.pem\"\n[limits]\ncertificate_check_seconds = 1\n\
             [notify]\ncommand = [\"/bin/sh\", \"-c\", \"cat > {}\"]\n\
             [tokens.dead]\nprovider = \"simulated\"\ngrant = \"refresh_token\"\nmailbox = \"dead@example.com\"\n\
             client_id = \"client\"\nclient_secret = \"client s3cret\"\n[log]",
            told.display()
        ),
    );
    place.fed(&["token", "import", "dead"], "nonsense");
    place.fed(&["account", "add", "dead", "--token", "dead"], "one");
    std::fs::create_dir(place.path("scratch")).unwrap();
    let scratch = place.path("scratch");
    place.serve_with(&[("TMPDIR", scratch.to_str().unwrap())]);
    assert_eq!(report(&place)["outside"], "notify.command");
    assert_eq!(free_threads(place.process()), ["outside"]);

    place.soon("dead", "one", UNAVAILABLE).await;
    until("the program was told", || {
        std::fs::read_to_string(&told).is_ok_and(|json| json.contains("needs_authorization"))
    });

    renew(2);
    until("the certificate was renewed", || place.read("log").contains("\"tls.reloaded\""));
    assert!(!place.read("log").contains("ermission denied"), "{}", place.read("log"));
}

/// A minute, for a machine that is busy.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < end, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
