//! Commands that are broken off while a provider answers.

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::service::House;

#[test]
fn an_interrupted_refresh_keeps_what_it_was_given() {
    let (asked, when_asked) = channel();
    let (go, told) = channel();
    let told = Mutex::new(told);
    let endpoint = Endpoint::before_issuing(true, move || {
        let _ = asked.send(());
        let _: Result<(), _> = told.lock().unwrap().recv();
        sleep(Duration::from_millis(500));
    });
    let house = House::new(&endpoint.url);
    let mut refresh = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    refresh.args(["token", "refresh", "support", "--config"]).arg(house.config());
    let refresh = refresh.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    when_asked.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(Command::new("kill").args(["-INT", &refresh.id().to_string()]).status().unwrap().success());
    go.send(()).unwrap();
    let output = refresh.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("ended by SIGINT"), "{told}");
    assert_eq!((endpoint.last(), house.held()), (2, Some(2)));
}
