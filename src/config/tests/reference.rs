//! `config/reference.toml` names every key, and tells the truth about defaults.

use super::*;

/// The reference with all that is commented out put in force.
fn in_force() -> String {
    let is_setting = |line: &&str| line.split_once(" = ").is_some_and(|(key, _)| !key.trim().contains(' '));
    let line = |line: &'static str| line.strip_prefix("# ").filter(is_setting).unwrap_or(line);
    let lines: Vec<_> = REFERENCE.lines().map(line).collect();
    lines.join("\n").replace("\"$argon2id$…\"", "\"HASH\"") + "\n"
}

/// The reference's own files, beside those of every test.
fn referred(text: &str) -> TempDir {
    let directory = written(text);
    write(directory.path(), "corp-ca.pem", "");
    directory
}

#[test]
fn all_that_is_commented_out_is_right() {
    let directory = referred(&in_force());
    let config = load(&directory, &[]).unwrap_or_else(|errors| panic!("{errors}"));
    let admin = config.admin.unwrap();
    let account = config.accounts.iter().find(|account| account.name == "evmail").unwrap();
    assert!(admin.password_hash.is_some() && admin.public_url.is_some());
    assert_eq!(account.upstream_user(Protocol::Imap), "shared@example.com");
}

#[test]
fn what_is_commented_out_is_the_default() {
    let (named, left_out) = (referred(&in_force()), referred(REFERENCE));
    let (named, left_out) = (load(&named, &[]).unwrap(), load(&left_out, &[]).unwrap());
    assert_eq!(named.limits, left_out.limits);
    assert_eq!(named.limits, Limits::default());
    assert_eq!(named.log, left_out.log);
    // What has no default is there as an example.
    let listeners = |config: &Config| {
        let defaults = |listener: &Listener| Listener { anonymous: None, ..listener.clone() };
        config.listeners.iter().map(defaults).collect::<Vec<_>>()
    };
    assert_eq!(listeners(&named), listeners(&left_out));
    assert_eq!(named.store.path.file_name(), left_out.store.path.file_name());
    assert_eq!(named.admin.unwrap().address, left_out.admin.unwrap().address);
    assert_eq!(named.accounts[0].protocols, left_out.accounts[0].protocols);
    assert_eq!(named.accounts[0].disabled, left_out.accounts[0].disabled);
}

/// What cannot stand beside something else is written as `# or key = …`.
///
/// Asks each table for the keys that it knows, by one that it does not.
#[test]
fn the_reference_names_every_key() {
    let text = in_force();
    let mut complaints = Vec::new();
    let mut asked = 0;
    for heading in text.lines().filter(|line| line.starts_with('[')) {
        let heading = heading.split('#').next().unwrap().trim();
        let (before, rest) = text.split_once(&format!("\n{heading}")).unwrap();
        let (own, after) =
            rest.split_once("\n[").map_or((rest, String::new()), |(own, after)| (own, format!("\n[{after}")));
        let directory = referred(&format!("{before}\n{heading}\nqqqqqqqq = 1{own}{after}"));
        let ConfigErrors(errors) = load(&directory, &[]).unwrap_err();
        assert_eq!(errors.len(), 1, "{heading}: {errors:?}");
        for key in errors[0].allowed.as_deref().unwrap().split(", ") {
            asked += 1;
            let names = |line: &str| {
                line.trim_start_matches("# or ").split_once('=').is_some_and(|(name, _)| name.trim() == key)
            };
            if !own.lines().any(names) {
                complaints.push(format!("{heading} {key}"));
            }
        }
    }
    assert!(asked > 50, "{asked}");
    assert!(complaints.is_empty(), "not in the reference: {complaints:?}");
}
