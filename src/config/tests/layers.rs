//! Layers: files, variables, and what each value came from.

use secrecy::ExposeSecret as _;

use super::*;
use crate::model::ClientAuthentication;

#[test]
fn layers_are_laid_over_each_other() {
    let directory = written(GOOD);
    write(
        directory.path(),
        "gatepost.toml.d/10.toml",
        "[log]\nlevel = \"warn\"\n[accounts.\"second\"]\ntoken = \"support\"\npassword_hash = \"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$5cKgW3p6wDYOGzQTS2Uzt7D1zXaBNrLXUD4pDeDlFc8\"\n",
    );
    write(directory.path(), "gatepost.toml.d/20.toml", "[log]\nformat = \"json\"\n[limits]\nsessions = 5\n");
    write(directory.path(), "gatepost.toml.d/ignored.txt", "not TOML");
    let config =
        load(&directory, &[("GATEPOST__LOG__LEVEL", "debug"), ("GATEPOST__LIMITS__LOGIN_SECONDS", "7"), ("HOME", "/")])
            .unwrap();
    assert_eq!(config.log, Log { format: LogFormat::Json, levels: "debug".parse().unwrap(), ..Log::default() });
    assert_eq!((config.limits.sessions, config.limits.login_seconds), (5, 7));
    assert_eq!(config.accounts.len(), 2);
}

#[test]
fn another_form_of_a_secret_replaces_the_one_below_it() {
    let directory = written(GOOD);
    write(directory.path(), "gatepost.toml.d/10.toml", "[tokens.support]\nclient_secret = { env = \"APP_SECRET\" }\n");
    let config = load(&directory, &[("APP_SECRET", "12345")]).unwrap();
    assert!(matches!(&config.tokens[0].client_authentication, ClientAuthentication::SecretPost(secret)
        if secret.expose_secret() == "12345"));
    let config = load(&directory, &[("GATEPOST__TOKENS__SUPPORT__CLIENT_SECRET__FILE", "gatepost.key")]).unwrap();
    assert!(matches!(&config.tokens[0].client_authentication, ClientAuthentication::SecretPost(secret)
        if secret.expose_secret().starts_with("gpk1_")));
    let config = load(&directory, &[("GATEPOST__TOKENS__SUPPORT__CLIENT_SECRET", "0123")]).unwrap();
    assert!(matches!(&config.tokens[0].client_authentication, ClientAuthentication::SecretPost(secret)
        if secret.expose_secret() == "0123"));
    let errors = shown(&directory, &[]);
    assert!(errors.contains("the environment variable APP_SECRET is not set"), "{errors}");
}

/// systemd gives the service's user access by an ACL; its mask looks like a group's right.
#[test]
fn a_credential_may_look_readable_by_a_group() {
    let directory = written(&GOOD.replace("{ file = \"secrets/support\" }", "{ credential = \"app\" }"));
    write(directory.path(), "credentials/app", "s3cret\n");
    let file = directory.path().join("credentials/app");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o440)).unwrap();
    let credentials = directory.path().join("credentials");
    let config = load(&directory, &[("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())]).unwrap();
    assert!(matches!(&config.tokens[0].client_authentication, ClientAuthentication::SecretPost(secret)
        if secret.expose_secret() == "s3cret"));
    assert!(shown(&directory, &[]).contains("CREDENTIALS_DIRECTORY is not set"));
}

#[test]
fn variables_find_names_whatever_their_case_and_must_not_contradict_each_other() {
    let directory = written(&GOOD.replace("evmail", "EvMail"));
    let config = load(&directory, &[("GATEPOST__ACCOUNTS__EVMAIL__DISABLED", "true")]).unwrap();
    assert_eq!(config.accounts.len(), 1);
    assert!(config.accounts[0].disabled && config.accounts[0].name == "EvMail");
    let both = [("GATEPOST__STORE__KEY", "x"), ("GATEPOST__STORE__KEY__FILE", "y")];
    let errors = shown(&directory, &both);
    assert!(errors.contains("environment variable GATEPOST__STORE__KEY__FILE: another variable"), "{errors}");
}

#[test]
fn relative_paths_start_at_the_file_that_names_them() {
    let directory = written(GOOD);
    let further = directory.path().join("gatepost.toml.d");
    write(&further, "tls/cert.pem", "");
    write(&further, "tls/key.pem", "");
    write(&further, "10.toml", "[tls]\ncertificate = \"tls/cert.pem\"\nkey = \"tls/key.pem\"\n");
    let tls = load(&directory, &[]).unwrap().tls.unwrap();
    assert_eq!(tls.certificate, further.join("tls/cert.pem"));
    let tls = load(&directory, &[("GATEPOST__TLS__KEY", "tls/key.pem")]).unwrap().tls.unwrap();
    assert_eq!(tls.key, directory.path().join("tls/key.pem"));
}

#[test]
fn what_is_wrong_with_the_layers_themselves() {
    let directory = written(GOOD);
    write(directory.path(), "gatepost.toml.d", "a file where a directory should be");
    assert!(shown(&directory, &[]).contains("gatepost.toml.d: cannot be listed: "));
    let directory = written(GOOD);
    write(directory.path(), "gatepost.toml.d/1.toml", "[log\n");
    write(directory.path(), "gatepost.toml.d/2.toml", "level\n");
    let errors = shown(&directory, &[]);
    assert!(errors.contains("1.toml:1:5: ") && errors.contains("2.toml:1:6: "), "{errors}");
}

#[test]
fn every_value_is_shown_with_where_it_comes_from() {
    let directory = written(GOOD);
    write(directory.path(), "gatepost.toml.d/10.toml", "[accounts.evmail]\naliases = [\"a \\\"b\\\"\"]\n");
    let variables = [("GATEPOST__LOG__LEVEL", "debug"), ("GATEPOST__TOKENS__SUPPORT__CLIENT_SECRET", "s3cret")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let page = Config::show(&directory.path().join("gatepost.toml"), variables).unwrap();
    page.parse::<toml_edit::ImDocument<String>>().unwrap();
    // The columns depend on the length of the directory's name.
    let page = page.replace(&format!("{}/", directory.path().display()), "");
    let line =
        |line: &str| line.split_once("  ").map_or(line.to_owned(), |(key, origin)| format!("{key} {}", origin.trim()));
    insta::assert_snapshot!(page.lines().map(line).collect::<Vec<_>>().join("\n"));
}

/// A configuration of many tokens and accounts, with absolute paths and servers on loopback.
#[test]
fn a_generated_configuration_is_accepted() {
    let mut text = String::from(
        "[store]\nurl = \"sqlite:DIR/gatepost.db\"\nkey = { file = \"DIR/gatepost.key\" }\n[log]\nlevel = \"info\"\n\
         [admin]\naddress = \"127.0.0.1:8590\"\npublic_url = \"http://127.0.0.1:8590/\"\n",
    );
    for (protocol, port) in [("smtp", 1587), ("imap", 1143), ("pop3", 1110)] {
        let table =
            format!("[[listeners]]\nprotocol = \"{protocol}\"\naddress = \"127.0.0.1:{port}\"\ntls = \"none\"\n");
        text.push_str(&table);
    }
    text += "[providers.lab]\ntoken_url = \"https://127.0.0.1:9000/token\"\nscopes = [\"mail\"]\nsasl = \"xoauth2\"\n\
             ca = \"DIR/tls/cert.pem\"\nimap = { host = \"127.0.0.1\", port = 9001, tls = \"implicit\" }\n\
             pop3 = { host = \"127.0.0.1\", port = 9002, tls = \"implicit\" }\n\
             smtp = { host = \"127.0.0.1\", port = 9003, tls = \"starttls\" }\n";
    for user in (0..300).map(|number| format!("user{number}@lab.example")) {
        let tables = format!(
            "[tokens.\"{user}\"]\nprovider = \"lab\"\ngrant = \"client_credentials\"\nmailbox = \"{user}\"\n\
             client_id = \"app-{user}\"\nclient_secret = {{ file = \"DIR/secrets/support\" }}\n\
             [accounts.\"{user}\"]\npassword_hash = \"HASH\"\ntoken = \"{user}\"\n"
        );
        text.push_str(&tables);
    }
    let directory = written("");
    let text = text.replace("DIR", directory.path().to_str().unwrap()).replace("HASH", HASH);
    write(directory.path(), "gatepost.toml", &text);
    let config = load(&directory, &[]).unwrap();
    assert_eq!((config.listeners.len(), config.tokens.len(), config.accounts.len()), (3, 300, 300));
    assert_eq!(config.accounts[7].token.mailbox, config.accounts[7].name);
}
