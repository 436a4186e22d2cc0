//! A PostgreSQL database, as `[store]` names it.

use tokio_postgres::config::{Host, SslMode};

use super::*;

fn store(settings: &str) -> String {
    format!(
        "[store]\nkey = {{ file = \"gatepost.key\" }}\n{settings}\n[[listeners]]\nprotocol = \"imap\"\naddress = \"127.0.0.1:1143\"\n"
    )
}

fn database(settings: &str) -> Database {
    let directory = written(&store(settings));
    write(directory.path(), "ca.pem", "");
    write(directory.path(), "secrets/database", "s3cr@t\n");
    let config = load(&directory, &[]).unwrap_or_else(|errors| panic!("{settings}: {errors}"));
    let shown = Config::show(&directory.path().join("gatepost.toml"), []).unwrap();
    for text in [format!("{:?}", config.store), shown] {
        assert!(!text.contains("s3cr"), "{text}");
    }
    config.store.database.unwrap()
}

#[test]
fn a_url_names_servers_and_each_has_its_own_time() {
    let database =
        database("url = \"postgres://gatepost:s3cr%40t@db1,db2:5433/mail?sslrootcert=ca.pem&application_name=x\"");
    assert_eq!(database.shown, "postgres://db1:5432,db2:5433/mail");
    let told = |server: &tokio_postgres::Config| {
        let Host::Tcp(host) = &server.get_hosts()[0] else { panic!() };
        assert_eq!(
            (server.get_hosts().len(), server.get_user(), server.get_dbname()),
            (1, Some("gatepost"), Some("mail"))
        );
        assert_eq!((server.get_password(), server.get_ssl_mode()), (Some(&b"s3cr@t"[..]), SslMode::Require));
        format!("{host}:{}", server.get_ports()[0])
    };
    assert_eq!(database.servers.iter().map(told).collect::<Vec<_>>(), ["db1:5432", "db2:5433"]);
    assert!(database.tls.unwrap().ca.unwrap().ends_with("ca.pem"));
}

#[test]
fn a_password_stands_apart() {
    let database = database("url = \"postgresql://gatepost@[::1]/mail\"\npassword = { file = \"secrets/database\" }");
    assert_eq!(database.servers[0].get_password(), Some(&b"s3cr@t"[..]));
}

#[test]
fn whoever_is_elsewhere_is_spoken_to_by_tls() {
    let tls = |url: &str| database(&format!("url = \"{url}\"")).tls.is_some();
    for here in [
        "postgres://gatepost@localhost/mail",
        "postgres://gatepost@127.0.0.1/mail",
        "postgres:///mail?host=/run/postgresql&user=gatepost",
        "postgres://gatepost@db1/mail?sslmode=disable",
    ] {
        assert!(!tls(here), "{here}");
    }
    for elsewhere in [
        "postgres://gatepost@db1/mail",
        "postgres://gatepost@localhost,db1/mail",
        "postgres://gatepost@localhost/mail?sslmode=verify-full",
        "postgres://gatepost@db1/mail?sslmode=require&sslrootcert=system&target_session_attrs=read-write",
    ] {
        assert!(tls(elsewhere), "{elsewhere}");
    }
}

#[test]
fn what_is_wrong_with_it_is_said_without_it() {
    for (settings, expected) in [
        ("url = \"postgres://gatepost:s3cr@t/x@db1/mail\"", "cannot be read"),
        ("url = \"postgres:///mail\"", "cannot be read"),
        ("url = \"postgres://gatepost@db1/mail?sslmode=prefer\"", "sslmode"),
        ("url = \"postgres://gatepost@db1/mail?sslrootcert=missing.pem\"", "missing.pem"),
        ("url = \"postgres://g:s3cret@db1/mail\"\npassword = \"s3cret\"", "too"),
        ("password = \"s3cret\"", "only a PostgreSQL"),
    ] {
        let errors = errors(&store(settings));
        assert!(errors.contains(expected) && !errors.contains("s3cr"), "{settings}: {errors}");
    }
}
