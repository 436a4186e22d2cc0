//! Logins at a simulated provider, over a line that counts connections and can be cut.

use std::time::Duration;

use gatepost_kit::bench::{Laid, Line};
use gatepost_kit::{Dialect, Provider as Kit, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{advance, pause, resume, sleep};
use tokio_rustls::rustls::HandshakeKind;

use super::*;
use crate::model::{Endpoints, Grant, Protocol, SaslMechanism, Token, UpstreamTls as Tls};
use crate::net::{Stream, client_config};
use crate::proto::imap::ImapUpstream;
use crate::proto::pop3::Pop3Upstream;
use crate::proto::smtp::SmtpUpstream;
use crate::upstream::{Reach, RoadSettings};

const MAILBOX: &str = "support@example.com";
const SETTINGS: ReadySettings = ReadySettings { most: 4, lasts: Duration::from_hours(1), worth: Duration::ZERO };

struct Scene {
    kit: Kit,
    line: Laid,
    reach: Reach,
    token: Token,
    protocol: Protocol,
    directory: tempfile::TempDir,
}

impl Scene {
    async fn new(protocol: Protocol, tls: Tls) -> Self {
        Self::at(Kit::start().await, protocol, tls).await
    }

    async fn at(kit: Kit, protocol: Protocol, tls: Tls) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), kit.authority.ca_pem()).unwrap();
        let limit = Duration::from_mins(2);
        let limits = Limits { connect: limit, login: limit };
        let roads = Arc::new(Roads::new(RoadSettings { ready: SETTINGS, ..RoadSettings::default() }));
        let trust = trust(&directory);
        let reach = Reach { trust, ehlo: "gatepost.example".into(), limits, roads };
        let line = Line::new(Duration::ZERO).to(([127, 0, 0, 1], port(&kit, protocol, tls)).into()).await.unwrap();
        let endpoint = Some(Endpoint { host: "localhost".into(), port: line.address().port(), tls });
        let endpoints = Endpoints { imap: endpoint.clone(), pop3: endpoint.clone(), smtp: endpoint };
        let provider = Provider { endpoints, sasl: SaslMechanism::Xoauth2, ..Provider::default() };
        let token = Token { mailbox: MAILBOX.into(), ..Token::bare("a", Arc::new(provider), Grant::AuthorizationCode) };
        Self { kit, line, reach, token, protocol, directory }
    }

    async fn imap() -> Self {
        Self::new(Protocol::Imap, Tls::Implicit).await
    }

    fn access(&self) -> AccessToken {
        let secret = self.kit.issue_access_token(MAILBOX, Duration::from_hours(1));
        AccessToken::new(secret.into(), chrono::DateTime::UNIX_EPOCH)
    }

    /// Logs in and leaves.
    async fn log_in(&self) -> Result<Way, UpstreamError> {
        self.log_in_with(self.access()).await
    }

    async fn log_in_with(&self, access: AccessToken) -> Result<Way, UpstreamError> {
        let target = self.reach.target(&self.token, self.protocol, MAILBOX).unwrap();
        let took = match self.protocol {
            Protocol::Imap => target.log_in(&access, ImapUpstream::new).await?.took,
            Protocol::Pop3 => target.log_in(&access, Pop3Upstream::new).await?.took,
            Protocol::Smtp => target.log_in(&access, SmtpUpstream::new).await?.took,
        };
        Ok(took.way)
    }

    fn kept(&self) -> usize {
        self.reach.roads.look().iter().map(|seen| seen.ready).sum()
    }

    async fn until_kept(&self, count: usize) {
        while self.kept() != count {
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Two logins, and the one connection that is made for the third.
    async fn warm(&self) {
        for _ in 0..2 {
            assert_eq!(self.log_in().await.unwrap(), Way::New);
        }
        self.until_kept(1).await;
        assert_eq!(self.line.connections(), 3);
    }

    fn server(&self) -> Server {
        self.reach.target(&self.token, self.protocol, MAILBOX).unwrap().server()
    }

    fn rests(&self) -> bool {
        let missing = |state: &mut crate::upstream::roads::State| {
            let (now, settings) = (Instant::now(), ReadySettings { most: 100, ..SETTINGS });
            for _ in 0..200 {
                state.shelf.came(now, settings);
            }
            state.shelf.missing(now, settings)
        };
        self.reach.roads.with(&self.server(), missing) == Some(0)
    }
}

fn trust(directory: &tempfile::TempDir) -> Arc<ClientConfig> {
    client_config(Some(&directory.path().join("ca.pem"))).unwrap()
}

fn port(kit: &Kit, protocol: Protocol, tls: Tls) -> u16 {
    match (protocol, tls) {
        (Protocol::Imap, Tls::Implicit) => kit.ports.imaps,
        (Protocol::Imap, Tls::Starttls) => kit.ports.imap,
        (Protocol::Pop3, Tls::Implicit) => kit.ports.pop3s,
        (Protocol::Pop3, Tls::Starttls) => kit.ports.pop3,
        (Protocol::Smtp, Tls::Implicit) => kit.ports.smtps,
        (Protocol::Smtp, Tls::Starttls) => kit.ports.smtp,
    }
}

/// Who comes by a password asks the server for more than those did for whom the connection was made.
#[tokio::test]
async fn a_password_goes_over_a_connection_that_a_token_had_made() {
    for protocol in Protocol::ALL {
        let mut scene = Scene::new(protocol, Tls::Implicit).await;
        scene.kit.app_password(MAILBOX, "app pass word");
        scene.warm().await;
        scene.token.grant = Grant::AppPassword("app pass word".into());
        let access = AccessToken::new("app pass word".into(), chrono::DateTime::UNIX_EPOCH);
        assert_eq!(scene.log_in_with(access).await.unwrap(), Way::Ready, "{protocol}");
    }
}

#[tokio::test]
async fn the_third_login_comes_by_a_connection_that_was_ready_and_another_takes_its_place() {
    for protocol in Protocol::ALL {
        for tls in [Tls::Implicit, Tls::Starttls] {
            let scene = Scene::new(protocol, tls).await;
            scene.warm().await;
            assert_eq!(scene.log_in().await.unwrap(), Way::Ready, "{protocol} {tls:?}");
            scene.until_kept(1).await;
            assert_eq!(scene.line.connections(), 4, "{protocol} {tls:?}");
            assert!(scene.kit.logins().iter().all(|login| login.granted && login.user == MAILBOX));
            assert_eq!(scene.kit.logins().len(), 3);
        }
    }
}

#[tokio::test]
async fn an_examination_makes_its_own_way() {
    let scene = Scene::imap().await;
    scene.warm().await;
    let access = scene.access();
    let target = scene.reach.examined(&scene.token, Protocol::Imap, MAILBOX).unwrap();
    assert_eq!(target.log_in(&access, ImapUpstream::new).await.unwrap().took.way, Way::New);
    assert_eq!((scene.kept(), scene.line.connections()), (1, 4));
}

/// What a server does with a connection that is kept ready.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// Says this at once.
    Speak(&'static str),
    /// Says this when it is spoken to, and closes.
    Answer(&'static str),
    /// Hears what is said, and nothing comes of it.
    Swallow,
}

impl Deed {
    async fn done_by(self, mut server: TcpStream, heard: oneshot::Sender<()>) {
        if let Self::Speak(words) = self {
            server.write_all(words.as_bytes()).await.unwrap();
            return;
        }
        let _ = server.read(&mut [0; 4096]).await;
        drop(heard);
        match self {
            Self::Answer(words) => server.write_all(words.as_bytes()).await.unwrap(),
            _ => std::future::pending().await,
        }
    }
}

impl Scene {
    /// In the place of the one that is kept ready, a connection to such a server; tells when it was spoken to.
    async fn with(&self, deed: Deed) -> oneshot::Receiver<()> {
        let (server, roads) = (self.server(), &self.reach.roads);
        let ready = roads.take_ready(&server).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        let (heard, spoken_to) = oneshot::channel();
        let serving = tokio::spawn(deed.done_by(far, heard));
        if matches!(deed, Deed::Speak(_)) {
            serving.await.unwrap();
            tcp.readable().await.unwrap();
        }
        let link = Link { stream: Stream::Plain(tcp.into()), patience: Duration::from_mins(1) };
        let ready = Ready { opened: Opened { link, ..ready.opened }, ..ready };
        roads.ready_made(&Arc::new(server), ready);
        spoken_to
    }
}

#[tokio::test]
async fn one_that_has_ended_or_spoke_is_not_used_and_none_is_made_for_a_while() {
    for said in ["", "* BYE idle for too long\r\n", "* OK still here\r\n"] {
        let scene = Scene::imap().await;
        scene.warm().await;
        drop(scene.with(Deed::Speak(said)).await);
        assert_eq!(scene.log_in().await.unwrap(), Way::New, "{said}");
        assert!(scene.kept() == 0 && scene.rests(), "{said}");
    }
}

#[tokio::test]
async fn one_that_dies_as_it_is_used_is_replaced_and_nobody_hears_of_it() {
    for said in ["", "* BYE idle for too long\r\n"] {
        let scene = Scene::imap().await;
        scene.warm().await;
        drop(scene.with(Deed::Answer(said)).await);
        assert_eq!(scene.log_in().await.unwrap(), Way::New, "{said}");
        assert!(scene.kept() == 0 && scene.rests(), "{said}");
        let target = scene.reach.target(&scene.token, Protocol::Imap, MAILBOX).unwrap();
        assert_eq!(target.closed(), None);
    }
}

#[tokio::test]
async fn one_that_swallows_what_is_said_costs_a_share_of_the_time() {
    let scene = Scene::imap().await;
    scene.warm().await;
    let heard = scene.with(Deed::Swallow).await;
    let waiting = async {
        drop(heard.await);
        pause();
        advance(scene.reach.limits.login / SHARE).await;
        resume();
    };
    let (login, ()) = tokio::join!(scene.log_in(), waiting);
    assert_eq!(login.unwrap(), Way::New);
}

/// An answer is an answer.
#[tokio::test]
async fn one_on_which_the_login_is_refused_is_not_replaced() {
    let scene = Scene::imap().await;
    scene.warm().await;
    scene.kit.faults(|faults| faults.refuse_logins = 1);
    let fault = scene.log_in().await.unwrap_err();
    assert!(fault.is_refusal(), "{fault}");
    assert_eq!(scene.kit.logins().len(), 3);
    assert!(!scene.rests());
}

#[tokio::test]
async fn each_is_given_up_in_its_time() {
    let scene = Scene::imap().await;
    scene.warm().await;
    pause();
    advance(SETTINGS.lasts).await;
    resume();
    scene.until_kept(0).await;
    assert_eq!(scene.log_in().await.unwrap(), Way::New, "and none is made for logins of long ago");
    assert_eq!((scene.kept(), scene.line.connections()), (0, 4));
}

#[tokio::test]
async fn other_trust_or_another_name_does_not_get_it() {
    for change in [
        |scene: &mut Scene| scene.reach.trust = trust(&scene.directory),
        |scene: &mut Scene| scene.reach.ehlo = "other.example".into(),
    ] {
        let mut scene = Scene::imap().await;
        scene.warm().await;
        change(&mut scene);
        assert_eq!(scene.log_in().await.unwrap(), Way::New);
        assert!(!scene.rests(), "that is no fault of the server");
    }
}

#[tokio::test]
async fn other_settings_and_servers_that_nobody_has_give_it_up() {
    let scene = Scene::imap().await;
    scene.warm().await;
    let none = ReadySettings { most: 0, ..SETTINGS };
    scene.reach.roads.set(RoadSettings { ready: none, ..RoadSettings::default() });
    assert_eq!(scene.kept(), 0);
    for _ in 0..5 {
        assert_eq!(scene.log_in().await.unwrap(), Way::New);
    }
    assert_eq!((scene.kept(), scene.line.connections()), (0, 8), "switched off");
    let scene = Scene::imap().await;
    scene.warm().await;
    scene.reach.roads.keep(&std::collections::HashSet::new());
    assert_eq!(scene.reach.roads.look(), []);
}

#[tokio::test]
async fn a_stop_closes_them_and_none_is_made_any_more() {
    let scene = Scene::imap().await;
    scene.warm().await;
    scene.reach.roads.close();
    scene.reach.roads.all_closed().await;
    assert_eq!((scene.kept(), scene.reach.roads.tasks.len()), (0, 0), "whoever had to do with them is gone");
    for _ in 0..3 {
        assert_eq!(scene.log_in().await.unwrap(), Way::New);
    }
    assert_eq!((scene.kept(), scene.line.connections()), (0, 6));
}

#[tokio::test]
async fn a_server_that_refuses_connections_is_left_in_peace() {
    let scene = Scene::imap().await;
    assert_eq!(scene.log_in().await.unwrap(), Way::New);
    let made = scene.reach.roads.with(&scene.server(), |state| {
        state.shelf.came(Instant::now(), SETTINGS);
        state.shelf.missing(Instant::now(), SETTINGS)
    });
    assert_eq!(made, Some(1));
    scene.kit.faults(|faults| faults.greeting = Some("* BYE Too many connections. 14\r\n"));
    let errand = Errand {
        server: Arc::new(scene.server()),
        endpoint: scene.token.provider.endpoints.imap.clone().unwrap(),
        mechanism: Mechanism::Xoauth2,
        provider: Arc::clone(&scene.token.provider),
        roads: Arc::clone(&scene.reach.roads),
        trust: Arc::clone(&scene.reach.trust),
        ehlo: scene.reach.ehlo.clone(),
        limits: scene.reach.limits,
    };
    errand.run(ImapUpstream::new).await;
    scene.kit.faults(|faults| faults.greeting = None);
    assert!(scene.rests());
    let closed = scene.reach.target(&scene.token, Protocol::Imap, MAILBOX).unwrap().closed();
    assert_eq!(closed, None, "it says nothing of the server");
    assert_eq!(scene.log_in().await.unwrap(), Way::New);
}

#[tokio::test]
async fn none_is_made_while_the_server_is_in_trouble_or_logins_wait() {
    let scene = Scene::imap().await;
    scene.warm().await;
    let (roads, server) = (&scene.reach.roads, Arc::new(scene.server()));
    drop(roads.spare(&server).expect("there is room"));
    let trouble = roads.examine(scene.server());
    trouble.failed("no answer");
    assert!(roads.spare(&server).is_none(), "one failure is enough to wait for a login that succeeds");
    roads.examine(scene.server()).reached();
    let mut places = Vec::new();
    for number in 0..50 {
        places.push(roads.leave(scene.server(), &format!("{}", number % 2), Duration::ZERO).await.unwrap());
    }
    assert!(roads.spare(&server).is_none(), "half of the places are taken");
    drop(places);
    yield_now().await;
    assert!(roads.spare(&server).is_some());
}

/// In round trips to the provider: by a connection of its own, and by one that is ready. The handbook has the same numbers.
#[tokio::test]
async fn what_a_login_waits_for() {
    use Dialect::{Google, Microsoft};
    use Protocol::{Imap, Pop3, Smtp};
    use Tls::{Implicit, Starttls};
    for (protocol, dialect, tls, own, ready) in [
        (Imap, Microsoft, Implicit, 6, 2),
        (Imap, Microsoft, Starttls, 7, 2),
        (Imap, Google, Implicit, 5, 1),
        (Imap, Google, Starttls, 6, 1),
        (Pop3, Microsoft, Implicit, 5, 2),
        (Pop3, Google, Implicit, 5, 2),
        (Pop3, Google, Starttls, 6, 2),
        (Smtp, Microsoft, Implicit, 6, 2),
        (Smtp, Google, Starttls, 8, 2),
    ] {
        let settings = Settings { dialect, without_tickets: true, ..Settings::default() };
        let scene = Scene::at(Kit::with(settings).await, protocol, tls).await;
        let before = scene.line.round_trips();
        assert_eq!(scene.log_in().await.unwrap(), Way::New);
        let by_its_own = scene.line.round_trips() - before;
        assert_eq!(scene.log_in().await.unwrap(), Way::New);
        scene.until_kept(1).await;
        // Only what is there is used: a connection that is made meanwhile would be counted, too.
        let none_more = ReadySettings { most: 1, worth: Duration::MAX, ..SETTINGS };
        scene.reach.roads.settle(RoadSettings { ready: none_more, ..RoadSettings::default() });
        let before = scene.line.round_trips();
        assert_eq!(scene.log_in().await.unwrap(), Way::Ready);
        let by_ready = scene.line.round_trips() - before;
        assert_eq!((by_its_own, by_ready), (own, ready), "{protocol} {dialect:?} {tls:?}");
    }
}

/// Each connection but the first, by whichever protocol: half of the handshake, and none of its signatures.
#[tokio::test]
async fn tls_is_resumed() {
    for protocol in Protocol::ALL {
        for tls in [Tls::Implicit, Tls::Starttls] {
            let scene = Scene::new(protocol, tls).await;
            let mut kinds = Vec::new();
            for _ in 0..3 {
                let target = scene.reach.target(&scene.token, protocol, MAILBOX).unwrap();
                let access = scene.access();
                let link = match protocol {
                    Protocol::Imap => target.log_in(&access, ImapUpstream::new).await.unwrap().link,
                    Protocol::Pop3 => target.log_in(&access, Pop3Upstream::new).await.unwrap().link,
                    Protocol::Smtp => target.log_in(&access, SmtpUpstream::new).await.unwrap().link,
                };
                let Stream::Tls(tls) = &link.stream else { panic!("a login in clear") };
                kinds.push(tls.get_ref().1.handshake_kind().unwrap());
            }
            assert_eq!(kinds[1..], [HandshakeKind::Resumed; 2], "{protocol} {tls:?} {:?}", kinds[0]);
        }
    }
}
