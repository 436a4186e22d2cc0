//! What stands before the token endpoint and sees every request: who asks, whether it went on to the provider, and whether the
//! answer went back.
//!
//! A refresh token that the provider has replaced, and whose successor no disk has seen when the program dies, is lost to
//! everybody. The front makes it possible to play a death just before that, and just after.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::watch;

use crate::REPLICAS;
use crate::origin;

/// How the requests of a replica are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    /// They wait before they go on to the provider.
    Before,
    /// They go on, and the answers wait before they go back.
    After,
    /// What waited is dropped, and nothing goes on.
    Lost,
}

/// What is known of all requests.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Which token a refresh token is of, by its number.
    tokens: HashMap<String, usize>,
    /// The last refresh token of each, and which replica was given it.
    pub(crate) latest: Vec<(String, Option<usize>)>,
    /// How often each refresh token went on to the provider.
    went: HashMap<String, u32>,
    /// Of each replica: tokens whose requests wait before the provider, …
    pub(crate) held: [Vec<usize>; REPLICAS],
    /// … how many requests went on and were not answered yet, …
    pub(crate) asked: [usize; REPLICAS],
    /// … and tokens whose answers wait.
    pub(crate) kept_back: [Vec<usize>; REPLICAS],
    pub(crate) refreshes: [u64; REPLICAS],
    /// All that went on, in its order.
    trail: Vec<Step>,
}

/// A request went on, or was answered.
#[derive(Clone, Debug)]
struct Step {
    at: Instant,
    token: Option<usize>,
    replica: usize,
    used: String,
    answer: Option<(StatusCode, String)>,
}

pub(crate) struct Front {
    pub(crate) port: u16,
    book: Arc<Mutex<Book>>,
    gates: Arc<watch::Sender<[Gate; REPLICAS]>>,
    processes: Arc<Mutex<[u32; REPLICAS]>>,
}

#[derive(Clone)]
struct Desk {
    book: Arc<Mutex<Book>>,
    gates: Arc<watch::Sender<[Gate; REPLICAS]>>,
    processes: Arc<Mutex<[u32; REPLICAS]>>,
    own: SocketAddr,
    url: String,
    http: reqwest::Client,
}

impl Front {
    /// Before the provider at this port, which has a certificate of this authority.
    pub(crate) async fn before(port: u16, ca: &Path) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap();
        let tls = gatepost::net::client_config(Some(ca)).unwrap();
        // Node.js closes kept connections at its own time, and a request on such a one is lost.
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
        let http = http.tls_backend_preconfigured((*tls).clone()).build().unwrap();
        let (book, gates) = (Arc::default(), Arc::new(watch::Sender::new([Gate::Open; REPLICAS])));
        let front = Self { port: own.port(), book, gates, processes: Arc::default() };
        let (book, gates, processes) =
            (Arc::clone(&front.book), Arc::clone(&front.gates), Arc::clone(&front.processes));
        let desk = Desk { book, gates, processes, own, url: format!("https://127.0.0.1:{port}/token"), http };
        let router = Router::new().fallback(answer).with_state(desk);
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        front
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    pub(crate) fn gate(&self, replica: usize, gate: Gate) {
        // Whoever has passed is in the book.
        let _book = self.book();
        self.gates.send_modify(|gates| gates[replica] = gate);
    }

    /// Whose connections come from which process.
    pub(crate) fn is_process(&self, replica: usize, pid: u32) {
        self.processes.lock().unwrap()[replica] = pid;
    }
}

impl Book {
    /// The next token, and its first refresh token.
    pub(crate) fn begins(&mut self, refresh: &str) {
        self.tokens.insert(refresh.to_owned(), self.latest.len());
        self.latest.push((refresh.to_owned(), None));
    }

    /// Tokens of which a refresh token went to the provider more than once.
    pub(crate) fn twice(&self) -> Vec<usize> {
        self.went
            .iter()
            .filter(|(_, times)| **times > 1)
            .filter_map(|(used, _)| self.tokens.get(used))
            .copied()
            .collect()
    }

    /// What happened with these tokens; of secrets only so much as tells them apart.
    pub(crate) fn told(&self, tokens: &[usize]) -> String {
        let steps = self.trail.iter().filter(|step| step.token.is_some_and(|token| tokens.contains(&token)));
        let since = |at: Instant| self.trail.first().map(|first| at - first.at).unwrap_or_default();
        let line = |step: &Step| {
            let Step { at, token, replica, used, answer } = step;
            format!("{:?} t{token:?} by {replica} with {used}: {answer:?}\n", since(*at))
        };
        steps.map(line).collect()
    }

    /// How often all of them were refreshed.
    pub(crate) fn all_refreshes(&self) -> u64 {
        self.refreshes.iter().sum()
    }

    fn goes(&mut self, replica: usize, used: String) -> Step {
        let token = self.tokens.get(&used).copied();
        let shown = used.chars().take(6).collect();
        *self.went.entry(used).or_default() += 1;
        let step = Step { at: Instant::now(), token, replica, used: shown, answer: None };
        self.trail.push(step.clone());
        step
    }

    fn answered(&mut self, token: Option<usize>, replica: usize, status: StatusCode, body: &str) {
        let field =
            |name: &str| serde_json::from_str::<serde_json::Value>(body).ok()?[name].as_str().map(str::to_owned);
        let Some(token) = token else { return };
        if let Some(next) = field("refresh_token").filter(|_| status == StatusCode::OK) {
            self.refreshes[replica] += 1;
            self.tokens.insert(next.clone(), token);
            self.latest[token] = (next, Some(replica));
        }
    }
}

async fn answer(
    State(desk): State<Desk>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    head: HeaderMap,
    form: Bytes,
) -> Response {
    let pids = *desk.processes.lock().unwrap();
    let Some(replica) = origin::of(peer, desk.own, &pids) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let used = url::form_urlencoded::parse(&form).find(|(name, _)| name == "refresh_token");
    let used = used.map(|(_, token)| token.into_owned()).unwrap_or_default();
    let token = desk.book.lock().unwrap().tokens.get(&used).copied();
    if !desk.waits(replica, token).await {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    // Once it goes on, it is written down what became of it, whoever dies.
    let response = tokio::spawn(desk.clone().goes_on(replica, used, head, form)).await.unwrap();
    desk.goes_back(replica, token).await;
    response
}

impl Desk {
    /// Before the provider. Whether it goes on.
    async fn waits(&self, replica: usize, token: Option<usize>) -> bool {
        let mut gates = self.gates.subscribe();
        let _held = Held::new(&self.book, replica, token);
        loop {
            let _ = gates.wait_for(|gates| gates[replica] != Gate::Before).await;
            let mut book = self.book.lock().unwrap();
            match gates.borrow_and_update()[replica] {
                Gate::Before => {}
                Gate::Lost => return false,
                Gate::Open | Gate::After => {
                    book.asked[replica] += 1;
                    return true;
                }
            }
        }
    }

    async fn goes_on(self, replica: usize, used: String, head: HeaderMap, form: Bytes) -> Response {
        let step = self.book.lock().unwrap().goes(replica, used);
        let token = step.token;
        let kind = head.get(header::CONTENT_TYPE).cloned().into_iter().map(|kind| (header::CONTENT_TYPE, kind));
        let asking = self.http.post(&self.url).headers(kind.collect()).body(form).timeout(Duration::from_mins(2));
        let (status, body) = match asking.send().await {
            Ok(answer) => (answer.status(), answer.text().await.unwrap_or_default()),
            Err(fault) => (StatusCode::BAD_GATEWAY, fault.to_string()),
        };
        let mut book = self.book.lock().unwrap();
        book.answered(token, replica, status, &body);
        let told = if status == StatusCode::OK { String::new() } else { body.clone() };
        book.trail.push(Step { at: Instant::now(), answer: Some((status, told)), ..step });
        book.asked[replica] -= 1;
        (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }

    async fn goes_back(&self, replica: usize, token: Option<usize>) {
        let mut gates = self.gates.subscribe();
        if gates.borrow()[replica] == Gate::After {
            self.book.lock().unwrap().kept_back[replica].extend(token);
        }
        let _ = gates.wait_for(|gates| gates[replica] != Gate::After).await;
    }
}

/// A request that waits, until it is dropped: also when its client is dead.
struct Held {
    book: Arc<Mutex<Book>>,
    replica: usize,
    token: Option<usize>,
}

impl Held {
    fn new(book: &Arc<Mutex<Book>>, replica: usize, token: Option<usize>) -> Self {
        book.lock().unwrap().held[replica].extend(token);
        Self { book: Arc::clone(book), replica, token }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(token) = self.token else { return };
        let Ok(mut book) = self.book.lock() else { return };
        let held = &mut book.held[self.replica];
        if let Some(place) = held.iter().position(|held| *held == token) {
            held.remove(place);
        }
    }
}
