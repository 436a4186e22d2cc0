//! DNS, TCP and TLS.

use gatepost_kit::{Certificate, Provider};

use crate::scene::{Scene, Server, Setting, fails, implicit, starttls, works};

const ALL: [&str; 3] = ["imap", "pop3", "smtp"];

#[tokio::test]
async fn names_and_ports_that_lead_nowhere() {
    let servers = |provider: &Provider| {
        let [imap, pop3, smtp] = implicit(provider);
        [Server { host: "mail.invalid", ..imap }, Server { port: 1, ..pop3 }, smtp]
    };
    let scene = Scene::with(Setting { servers, ..Setting::default() }).await;
    let steps = scene.steps().await;
    fails(&steps, "imap", "dns", "", "check the host name");
    fails(&steps, "pop3", "tcp", "nothing listens on port 1", "firewall");
    works(&steps, "smtp");
}

#[tokio::test]
async fn certificates() {
    for (certificate, cause, remedy) in [
        (Certificate::Expired, "ended on 2001-01-01 00:00 UTC, and this machine's clock says 20", "NTP"),
        (Certificate::NotYet, "begins only on 3000-01-01 00:00 UTC: the clock is wrong", "NTP"),
        (Certificate::WrongName, "is not for \"localhost\", but for", "as `host`"),
    ] {
        for servers in [implicit, starttls] {
            let scene = Scene::with(Setting { certificate, servers, ..Setting::default() }).await;
            let steps = scene.steps().await;
            for protocol in ALL {
                fails(&steps, protocol, "tls", cause, remedy);
            }
            assert!(scene.provider.logins().is_empty() && scene.provider.token_requests().is_empty());
        }
    }
}

#[tokio::test]
async fn an_authority_that_is_not_trusted() {
    for (certificate, trusted) in [(Certificate::Good, false), (Certificate::SelfSigned, true)] {
        let setting = Setting { certificate, trusted, servers: starttls, ..Setting::default() };
        let scene = Scene::with(setting).await;
        let steps = scene.steps().await;
        for protocol in ALL {
            fails(&steps, protocol, "tls", "nobody who is trusted", "`ca`");
        }
    }
}

#[tokio::test]
async fn the_wrong_way_to_tls() {
    fn swapped(provider: &Provider, tls: &'static str, with: fn(&Provider) -> [Server; 3]) -> [Server; 3] {
        with(provider).map(|server| Server { tls, ..server })
    }
    let scene =
        Scene::with(Setting { servers: |provider| swapped(provider, "implicit", starttls), ..Setting::default() })
            .await;
    let steps = scene.steps().await;
    for protocol in ALL {
        fails(&steps, protocol, "tls", "does not speak TLS at once", "tls = \"starttls\"");
    }
    let scene =
        Scene::with(Setting { servers: |provider| swapped(provider, "starttls", implicit), ..Setting::default() })
            .await;
    let steps = scene.steps().await;
    for protocol in ALL {
        fails(&steps, protocol, "tls", "says nothing", "tls = \"implicit\"");
    }
}

#[tokio::test]
async fn a_server_of_another_protocol() {
    let servers = |provider: &Provider| {
        let [imap, pop3, smtp] = implicit(provider);
        [Server { port: pop3.port, ..imap }, pop3, smtp]
    };
    let scene = Scene::with(Setting { servers, ..Setting::default() }).await;
    fails(&scene.steps().await, "imap", "sasl", "does not speak IMAP", "993");
}

#[tokio::test]
async fn somebody_who_goes_around_tls() {
    let scene = Scene::with(Setting { servers: starttls, ..Setting::default() }).await;
    scene.provider.faults(|faults| {
        faults.greeting = Some("* PREAUTH welcome\r\n");
    });
    fails(&scene.steps().await, "imap", "tls", "go around TLS", "nothing was sent");
    scene.provider.faults(|faults| {
        faults.greeting = None;
        faults.after_starttls = Some("* CAPABILITY IMAP4rev1\r\n");
        faults.replies.insert("EHLO", "250 simulated.example\r\n");
        faults.replies.insert("STLS", "-ERR what?\r\n");
    });
    let steps = scene.steps().await;
    fails(&steps, "imap", "tls", "go around TLS", "nothing was sent");
    fails(&steps, "pop3", "tls", "takes the offer out", "nothing was sent");
    fails(&steps, "smtp", "tls", "takes the offer out", "nothing was sent");
    assert!(scene.provider.logins().is_empty());
}

#[tokio::test]
async fn a_server_that_says_nothing_or_hangs_up() {
    let scene = Scene::new().await;
    let text = scene.text(&Setting::default());
    scene.write(&text.replace("upstream_login_seconds = 20", "upstream_login_seconds = 2"));
    scene.provider.faults(|faults| faults.silent = true);
    let steps = scene.steps().await;
    for protocol in ALL {
        fails(&steps, protocol, "sasl", "says nothing", "tls = \"starttls\"");
    }
    scene.provider.faults(|faults| {
        faults.silent = false;
        faults.greeting = Some("");
    });
    fails(&scene.steps().await, "imap", "sasl", "broke the connection", "try again");
}
