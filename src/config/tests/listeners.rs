//! Where a listener may listen.

use std::net::SocketAddr;

use super::checks::problems;
use super::*;

fn with(lines: &str) -> String {
    GOOD.replace("address = \"127.0.0.1:1143\"", lines)
}

#[test]
fn an_address_or_a_list_of_them() {
    let directory = written(&with(
        r#"
address = ["127.0.0.1:1143", "[::1]:1143", "[::ffff:192.0.2.1]:1143", "unix:imap.sock", "unix:/run/x.sock", "systemd:imap"]
unix_mode = "0660"
proxy_protocol = ["10.0.0.5", "fd00::/8"]
"#,
    ));
    let config = load(&directory, &[]).unwrap();
    let [listener] = &config.listeners[..] else { panic!("one table is one listener") };
    let tcp = |text: &str| Address::Tcp(text.parse::<SocketAddr>().unwrap());
    let expected = [
        tcp("127.0.0.1:1143"),
        tcp("[::1]:1143"),
        tcp("192.0.2.1:1143"),
        Address::Unix(directory.path().join("imap.sock")),
        Address::Unix("/run/x.sock".into()),
        Address::Systemd("imap".into()),
    ];
    assert_eq!(listener.addresses, expected);
    assert_eq!((listener.unix_mode, listener.proxy_protocol.len()), (0o660, 2));
    let told = Config::show(&directory.path().join("gatepost.toml"), []).unwrap();
    assert!(told.contains("unix_mode = \"0660\"") && told.contains("\"systemd:imap\"]"), "{told}");
}

#[test]
fn an_address_is_for_one_listener() {
    for address in ["127.0.0.1:1143", "unix:/run/x.sock", "systemd:imap"] {
        let second = format!("address = [{address:?}, \"127.0.0.1:0\", \"127.0.0.1:0\"]\n");
        let twice = with(&second) + "[[listeners]]\nprotocol = \"smtp\"\n" + &second;
        assert_eq!(problems(&twice), [format!("listeners[1].address: {address} is listened on twice")]);
        let within = with(&format!("address = [{address:?}, {address:?}]"));
        assert_eq!(problems(&within), [format!("listeners[0].address: {address} is listened on twice")]);
    }
    let mapped = with("address = [\"127.0.0.1:1143\", \"[::ffff:127.0.0.1]:1143\"]");
    assert_eq!(problems(&mapped), ["listeners[0].address: 127.0.0.1:1143 is listened on twice"]);
    for (all, one) in [("0.0.0.0:1143", "127.0.0.1:1143"), ("[::]:1143", "[::1]:1143")] {
        let problem = format!("listeners[0].address: {one} is listened on twice, as it goes with {all}");
        assert_eq!(problems(&with(&format!("address = [{all:?}, {one:?}]"))), [problem]);
    }
    load(&written(&with("address = [\"0.0.0.0:1143\", \"[::1]:1143\", \"127.0.0.1:1144\"]")), &[]).unwrap();
    load(&written(&with("address = [\"[::]:1143\", \"0.0.0.0:1143\"]")), &[]).unwrap();
}

#[test]
fn what_no_listener_can_be() {
    let listener = |lines: &str| format!("[[listeners]]\nprotocol = \"smtp\"\n{lines}\n");
    let text = [
        listener(""),
        listener("address = []"),
        listener("address = [\"localhost:25\", \"unix:\", \"unix:@abstract\", \"systemd:\", \"systemd:a:b\"]"),
        listener("address = \"127.0.0.1:1\"\nunix_mode = \"0660\""),
        listener("address = \"unix:a\"\nunix_mode = 660"),
        listener("address = \"unix:b\"\nunix_mode = \"0999\""),
        listener("address = \"unix:c\"\nunix_mode = \"4777\""),
        listener("address = \"127.0.0.1:2\"\nproxy_protocol = [\"proxy.example\"]"),
    ];
    insta::assert_snapshot!(errors(&text.concat()));
}

#[test]
fn a_proxy_that_anyone_can_be_is_warned_of() {
    let config = load(&written(&with("address = \"127.0.0.1:0\"\nproxy_protocol = \"0.0.0.0/0\"")), &[]).unwrap();
    assert_eq!(config.warnings, ["`proxy_protocol` of a listener has 0.0.0.0/0: anyone may claim to be any client"]);
}
