use gatepost_kit::{Proxy, ProxyKind, ProxySettings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const GREETING: &[u8] = b"* OK ready\r\n";
const KINDS: [ProxyKind; 2] = [ProxyKind::Socks5, ProxyKind::Http];
const LIMIT: Duration = Duration::from_secs(5);
const LOGIN: (&str, &str) = ("gate post", "p:%41@s3cret");

/// A server that speaks first, then repeats what it hears.
async fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            tcp.write_all(GREETING).await.unwrap();
            let mut heard = [0; 4];
            if tcp.read_exact(&mut heard).await.is_ok() {
                tcp.write_all(&heard).await.unwrap();
            }
        }
    });
    port
}

async fn dial(proxy: &Proxy, login: Option<(&str, &str)>, host: &str, port: u16) -> Result<TcpStream, DialError> {
    let url = proxy.url();
    let hop = Hop { host: "127.0.0.1", port: proxy.address.port(), login, name: &url, names: Names::system() };
    if url.starts_with("socks5") {
        dial_socks5(&hop, host, port, LIMIT).await
    } else {
        dial_connect(&hop, host, port, LIMIT).await
    }
}

async fn refused(settings: ProxySettings, login: Option<(&str, &str)>, port: u16) -> String {
    let proxy = Proxy::start(settings).await;
    let error = dial(&proxy, login, "localhost", port).await.unwrap_err().to_string();
    assert!(error.contains(&proxy.url()) && !error.contains("s3cret"), "{error}");
    error
}

/// However the proxy's yes is cut, and whatever comes right behind it.
#[tokio::test]
async fn no_byte_of_the_server_is_lost() {
    let port = server().await;
    for kind in KINDS {
        for (together, drips) in [(false, false), (true, false), (false, true), (true, true)] {
            for host in ["localhost", "127.0.0.1"] {
                let settings = ProxySettings { kind, together, drips, login: Some(LOGIN), ..ProxySettings::default() };
                let proxy = Proxy::start(settings).await;
                let mut tcp = dial(&proxy, Some(LOGIN), host, port).await.unwrap();
                let mut heard = vec![0; GREETING.len()];
                tcp.read_exact(&mut heard).await.unwrap();
                assert_eq!(heard, GREETING, "{settings:?}");
                tcp.write_all(b"echo").await.unwrap();
                tcp.read_exact(&mut heard[..4]).await.unwrap();
                assert_eq!(&heard[..4], b"echo");
                assert_eq!(proxy.asked(), [format!("{host}:{port}")]);
            }
        }
    }
}

#[tokio::test]
async fn what_a_proxy_refuses_is_said_in_words() {
    let port = server().await;
    for kind in KINDS {
        let settings = ProxySettings { kind, login: Some(LOGIN), ..ProxySettings::default() };
        let none = refused(settings, None, port).await;
        assert!(none.contains("wants a user and a password"), "{none}");
        let wrong = refused(settings, Some(("gate post", "s3cret")), port).await;
        assert!(wrong.contains("refuses the user or the password"), "{wrong}");
        let rules = refused(ProxySettings { kind, refuses: true, ..ProxySettings::default() }, None, port).await;
        assert!(rules.contains("let it connect to this"), "{rules}");
    }
    let open = refused(ProxySettings::default(), Some(LOGIN), port).await;
    assert!(open.contains("takes no login"), "{open}");
    let closed = refused(ProxySettings::default(), None, 1).await;
    assert!(closed.contains("the host refuses the connection"), "{closed}");
    let gateway = refused(ProxySettings { kind: ProxyKind::Http, ..ProxySettings::default() }, None, 1).await;
    assert!(gateway.contains("it says 502 Bad Gateway"), "{gateway}");
}

#[tokio::test]
async fn what_is_no_proxy_is_named() {
    let port = server().await;
    let hop = Hop { host: "127.0.0.1", port, login: None, name: "http://gate:3128", names: Names::system() };
    for error in [
        dial_connect(&hop, "mail.example.com", 993, LIMIT).await.unwrap_err().to_string(),
        dial_socks5(&hop, "mail.example.com", 993, LIMIT).await.unwrap_err().to_string(),
    ] {
        assert!(error.contains("http://gate:3128") && error.contains("does not speak"), "{error}");
    }
    let dead = Hop { port: 1, ..hop };
    let error = dial_connect(&dead, "mail.example.com", 993, LIMIT).await.unwrap_err().to_string();
    assert!(error.contains("the proxy http://gate:3128: cannot connect to 127.0.0.1 port 1"), "{error}");
}

#[tokio::test]
async fn a_proxy_that_says_nothing_is_left_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let hop = Hop { host: "127.0.0.1", port, login: None, name: "socks5://gate:1080", names: Names::system() };
    let limit = Duration::from_secs(1);
    let error = dial_socks5(&hop, "mail.example.com", 993, limit).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "the proxy socks5://gate:1080 did not connect to mail.example.com port 993: no answer within 1 s"
    );
    drop(silent);
}
