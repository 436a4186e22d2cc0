//! Whether two replicas are configured alike.

use super::*;

const ONE: &str =
    "[store]\nkey = { file = \"gatepost.key\" }\n[limits]\nsessions = 100\n[admin]\naddress = \"127.0.0.1:1\"\n";

fn digests(text: &str) -> std::collections::BTreeMap<String, String> {
    load(&written(text), &[]).unwrap().digests()
}

#[test]
fn what_belongs_to_a_machine_makes_no_difference_and_all_else_does() {
    let one = digests(ONE);
    assert!(one.contains_key("limits") && one.contains_key("") && !one.contains_key("store"), "{one:?}");
    let own = ONE.replace("127.0.0.1:1", "127.0.0.1:2") + "[service]\nreplica = \"b\"\n[log]\nlevel = \"debug\"\n";
    assert_eq!(digests(&own), one);
    let other = digests(&ONE.replace("100", "101"));
    let differ: Vec<_> = one.keys().filter(|part| one.get(*part) != other.get(*part)).collect();
    assert_eq!(differ, ["limits"]);
    let token = "[tokens.a]\nprovider = \"google\"\ngrant = \"app_password\"\nmailbox = \"a@example.com\"\n";
    let password = |text: &str| digests(&format!("{ONE}{token}password = \"{text}\"\n"));
    assert_ne!(password("one")["tokens"], password("two")["tokens"]);
    assert_eq!(password("one")["tokens"], password("one")["tokens"]);
}

#[test]
fn another_key_makes_other_digests() {
    let directory = written(ONE);
    let one = load(&directory, &[]).unwrap().digests();
    write(directory.path(), "gatepost.key", "gpk1_AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
    let other = load(&directory, &[]).unwrap().digests();
    assert!(one.iter().all(|(part, digest)| other[part] != *digest));
}

#[test]
fn a_replica_has_a_name_that_fits_everywhere() {
    let named = |name: &str| format!("{ONE}[service]\nreplica = \"{name}\"\n");
    assert_eq!(load(&written(&named("east-1.b_2")), &[]).unwrap().service.replica.as_deref(), Some("east-1.b_2"));
    assert!(errors(&named("a b")).contains("service.replica"));
    assert!(errors(&named("")).contains("service.replica"));
}
