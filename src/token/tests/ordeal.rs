//! Law 3, fault by fault: what was held is still held, the next good answer heals, and nothing secret is told.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

use super::endpoint::Conduct;
use super::faults::{Comes, Deed, ELSEWHERE, FOREIGN, Fault, ROTATED, SENT, all};
use super::*;

/// What was held before. Rotating providers answer with the second.
const HELD: &str = "1//0held-s3cret";
const NEXT: &str = "1//0next-s3cret";
const SECRET: &str = "client-s3cret";
/// What the service writes at its most talkative.
const FILTER: &str = "rustls=error,hyper=error,reqwest=error,h2=error,trace";
/// At a time: most of them wait for something.
const AT_ONCE: usize = 16;

#[tokio::test]
async fn nothing_that_an_endpoint_does_loses_a_token() {
    let log = Log::default();
    // While there is but one subscriber, a thread without it could turn an event off for all.
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let _logging = tracing::subscriber::set_default(
        tracing_subscriber::fmt().with_ansi(false).with_env_filter(FILTER).with_writer(log.clone()).finish(),
    );
    let (http, patient) = (hasty(), http_within(Duration::from_mins(1)));
    let mut under_way = JoinSet::new();
    for rotating in [false, true] {
        for fault in all() {
            if under_way.len() == AT_ONCE {
                under_way.join_next().await.unwrap().unwrap();
            }
            // What brings an answer is waited for, however busy the machine is.
            let http = if fault.comes == Comes::Transient { http.clone() } else { patient.clone() };
            under_way.spawn(async move {
                let elsewhere = Endpoint::start().await;
                Ordeal::new(fault, rotating, http, elsewhere.url()).await.endure().await;
                assert!(elsewhere.requests().is_empty(), "nothing goes where a redirect points");
            });
        }
    }
    while let Some(done) = under_way.join_next().await {
        done.unwrap();
    }
    let log = log.text();
    assert!(log.contains("token.refresh_failed") && log.contains("token.needs_authorization"), "{log}");
    tells_no_secret("the log", &log);
}

/// Gives up early, for the tests' sake, and before those who wait for it.
fn hasty() -> Http {
    let tls = crate::net::client_config(None).unwrap();
    let total = Duration::from_secs(6);
    Http::new(&tls, HttpSettings { connect: total, total, longest: 65536 }).unwrap()
}

struct Ordeal {
    fault: Fault,
    rotating: bool,
    scene: Scene,
    tokens: Tokens,
    store: Arc<SqliteStore>,
}

impl Ordeal {
    async fn new(fault: Fault, rotating: bool, http: Http, elsewhere: &str) -> Self {
        let scene = Scene::new().await;
        let (tokens, store) = scene.process("one");
        tokens.declare([(Arc::new(scene.token(Grant::RefreshToken)), http)]);
        import(store.as_ref(), &scene.token(Grant::RefreshToken), HELD.into()).await.unwrap();
        let ordeal = Self { fault, rotating, scene, tokens, store };
        match &ordeal.fault.deed {
            Deed::Refused => ordeal.scene.endpoint.close().await,
            Deed::Does(conduct) => {
                let answer = ordeal.filled(&conduct.answer, elsewhere);
                ordeal.scene.endpoint.conduct(Conduct { answer, ..conduct.clone() });
            }
        }
        ordeal
    }

    fn filled(&self, answer: &[u8], elsewhere: &str) -> Vec<u8> {
        let rotated = if self.rotating { format!(r#""refresh_token":"{NEXT}","#) } else { String::new() };
        let mut filled = answer.to_vec();
        for (mark, text) in [(ROTATED, rotated.as_str()), (SENT, &format!("{HELD} {SECRET}")), (ELSEWHERE, elsewhere)] {
            filled = replaced(&filled, mark, text);
        }
        let body = filled.windows(4).rposition(|window| window == b"\r\n\r\n").map_or(0, |end| filled.len() - end - 4);
        replaced(&filled, "@LENGTH@", &body.to_string())
    }

    async fn endure(self) {
        let name = self.fault.name;
        let began = clock::now();
        let asked = self.tokens.access_token(NAME, USER).await;
        let held = state(&self.store).await;
        if self.fault.comes == Comes::Token {
            let access = asked.unwrap_or_else(|fault| panic!("{name}: {fault}"));
            assert_eq!(access.secret().expose_secret(), "good", "{name}");
            let left = held.usable(clock::now()).map(|access| (access.expires_at() - clock::now()).num_days());
            assert!(left.is_some_and(|days| days <= 366), "{name}: {left:?}");
            assert_eq!(material(&self.store).await, (some(self.after()), None), "{name}");
            assert!(held.trouble.is_none(), "{name}");
            assert_eq!(self.tokens.access_token(NAME, USER).await.unwrap().secret().expose_secret(), "good", "{name}");
            assert_eq!(self.scene.endpoint.requests().len(), 1, "{name}");
            return;
        }
        self.judge(&asked.unwrap_err(), held.trouble.as_ref().unwrap(), began).await;
        self.heal().await;
    }

    /// The refresh token after a good answer.
    fn after(&self) -> &'static str {
        if self.rotating { NEXT } else { HELD }
    }

    async fn judge(&self, error: &TokenError, trouble: &Trouble, began: DateTime<Utc>) {
        let name = self.fault.name;
        let class = match self.fault.comes {
            Comes::Transient | Comes::Token => TroubleClass::Transient,
            Comes::Configuration => TroubleClass::Configuration,
            Comes::Ended => TroubleClass::Ended,
        };
        assert_eq!(trouble.class, class, "{name}: {error}");
        let ended = class == TroubleClass::Ended;
        assert_eq!(matches!(error, TokenError::NeedsAuthorization { .. }), ended, "{name}: {error}");
        assert_eq!(matches!(error, TokenError::Unavailable { .. }), !ended, "{name}: {error}");
        let material = material(&self.store).await;
        assert_eq!(material, if ended { (None, some(HELD)) } else { (some(HELD), None) }, "{name}");
        for told in [error.to_string(), error.for_client(), trouble.summary.clone(), trouble.remedy.clone()] {
            tells_no_secret(name, &told);
            assert!(told.len() < 1200 && !told.chars().any(|c| c.is_control() || c == '\u{202e}'), "{name}: {told:?}");
        }
        let wait = trouble.retry_at - began;
        assert!(wait > TimeDelta::zero() && wait <= TimeDelta::hours(25), "{name}: {wait}");
        // However long the test takes from here on.
        back_off_until(&self.store, clock::now() + TimeDelta::hours(1)).await;

        let requests = self.scene.endpoint.requests();
        assert!(requests.len() <= 1, "{name}: one attempt makes one request");
        assert!(self.tokens.access_token(NAME, USER).await.is_err(), "{name}: backs off");
        assert_eq!(self.scene.endpoint.requests(), requests, "{name}: backs off");
    }

    async fn heal(&self) {
        let name = self.fault.name;
        if matches!(self.fault.deed, Deed::Refused) {
            self.scene.endpoint.reopen().await;
        }
        let ended = self.fault.comes == Comes::Ended;
        if !ended {
            pass_back_off(&self.store).await;
        }
        self.scene.endpoint.next(granted("healed", 3600, self.rotating.then_some(NEXT)));
        let healed = match self.fault.comes {
            Comes::Ended => self.tokens.refresh(NAME, USER).await,
            _ => self.tokens.access_token(NAME, USER).await,
        };
        assert_eq!(healed.unwrap().secret().expose_secret(), "healed", "{name}");
        let request = self.scene.endpoint.requests().pop().unwrap();
        assert!(request.contains("refresh_token=1%2F%2F0held-s3cret"), "{name}: {request}");
        assert_eq!(material(&self.store).await, (some(self.after()), None), "{name}");
        assert!(state(&self.store).await.trouble.is_none(), "{name}");
    }
}

fn replaced(text: &[u8], mark: &str, by: &str) -> Vec<u8> {
    let mut rest = text;
    let mut whole = Vec::new();
    while let Some(at) = memchr::memmem::find(rest, mark.as_bytes()) {
        whole.extend_from_slice(&rest[..at]);
        whole.extend_from_slice(by.as_bytes());
        rest = &rest[at + mark.len()..];
    }
    [whole, rest.to_vec()].concat()
}

fn tells_no_secret(where_: &str, text: &str) {
    for secret in [HELD, NEXT, SECRET, FOREIGN[0], FOREIGN[1]] {
        assert!(!text.contains(secret), "{where_} tells {secret}: {text}");
    }
}

/// Keeps all log lines.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
