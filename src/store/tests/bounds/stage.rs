use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use gatepost_kit::Postgres;
use secrecy::SecretString;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, pause, resume, sleep};
use tokio_util::sync::CancellationToken;

use super::super::ground::servers;
use crate::model::{MailboxLimits, Protocol, Provider};
use crate::share::{Measure, Shares, Wanting};
use crate::store::{Keys, PostgresStore, generate_key};
use crate::submit::gate::{Gate, GateSettings, MailboxGate, Pass, Permit};

/// How far the clocks go on at a time: as long as a replica is silent at most.
const STEP: Duration = Duration::from_secs(5);
/// For how long a word with the database lets a replica use what it holds.
const LEASE: Duration = Duration::from_secs(18);
/// Looks until something is given up for lost. However slow the machine is, nothing takes so many.
const LOOKS: u32 = 4000;
const LOOK: Duration = Duration::from_millis(50);
/// The same of rounds.
pub(super) const ROUNDS: u32 = 1000;
const MINUTE: Duration = Duration::from_mins(1);

/// Replicas of one database, and a provider who counts. Clocks go on by [`Stage::pass`]: that of the replicas, and as much that
/// of the database.
pub(super) struct Stage {
    server: Postgres,
    database: String,
    key: SecretString,
    pub(super) all: Vec<Replica>,
    started: usize,
    /// How often the clocks have gone on.
    pub(super) rounds: u32,
    /// When each message went, by its mailbox: not before the one, and not after the other.
    sent: BTreeMap<String, Vec<[Instant; 2]>>,
    /// The database is away, and its clock has so much to make up for.
    away: Option<Duration>,
}

pub(super) struct Replica {
    pub(super) shares: Arc<Shares>,
    gate: Arc<Gate>,
    /// It cannot reach the database.
    cut: watch::Sender<bool>,
    /// Nothing of it goes on.
    pub(super) still: watch::Sender<bool>,
    end: CancellationToken,
    keeps: JoinHandle<()>,
    open: BTreeMap<String, Vec<Permit>>,
    waits: Vec<Wanting>,
}

/// A mailbox of which so much is allowed, at a time and in a minute.
pub(super) fn mailbox(name: &str, most: u32) -> Provider {
    let most = NonZeroU32::new(most);
    let limits = MailboxLimits { smtp_sessions: most, messages_per_minute: most, imap_sessions: None };
    Provider { name: name.into(), limits, ..Provider::default() }
}

impl Stage {
    /// Some replicas, each of which has its part.
    pub(super) async fn of(server: Postgres, count: usize) -> Self {
        let url = server.database().await;
        let database = url.rsplit('/').next().unwrap().to_owned();
        let key = generate_key().unwrap();
        let mut stage =
            Self { server, database, key, all: Vec::new(), started: 0, rounds: 0, sent: BTreeMap::new(), away: None };
        for _ in 0..count {
            stage.join().await;
        }
        let settled = format!("{count}|{count}");
        stage.until(async |stage| stage.ask("SELECT count(*), min(counted) FROM holders").await == settled).await;
        // Whoever has its part has heard of it.
        stage.pass().await;
        stage
    }

    /// One more starts.
    pub(super) async fn join(&mut self) {
        let (cut, cuts) = watch::channel(false);
        let url = self.server.url(&self.database);
        let port = wire(self.server.port(), cuts).await;
        let wired = url.replace(&format!(":{}/", self.server.port()), &format!(":{port}/"));
        let store = PostgresStore::open(servers(&wired), Keys::new(&self.key).unwrap()).await.unwrap();
        let shares = Shares::new(Arc::new(store), &format!("replica{}", self.started));
        self.started += 1;
        let settings = GateSettings { wait: LOOK, waiters: 100, idle: MINUTE };
        let gate = Arc::new(Gate::new(settings).sharing(Some(Arc::clone(&shares))));
        let (end, (still, stills)) = (CancellationToken::new(), watch::channel(false));
        let keeps = tokio::spawn(unless(stills, Arc::clone(&shares).keep(end.clone())));
        let (open, waits) = (BTreeMap::new(), Vec::new());
        self.all.push(Replica { shares, gate, cut, still, end, keeps, open, waits });
    }

    /// One ends in order: its sessions are over a little later.
    pub(super) async fn part(&mut self, who: usize) {
        let mut replica = self.all.remove(who);
        replica.waits_no_more();
        replica.end.cancel();
        sleep(LOOK).await;
        replica.open.clear();
        (&mut replica.keeps).await.unwrap();
    }

    /// One ends, and its sessions go on as long as it is kept. Until when it held them at least.
    pub(super) async fn end(&mut self, who: usize) -> (Replica, Instant) {
        let mut replica = self.all.remove(who);
        replica.waits_no_more();
        let held_until = replica.shares.lease_ends();
        replica.end.cancel();
        (&mut replica.keeps).await.unwrap();
        (replica, held_until)
    }

    /// One dies. Until when it believed to hold what it had.
    pub(super) fn kill(&mut self, who: usize) -> Instant {
        let replica = self.all.remove(who);
        replica.keeps.abort();
        replica.cut.send_replace(true);
        replica.shares.lease_ends()
    }

    /// One cannot reach the database from now on, or can again.
    pub(super) fn cut(&self, who: usize, cut: bool) {
        self.all[who].cut.send_replace(cut);
    }

    /// The clocks go on, and all who can have said that they live.
    pub(super) async fn pass(&mut self) {
        self.rounds += 1;
        // The database's first: a word that comes in between counts for longer there than here, and not for less.
        match &mut self.away {
            Some(owed) => *owed += STEP,
            None => self.late(STEP).await,
        }
        pause();
        advance(STEP).await;
        resume();
        let now = Instant::now();
        self.until(async |stage| {
            let can = |replica: &&Replica| stage.away.is_none() && !*replica.cut.borrow() && !*replica.still.borrow();
            stage.all.iter().filter(can).all(|replica| replica.shares.lease_ends() >= now + LEASE)
        })
        .await;
    }

    /// The database's clock has gone on.
    async fn late(&self, time: Duration) {
        self.ask(&format!("UPDATE holders SET ends_at = ends_at - {}", time.as_millis())).await;
    }

    /// The database goes: it says no, or nothing.
    pub(super) async fn goes(&mut self, silently: bool) {
        self.away = Some(Duration::ZERO);
        if silently {
            self.server.freeze().await;
        } else {
            self.server.stop().await;
        }
    }

    /// It is back, and knows what time it is before anybody asks.
    pub(super) async fn comes(&mut self, silently: bool) {
        (0..self.all.len()).for_each(|who| self.cut(who, true));
        if silently {
            self.server.thaw().await;
        } else {
            self.server.start().await;
        }
        let owed = self.away.take().unwrap_or_default();
        self.late(owed).await;
        (0..self.all.len()).for_each(|who| self.cut(who, false));
        self.pass().await;
    }

    async fn ask(&self, sql: &str) -> String {
        self.server.query_in(&self.database, sql).await.trim().to_owned()
    }

    pub(super) async fn until(&self, is_so: impl AsyncFn(&Self) -> bool) {
        for _ in 0..LOOKS {
            if is_so(self).await {
                return;
            }
            sleep(LOOK).await;
        }
        panic!("it never came");
    }

    /// One opens all that it may, and sends all that it may. How many sessions it has then.
    pub(super) fn uses(&mut self, who: usize, mailbox: &Provider) -> usize {
        let of = self.all[who].of(mailbox);
        let sent = self.sent.entry(mailbox.name.clone()).or_default();
        loop {
            let before = Instant::now();
            if of.enter_now(Pass::Message).is_none() {
                break;
            }
            sent.push([before, Instant::now()]);
        }
        self.all[who].opens(mailbox)
    }

    /// One gets hold of all that there is, sessions and messages.
    pub(super) async fn takes_all(&mut self, who: usize, mailbox: &Provider) {
        let most = mailbox.limits.smtp_sessions.map_or(0, NonZeroU32::get) as usize;
        self.all[who].waits_for(mailbox);
        // What it may send of a minute follows evenly.
        for _ in 0..ROUNDS {
            if self.uses(who, mailbox) >= most && self.in_a_minute(mailbox) >= most {
                self.all[who].waits_no_more();
                return;
            }
            self.pass().await;
        }
        panic!("{} does not get all", mailbox.name);
    }

    /// The sessions of one end, and nobody can come in there any more: others have all that there is, and the store says so.
    pub(super) async fn has_none(&mut self, who: usize, mailbox: &Provider) {
        for _ in 0..ROUNDS {
            self.all[who].closes(mailbox, usize::MAX);
            if self.all[who].opens(mailbox) == 0 {
                return;
            }
            self.pass().await;
        }
        panic!("{} is open to {who}", mailbox.name);
    }

    /// Sessions that are open, at all.
    pub(super) fn open(&self, mailbox: &Provider) -> usize {
        self.all.iter().map(|replica| replica.open(mailbox)).sum()
    }

    /// Messages, at all.
    pub(super) fn sent(&self, mailbox: &Provider) -> usize {
        self.sent.get(&mailbox.name).map_or(0, Vec::len)
    }

    /// Messages in the minute in which there were most.
    pub(super) fn in_a_minute(&self, mailbox: &Provider) -> usize {
        self.in_a_minute_since(mailbox, None)
    }

    pub(super) fn in_a_minute_since(&self, mailbox: &Provider, since: Option<Instant>) -> usize {
        let sent = self.sent.get(&mailbox.name).map_or(&[][..], Vec::as_slice);
        let sent = || sent.iter().filter(|[before, _]| since.is_none_or(|since| *before > since));
        let from = |[first, _]: &[Instant; 2]| {
            sent().filter(|[before, after]| before >= first && *after < *first + MINUTE).count()
        };
        sent().map(from).max().unwrap_or(0)
    }
}

impl Replica {
    fn of(&self, mailbox: &Provider) -> MailboxGate {
        self.gate.of(mailbox, "desk@example.com")
    }

    /// Opens all that it may. How many it has then.
    pub(super) fn opens(&mut self, mailbox: &Provider) -> usize {
        let of = self.of(mailbox);
        let open = self.open.entry(mailbox.name.clone()).or_default();
        open.extend(std::iter::from_fn(|| of.enter_now(Pass::Session(Protocol::Smtp))));
        open.len()
    }

    /// Some of its sessions end.
    pub(super) fn closes(&mut self, mailbox: &Provider, count: usize) {
        let open = self.open.entry(mailbox.name.clone()).or_default();
        open.truncate(open.len() - count.min(open.len()));
    }

    pub(super) fn open(&self, mailbox: &Provider) -> usize {
        self.open.get(&mailbox.name).map_or(0, Vec::len)
    }

    /// Somebody waits here, as long as nobody says otherwise.
    pub(super) fn waits_for(&mut self, mailbox: &Provider) {
        let most = mailbox.limits.smtp_sessions.map_or(0, NonZeroU32::get);
        for (limit, lasting) in [("smtp_sessions", false), ("messages_per_minute", true)] {
            let name = format!("{limit}/{}/desk@example.com", mailbox.name).into();
            self.waits.push(self.shares.want(&name, Measure { most, lasting }));
        }
    }

    pub(super) fn waits_no_more(&mut self) {
        self.waits.clear();
    }

    pub(super) fn is_alone(&self) -> bool {
        self.shares.figures().is_alone
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

/// Goes on, unless told to stand still.
async fn unless(mut still: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    let mut work = pin!(work);
    loop {
        while *still.borrow_and_update() {
            if still.changed().await.is_err() {
                return;
            }
        }
        tokio::select! {
            biased;
            told = still.changed() => if told.is_err() { return },
            () = &mut work => return,
        }
    }
}

/// A line to the server, over which nothing goes while it is cut.
async fn wire(port: u16, cut: watch::Receiver<bool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(unless(cut.clone(), async move {
                if let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await {
                    drop(copy_bidirectional(&mut client, &mut server).await);
                }
            }));
        }
    });
    own
}
