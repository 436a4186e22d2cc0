//! A token endpoint on loopback that answers what it is told, and a store that cannot be written.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::model::TokenState;
use crate::store::{
    Answer, Beat, Changed, Copied, Deed, Hearer, Inflow, Kind, Noted, Outflow, Outline, Record, Replica, Saved, Sketch,
    Store, StoreError, Stored, Topic, Use, Version,
};

pub(super) struct Endpoint {
    url: String,
    address: SocketAddr,
    /// Holds the port, so that nobody else gets it while nobody listens.
    _port: Socket,
    script: Arc<Mutex<Script>>,
    serving: Mutex<JoinHandle<()>>,
}

#[derive(Default)]
struct Script {
    conducts: VecDeque<Conduct>,
    requests: Vec<String>,
}

/// What the endpoint does with a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Conduct {
    /// Closes without having read it.
    pub(super) unread: bool,
    /// Thinks so long.
    pub(super) before: Duration,
    /// Then waits to be told to go on.
    pub(super) go: Option<Arc<Notify>>,
    /// Says this.
    pub(super) answer: Vec<u8>,
    /// One octet at a time.
    pub(super) drip: bool,
    /// Closes so long after.
    pub(super) after: Duration,
}

pub(super) const FOR_EVER: Duration = Duration::from_hours(1);

impl Endpoint {
    pub(super) async fn start() -> Self {
        let port = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        port.set_reuse_address(true).unwrap();
        port.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let address = port.local_addr().unwrap().as_socket().unwrap();
        let listener = TcpListener::bind(address).await.unwrap();
        let script = Arc::<Mutex<Script>>::default();
        let serving = Mutex::new(tokio::spawn(serve(listener, Arc::clone(&script))));
        Self { url: format!("http://{address}/token"), address, _port: port, script, serving }
    }

    /// Nobody listens from now on.
    pub(super) async fn close(&self) {
        let closed = std::mem::replace(&mut *self.serving.lock().unwrap(), tokio::spawn(async {}));
        closed.abort();
        drop(closed.await);
    }

    /// Listens again, where it did before.
    pub(super) async fn reopen(&self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        *self.serving.lock().unwrap() = tokio::spawn(serve(listener, Arc::clone(&self.script)));
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Queues the next answer.
    pub(super) fn next(&self, answer: Vec<u8>) -> &Self {
        self.conduct(Conduct { answer, ..Conduct::default() })
    }

    /// Queues what it does with the next request.
    pub(super) fn conduct(&self, conduct: Conduct) -> &Self {
        self.script.lock().unwrap().conducts.push_back(conduct);
        self
    }

    /// The answer that was queued last takes its time.
    pub(super) fn slow(&self) {
        self.script.lock().unwrap().conducts.back_mut().unwrap().before = Duration::from_millis(150);
    }

    /// The answer that was queued last comes when it is told to.
    pub(super) fn when_told(&self) -> Arc<Notify> {
        let go = Arc::new(Notify::new());
        self.script.lock().unwrap().conducts.back_mut().unwrap().go = Some(Arc::clone(&go));
        go
    }

    /// The answer that was queued last never comes.
    pub(super) fn hang(&self) {
        self.script.lock().unwrap().conducts.back_mut().unwrap().before = FOR_EVER;
    }

    /// The bodies of all requests so far.
    pub(super) fn requests(&self) -> Vec<String> {
        self.script.lock().unwrap().requests.clone()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.serving.lock().unwrap().abort();
    }
}

async fn serve(listener: TcpListener, script: Arc<Mutex<Script>>) {
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        tokio::spawn(answer(tcp, Arc::clone(&script)));
    }
}

async fn answer(mut tcp: TcpStream, script: Arc<Mutex<Script>>) {
    tcp.set_nodelay(true).unwrap();
    let mut request = Vec::new();
    {
        let conducts = &mut script.lock().unwrap().conducts;
        if conducts.front().is_some_and(|next| next.unread) {
            conducts.pop_front();
            return;
        }
    }
    let body = loop {
        if tcp.read_buf(&mut request).await.unwrap() == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .to_lowercase()
            .split("content-length: ")
            .nth(1)
            .map(|rest| rest.split("\r\n").next().unwrap().parse().unwrap());
        if body.len() >= length.unwrap_or(0) {
            break body.to_owned();
        }
    };
    let next = {
        let mut script = script.lock().unwrap();
        script.requests.push(body);
        script.conducts.pop_front()
    };
    let Conduct { before, go, answer, drip, after, .. } = next.unwrap_or_else(|| Conduct {
        answer: error(500, "server_error", "nothing was scripted"),
        ..Conduct::default()
    });
    tokio::time::sleep(before).await;
    if let Some(go) = go {
        go.notified().await;
    }
    for piece in answer.chunks(if drip { 1 } else { usize::MAX }) {
        drop(tcp.write_all(piece).await);
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(after).await;
}

pub(super) fn json(status: u16, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").into_bytes()
}

pub(super) fn granted(access: &str, life: u32, refresh: Option<&str>) -> Vec<u8> {
    let refresh = refresh.map(|refresh| format!(r#","refresh_token":"{refresh}""#)).unwrap_or_default();
    json(200, &format!(r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":{life}{refresh}}}"#))
}

pub(super) fn error(status: u16, error: &str, description: &str) -> Vec<u8> {
    json(status, &serde_json::json!({ "error": error, "error_description": description }).to_string())
}

/// A store whose disk is full, from the beginning or from the first save on.
#[derive(Debug)]
pub(super) struct FullDisk {
    store: Arc<dyn Store>,
    mood: Mutex<Mood>,
    /// How often a token was read.
    reads: AtomicUsize,
    go_on: Mutex<Option<Receiver<()>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Full,
    /// It takes leases, and no state.
    FullForStates,
    /// It saves once and says that it did not.
    Lies,
    /// It stands still once a lease was taken, for so long that another takes it over.
    StandsStill,
    Overtaken,
    /// The whole process stops, once a lease was taken and the token was read, until it is told to go on.
    Stops,
    Stopping,
    /// Nobody can ask it.
    Away,
    Well,
}

impl FullDisk {
    fn new(store: Arc<dyn Store>, mood: Mood) -> Self {
        Self { store, mood: Mutex::new(mood), reads: AtomicUsize::new(0), go_on: Mutex::default() }
    }

    pub(super) fn well(store: Arc<dyn Store>) -> Self {
        Self::new(store, Mood::Well)
    }

    pub(super) fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    pub(super) fn at_once(store: Arc<dyn Store>) -> Self {
        Self::new(store, Mood::Full)
    }

    pub(super) fn later(store: Arc<dyn Store>) -> Self {
        Self::new(store, Mood::FullForStates)
    }

    pub(super) fn liar(store: Arc<dyn Store>) -> Self {
        Self::new(store, Mood::Lies)
    }

    pub(super) fn overtaken(store: Arc<dyn Store>) -> Self {
        Self::new(store, Mood::StandsStill)
    }

    /// It is well again when it has stopped.
    pub(super) fn stops(store: Arc<dyn Store>) -> (Self, Sender<()>) {
        let (go_on, told) = channel();
        let stops = Self::new(store, Mood::Stops);
        (Self { go_on: Mutex::new(Some(told)), ..stops }, go_on)
    }

    pub(super) fn away(&self) {
        *self.mood.lock().unwrap() = Mood::Away;
    }

    pub(super) fn is_well(&self) -> bool {
        self.mood() == Mood::Well
    }

    pub(super) fn has_space(&self) {
        *self.mood.lock().unwrap() = Mood::Well;
    }

    /// No timer of the task goes on meanwhile.
    fn stop(&self, name: String) -> Answer<'_, Stored> {
        Box::pin(async move {
            let read = self.store.token(&name).await;
            let go_on = self.go_on.lock().unwrap().take().unwrap();
            self.has_space();
            tokio::task::block_in_place(|| go_on.recv_timeout(Duration::from_mins(5)).unwrap());
            read
        })
    }

    fn mood(&self) -> Mood {
        *self.mood.lock().unwrap()
    }
}

fn full<T: Send + 'static>() -> Answer<'static, T> {
    Box::pin(async {
        Err(StoreError::Database { file: "gatepost.db".into(), fault: "database or disk is full".into() })
    })
}

impl Store for FullDisk {
    fn token(&self, name: &str) -> Answer<'_, Stored> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        match self.mood() {
            Mood::Overtaken => {}
            Mood::Stopping => return self.stop(name.to_owned()),
            Mood::Away => return full(),
            _ => return self.store.token(name),
        }
        let name = name.to_owned();
        Box::pin(async move {
            self.store.release(&name, "slow").await?;
            // Whoever has it extends it meanwhile, on a slow disk.
            while !self.store.lease(&name, "another", Duration::from_secs(40)).await? {
                self.store.release(&name, "slow").await?;
            }
            tokio::time::sleep(Duration::from_millis(600)).await;
            self.has_space();
            self.store.token(&name).await
        })
    }

    fn sketches(&self) -> Answer<'_, Vec<(String, Sketch)>> {
        self.store.sketches()
    }

    fn names(&self) -> Answer<'_, Vec<String>> {
        self.store.names()
    }

    fn save(&self, name: &str, read: Version, state: &TokenState) -> Answer<'_, Saved> {
        match self.mood() {
            Mood::Full | Mood::FullForStates | Mood::Away => full(),
            Mood::Lies => {
                self.has_space();
                let saving = self.store.save(name, read, state);
                Box::pin(async move {
                    let _ = saving.await?;
                    full().await
                })
            }
            _ => self.store.save(name, read, state),
        }
    }

    fn forget(&self, _: &str) -> Answer<'_, ()> {
        full()
    }

    fn records(&self, kind: Kind) -> Answer<'_, Vec<Record>> {
        self.store.records(kind)
    }

    fn record(&self, kind: Kind, name: &str) -> Answer<'_, Record> {
        self.store.record(kind, name)
    }

    fn put(&self, _: Record, _: Option<Duration>) -> Answer<'_, Saved> {
        full()
    }

    fn announce(&self, _: &str, _: &str) -> Answer<'_, bool> {
        full()
    }

    fn withdraw(&self, _: &str, _: &str) -> Answer<'_, bool> {
        full()
    }

    fn announced(&self) -> Answer<'_, Vec<(String, String)>> {
        self.store.announced()
    }

    fn note(&self, _: Deed) -> Answer<'_, ()> {
        full()
    }

    fn deeds(&self, before: Option<i64>, most: usize) -> Answer<'_, Vec<Noted>> {
        self.store.deeds(before, most)
    }

    fn uses(&self, since: DateTime<Utc>) -> Answer<'_, Vec<Use>> {
        self.store.uses(since)
    }

    fn uses_of(&self, account: &str) -> Answer<'_, Vec<Use>> {
        self.store.uses_of(account)
    }

    fn used(&self, _: Vec<Use>) -> Answer<'_, ()> {
        full()
    }

    fn unused(&self, _: &str) -> Answer<'_, ()> {
        full()
    }

    fn lease(&self, token: &str, owner: &str, length: Duration) -> Answer<'_, bool> {
        match self.mood() {
            Mood::Full | Mood::Away => return full(),
            Mood::StandsStill => *self.mood.lock().unwrap() = Mood::Overtaken,
            Mood::Stops => *self.mood.lock().unwrap() = Mood::Stopping,
            _ => {}
        }
        self.store.lease(token, owner, length)
    }

    fn release(&self, token: &str, owner: &str) -> Answer<'_, ()> {
        if self.mood() == Mood::Full { full() } else { self.store.release(token, owner) }
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    fn beat(&self, beat: Beat) -> Answer<'_, ()> {
        self.store.beat(beat)
    }

    fn replicas(&self) -> Answer<'_, Vec<Replica>> {
        self.store.replicas()
    }

    fn gone(&self, instance: &str) -> Answer<'_, ()> {
        self.store.gone(instance)
    }

    fn pour(&self, into: Outflow) -> Answer<'_, ()> {
        self.store.pour(into)
    }

    fn fill(&self, _: Inflow) -> Answer<'_, Copied> {
        full()
    }

    fn rekey(&self) -> Answer<'_, usize> {
        full()
    }

    fn changes(&self, of: Topic<'_>) -> u64 {
        self.store.changes(of)
    }

    fn changed(&self, of: Topic<'_>, seen: u64) -> Changed<'_> {
        self.store.changed(of, seen)
    }

    fn outlines(&self) -> Answer<'_, Vec<(String, Outline)>> {
        self.store.outlines()
    }

    fn tell(&self, hearer: Hearer) {
        self.store.tell(hearer);
    }

    fn touch(&self, of: Topic<'_>) {
        self.store.touch(of);
    }
}
