//! Tells people what concerns them: runs a command, or posts to an address.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwapOption;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::outside;
use crate::config::Notify;
use crate::model::Egress;
use crate::net;
use crate::oauth::{Http, HttpSettings};
use crate::store::Store;
use crate::token::{Notice, Notices};

/// Notices that may wait to be told.
const WAITING: usize = 256;
/// Attempts to post, and the pause before the next, which doubles.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_secs(2);
/// Octets of an answer that are read.
const LONGEST: usize = 64 * 1024;

/// Tells one notice after the other.
#[derive(Debug)]
pub(super) struct Notifier {
    /// Held as long as someone tells; whoever follows one that broke takes what waits.
    waiting: Mutex<mpsc::Receiver<Notice>>,
    notices: Notices,
    to: ArcSwapOption<Ear>,
    store: Arc<dyn Store>,
}

/// Who is told, and the way there.
#[derive(Debug)]
pub(super) struct Ear {
    notify: Arc<Notify>,
    http: Http,
}

impl Ear {
    /// As configured, if anybody is.
    pub(super) fn of(notify: Option<&Notify>, egress: &Egress) -> anyhow::Result<Option<Arc<Self>>> {
        let Some(notify) = notify else { return Ok(None) };
        let tls = net::client_config(notify.ca.as_deref()).context("notify.ca")?;
        let settings = HttpSettings { connect: notify.limit, total: notify.limit, longest: LONGEST };
        let http = Http::by_way_of(egress, &tls, settings)?;
        Ok(Some(Arc::new(Self { notify: Arc::new(notify.clone()), http })))
    }
}

/// Where notices are sent, and who tells them; at first to nobody.
pub(super) fn channel(store: Arc<dyn Store>) -> (Notices, Notifier) {
    let (sender, waiting) = mpsc::channel(WAITING);
    let notices = Notices::to(sender);
    notices.hear(false);
    let notifier =
        Notifier { waiting: Mutex::new(waiting), notices: notices.clone(), to: ArcSwapOption::empty(), store };
    (notices, notifier)
}

impl Notifier {
    /// Until told to stop and nothing waits any more: the store takes what was sent here for told. Whoever waits for this
    /// sets the limit.
    pub(super) async fn run(&self, stop: CancellationToken) {
        let mut waiting = self.waiting.lock().await;
        loop {
            let notice = tokio::select! {
                biased;
                notice = waiting.recv() => notice,
                () = stop.cancelled() => return,
            };
            let Some(notice) = notice else { return };
            if !self.hears(&notice).await
                && let Some(announced) = &notice.announced
            {
                announced.take_back(self.store.as_ref()).await;
            }
        }
    }

    /// These are told from now on; what waits is told to them.
    pub(super) fn tell(&self, to: Option<Arc<Ear>>) {
        self.notices.hear(to.is_some());
        self.to.store(to);
    }

    /// Whether those who want to know of it were told.
    async fn hears(&self, notice: &Notice) -> bool {
        let Some(ear) = self.to.load_full() else { return false };
        let wanted = ear.notify.events.iter().any(|event| event == notice.event);
        !wanted || tell(&ear.notify, &ear.http, notice).await
    }
}

/// Whether anybody was told.
async fn tell(notify: &Notify, http: &Http, notice: &Notice) -> bool {
    let Ok(json) = serde_json::to_string(notice) else { return false };
    let (event, token) = (notice.event, &notice.token);
    let told = |way: &str, outcome: Result<(), String>| match outcome {
        Ok(()) => {
            info!(notice = event, token, way, "notify.told");
            true
        }
        Err(fault) => {
            warn!(notice = event, token, way, error = fault, "notify.failed");
            false
        }
    };
    let by_command = notify.command.is_some() && told("command", outside(notify, notice, &json).await);
    let by_url = notify.url.is_some() && told("url", post(notify, http, &json).await);
    by_command || by_url
}

/// Outside the sandbox, where there is one.
async fn outside(notify: &Notify, notice: &Notice, json: &str) -> Result<(), String> {
    let (notify, notice, json) = (notify.clone(), notice.clone(), json.to_owned());
    let told = outside::run(async move { run(&notify, &notice, &json).await }).await;
    told.unwrap_or_else(|| Err("whatever runs it has ended".to_owned()))
}

/// The event on standard input as JSON, and in the environment for scripts of one line.
async fn run(notify: &Notify, notice: &Notice, json: &str) -> Result<(), String> {
    let Some((program, arguments)) = &notify.command else { return Ok(()) };
    let mut command = Command::new(program);
    // Our own settings may hold secrets, the store's key for one.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"GATEPOST__")) {
        command.env_remove(name);
    }
    let mut child = command
        .args(arguments)
        .env("GATEPOST_EVENT", notice.event)
        .env("GATEPOST_TOKEN", &notice.token)
        .env("GATEPOST_SUMMARY", &notice.summary)
        .env("GATEPOST_REMEDY", &notice.remedy)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|fault| format!("cannot run {}: {fault}", program.display()))?;
    let finished = async {
        if let Some(mut stdin) = child.stdin.take() {
            // A command that does not read it is none the worse.
            drop(stdin.write_all(json.as_bytes()).await);
        }
        child.wait().await
    };
    let late = format!("{} took longer than {} s and was ended", program.display(), notify.limit.as_secs());
    match timeout(notify.limit, finished).await.map_err(|_| late)? {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} ended with {status}", program.display())),
        Err(fault) => Err(fault.to_string()),
    }
}

async fn post(notify: &Notify, http: &Http, json: &str) -> Result<(), String> {
    let Some(url) = &notify.url else { return Ok(()) };
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        if http.tell(url, json.to_owned()).await.is_ok() {
            return Ok(());
        }
        sleep(pause).await;
        pause *= 2;
    }
    http.tell(url, json.to_owned()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Keys, SqliteStore, generate_key};

    fn notice(event: &'static str) -> Notice {
        let (token, mailbox, provider) = ("support".into(), "support@example.com".into(), "corp".into());
        let (summary, remedy) = ("it has ended".into(), "sign in".into());
        let at = chrono::DateTime::UNIX_EPOCH;
        Notice { event, token, mailbox, provider, summary, remedy, ends_at: None, at, announced: None }
    }

    fn by_command(script: &str, seconds: u64) -> Notify {
        let command = ("/bin/sh".into(), vec!["-c".into(), script.into()]);
        let events = vec!["token.needs_authorization".into()];
        Notify { command: Some(command), url: None, ca: None, events, limit: Duration::from_secs(seconds) }
    }

    /// What is told of these notices by a service that is stopped at once.
    async fn told(notify: &Notify, notices: &[Notice]) {
        let (sender, waiting) = mpsc::channel(WAITING);
        for notice in notices {
            sender.try_send(notice.clone()).unwrap();
        }
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::new(&generate_key().unwrap()).unwrap();
        let store = SqliteStore::open(&directory.path().join("gatepost.db"), keys).unwrap();
        let (_, mut notifier) = channel(Arc::new(store));
        notifier.waiting = Mutex::new(waiting);
        notifier.tell(Ear::of(Some(notify), &Egress::default()).unwrap());
        let stop = CancellationToken::new();
        stop.cancel();
        notifier.run(stop).await;
    }

    #[tokio::test]
    async fn a_command_gets_what_waits_even_when_the_service_stops() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("told");
        let script = format!("cat >>{0}; echo \" $GATEPOST_TOKEN: $GATEPOST_REMEDY\" >>{0}", file.display());
        let needs = notice("token.needs_authorization");
        told(&by_command(&script, 30), &[needs.clone(), notice("token.recovered"), needs]).await;
        let text = std::fs::read_to_string(file).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2, "the recovery was not asked for: {text}");
        for line in lines {
            let (json, variables) = line.split_at(line.rfind('}').unwrap() + 1);
            let json: serde_json::Value = serde_json::from_str(json).unwrap();
            assert_eq!((&json["event"], &json["token"]), (&"token.needs_authorization".into(), &"support".into()));
            assert_eq!(variables, " support: sign in");
        }
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_ended_and_one_that_fails_is_named() {
        let run = async |script: &str, seconds| {
            let notify = by_command(script, seconds);
            run(&notify, &notice("token.needs_authorization"), "{}").await.unwrap_err()
        };
        assert_eq!(run("exec sleep 60", 1).await, "/bin/sh took longer than 1 s and was ended");
        assert_eq!(run("exit 3", 60).await, "/bin/sh ended with exit status: 3");
    }
}
