//! `gatepost key rotate`: nothing is ever sealed with a key that is lost.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use crate::place::{PASSWORD, Place, YES};
use crate::run;

/// A place with something in its store.
async fn place() -> Place {
    let place = Place::new().await;
    place.fed(&["account", "add", "scanner", "--token", "support"], "p");
    place
}

fn new_key() -> String {
    run(&["key", "generate"]).1.trim().to_owned()
}

/// Everything opens, and the key file holds one key, for its owner alone.
fn is_whole(place: &Place) -> String {
    assert!(place.run(&["account", "list"]).contains("\nscanner "), "the store opens");
    let key = place.read("gatepost.key");
    assert_eq!(key.lines().count(), 1);
    let metadata = std::fs::metadata(place.path("gatepost.key")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert!(!place.path("gatepost.key.new").exists());
    key.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_service_goes_on_and_the_old_key_is_kept_where_it_is_wanted() {
    let mut place = place().await;
    place.serve();
    place.soon("evmail", PASSWORD, YES).await;
    let old = place.read("gatepost.key");
    let kept = place.path("old.key");
    let told = place.run(&["key", "rotate", "--keep-old", kept.to_str().unwrap()]);
    assert!(told.contains("Backups made before need the old key, which is in ") && !told.contains("gpk1_"), "{told}");
    let new = is_whole(&place);
    assert_ne!(new, old.trim());
    assert_eq!(place.read("old.key"), old);
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);

    // What is sealed with the new key is read and written by the service.
    place.soon("scanner", "p", YES).await;
    place.fed(&["account", "add", "late", "--token", "support"], "q");
    place.soon("late", "q", YES).await;
    place.provider.revoke_access_tokens();
    place.soon("evmail", PASSWORD, YES).await;
    assert!(!place.read("log").contains("\"store.failed\""), "{}", place.read("log"));

    let again = place.fails(1, &["key", "rotate", "--keep-old", kept.to_str().unwrap()], &[]);
    assert!(again.contains("old.key") && again.contains("nothing was changed"), "{again}");
    assert_eq!(place.read("old.key"), old, "never overwritten");
    assert_eq!(is_whole(&place), new);
    assert!(place.run(&["key", "rotate"]).contains("keep your copy"));
    assert_ne!(is_whole(&place), new);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_step_is_finished_by_running_it_again() {
    let place = place().await;
    let key_file = place.path("gatepost.key");
    // While the file with both was being written.
    let first = is_whole(&place);
    std::fs::write(place.path("gatepost.key.new"), "gpk1_ha").unwrap();
    place.run(&["key", "rotate"]);
    let second = is_whole(&place);
    assert_ne!(first, second);

    // When both were in the file and the store was not sealed anew.
    let third = new_key();
    std::fs::write(&key_file, format!("{second}\n{third}\n")).unwrap();
    assert!(place.run(&["account", "list"]).contains("scanner"), "it works with both");
    assert!(place.run(&["key", "rotate"]).contains("begun before"));
    assert_eq!(is_whole(&place), third);

    // When the store was sealed anew, and the old key still in the file.
    std::fs::write(&key_file, format!("{second}\n{third}\n")).unwrap();
    let kept = place.path("old.key");
    std::fs::write(&kept, format!("{second}\n")).unwrap();
    place.run(&["key", "rotate", "--keep-old", kept.to_str().unwrap()]);
    assert_eq!(is_whole(&place), third);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_can_be_run_again() {
    let place = place().await;
    let config = place.path("gatepost.toml");
    for milliseconds in [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30] {
        let mut rotation = crate::gatepost(&["key", "rotate", "--config", config.to_str().unwrap()]);
        let mut rotation = rotation.stdout(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        rotation.kill().unwrap();
        rotation.wait().unwrap();
        assert!(place.run(&["account", "list"]).contains("scanner"), "after {milliseconds} ms");
    }
    place.run(&["key", "rotate"]);
    is_whole(&place);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_or_missing_key_is_said_and_nothing_is_touched() {
    let place = place().await;
    let (key_file, right) = (place.path("gatepost.key"), place.read("gatepost.key"));
    let wrong = format!("{}\n", new_key());
    std::fs::write(&key_file, &wrong).unwrap();
    let before = std::fs::metadata(place.path("gatepost.key")).unwrap().ino();
    let kept = place.path("old.key");
    let told = place.fails(1, &["key", "rotate", "--keep-old", kept.to_str().unwrap()], &[]);
    assert!(told.contains("sealed with another key") && told.contains("unharmed"), "{told}");
    assert_eq!(place.read("gatepost.key"), wrong);
    assert_eq!(std::fs::metadata(&key_file).unwrap().ino(), before);
    assert!(!kept.exists());

    std::fs::remove_file(&key_file).unwrap();
    for command in [&["key", "rotate"][..], &["account", "list"], &["serve"], &["config", "check"]] {
        let told = place.fails(78, command, &[]);
        assert!(told.contains("there is no gatepost.key") && told.contains("put its key back"), "{told}");
        assert!(!told.contains("gatepost key generate"), "a new key is no help: {told}");
    }
    assert!(!key_file.exists());
    std::fs::write(&key_file, right).unwrap();
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    is_whole(&place);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_stays_where_a_link_leads_and_two_do_not_rotate_at_once() {
    let place = place().await;
    std::fs::create_dir(place.path("keys")).unwrap();
    std::fs::rename(place.path("gatepost.key"), place.path("keys/real.key")).unwrap();
    std::os::unix::fs::symlink("keys/real.key", place.path("gatepost.key")).unwrap();
    let old = place.read("keys/real.key");
    place.run(&["key", "rotate"]);
    assert!(place.path("gatepost.key").is_symlink());
    assert_ne!(place.read("keys/real.key"), old);
    is_whole(&place);

    let directory = std::fs::File::open(place.path("keys")).unwrap();
    directory.lock().unwrap();
    let before = place.read("gatepost.key");
    assert!(place.fails(1, &["key", "rotate"], &[]).contains("another"));
    assert_eq!(place.read("gatepost.key"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_stands_in_no_file_is_rotated_by_the_configuration() {
    let place = place().await;
    let old = place.read("gatepost.key").trim().to_owned();
    let new = new_key();
    place.edit("{ file = \"gatepost.key\" }", "{ env = \"KEY\" }");
    let told = place.fails(1, &["key", "rotate"], &[("KEY", &old)]);
    assert!(told.contains("store.old_key") && told.contains("gatepost key generate"), "{told}");
    assert!(place.fails(78, &["key", "rotate"], &[]).contains("variable KEY is not set"));

    place.edit("{ env = \"KEY\" }", "{ env = \"KEY\" }\nold_key = { env = \"OLD\" }");
    let config = place.path("gatepost.toml");
    let config = config.to_str().unwrap();
    let with = |key: &str, old: &str, arguments: &[&str]| {
        let mut command = crate::gatepost(&[arguments, &["--config", config]].concat());
        crate::told(&command.env("KEY", key).env("OLD", old).output().unwrap())
    };
    let swapped = with(&new_key(), &new, &["key", "rotate"]);
    assert!(swapped.0 == Some(1) && swapped.2.contains("sealed with another key"), "{swapped:?}");
    let (code, told, stderr) = with(&new, &old, &["key", "rotate"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{told}");
    assert!(told.contains("store.old_key is not needed any more"), "{told}");
    assert_eq!(with(&new, &old, &["key", "rotate"]).0, Some(0), "again is no harm");

    place.edit("\nold_key = { env = \"OLD\" }", "");
    assert!(with(&new, "", &["account", "list"]).1.contains("scanner"));
    assert!(with(&old, "", &["account", "list"]).2.contains("sealed with another key"));
}
