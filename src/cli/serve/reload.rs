//! Another configuration for the running service: checked as a whole, sockets open, and only then in force; or nothing is.

use std::fmt;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tracing::{error, info, warn};

use super::super::admin::guarded;
use super::super::log::Logging;
use super::super::notify::Ear;
use super::super::process;
use super::doors::{self, Moved};
use super::frontends::Renewed;
use super::generation::Generation;
use super::lasting::Lasting;
use super::live::Live;
use super::{SERVING, monitor, pages, tasks};
use crate::config::Config;
use crate::lifecycle::systemd;
use crate::net::Inherited;
use crate::registry::Candidate;

/// What of a configuration a running service cannot change: what it begins with these words.
const FIXED: [&str; 3] = ["store", "control", "service"];

/// What `systemctl status` says then.
const NOT_RELOADED: &str = "Serving by the configuration from before: the new one cannot be served, see the log";

/// A configuration that can be served: all that could go wrong has been done, and nothing is in force yet.
pub(super) struct Next {
    pub(super) generation: Arc<Generation>,
    pub(super) certificate: Option<Renewed>,
    pub(super) doors: doors::Plan,
    pub(super) pages: pages::Plan,
    pub(super) monitor: monitor::Plan,
    pub(super) ear: Option<Arc<Ear>>,
}

/// What a reload has changed; names, and no values.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Changes {
    /// Keys of the configuration, such as `accounts.desk`, with `added`, `removed` or `changed`.
    pub changed: Vec<String>,
    /// Listeners that were opened.
    pub opened: Vec<String>,
    /// Listeners that were closed.
    pub closed: Vec<String>,
    /// Sessions that were ended, or will be soon.
    pub ended: usize,
    /// Another certificate serves.
    pub certificate: bool,
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.changed.clone();
        lines.extend(self.opened.iter().map(|listener| format!("now listening: {listener}")));
        lines.extend(self.closed.iter().map(|listener| format!("no longer listening: {listener}")));
        if self.certificate {
            lines.push("another certificate serves".into());
        }
        if self.ended > 0 {
            lines.push(format!("sessions ended: {}", self.ended));
        }
        if lines.is_empty() {
            lines.push("the configuration is as it was; certificates and secrets were read again".into());
        }
        f.write_str(&lines.join("\n"))
    }
}

impl Next {
    /// Builds everything and opens what is not open yet.
    pub(super) fn of(
        config: &Arc<Config>,
        lasting: &Lasting,
        live: Option<&Live>,
        inherited: Inherited,
    ) -> anyhow::Result<Self> {
        let before = live.map(|live| live.generation.load_full());
        let served = before.as_ref().and_then(|before| before.certificate.as_ref());
        let certificate = Renewed::read(config, served)?;
        let served = certificate.as_ref().map(|renewed| Arc::clone(&renewed.certificate));
        let generation = Arc::new(Generation::of(config, lasting, served, before.as_deref())?);
        let ear = Ear::of(config.notify.as_ref(), &config.egress)?;
        let open = live.map(|live| live.doors().clone()).unwrap_or_default();
        let doors = doors::Plan::of(&generation, &open, inherited, &lasting.closing)?;
        let pages = match live {
            Some(live) => live.office().plan(&generation, lasting)?,
            None => pages::Office::default().plan(&generation, lasting)?,
        };
        let monitor = match live {
            Some(live) => live.post().plan(&generation, lasting)?,
            None => monitor::Post::default().plan(&generation, lasting)?,
        };
        check_log(config, before.as_deref())?;
        Ok(Self { generation, certificate, doors, pages, monitor, ear })
    }
}

impl Live {
    /// Reads the configuration again and serves by it, or changes nothing. It is told in the log, whoever asked for it.
    pub(in crate::cli) async fn reload(self: Arc<Self>) -> anyhow::Result<Changes> {
        // Whoever asked may leave: what was begun is finished.
        let reloading = tokio::spawn(async move {
            let _turn = self.turn.lock().await;
            systemd::reloading();
            let outcome = match self.read_again().await {
                Ok(config) => self.serve_by(config).await,
                Err(fault) => Err(fault),
            };
            tell(&outcome);
            // What was replaced is freed by now, but for what old sessions hold. It takes a moment where there was much.
            drop(tokio::task::spawn_blocking(process::give_back_free_memory));
            systemd::ready(if outcome.is_ok() { SERVING } else { NOT_RELOADED });
            outcome
        });
        reloading.await.context("the reload broke; look into the log")?
    }

    /// Serves by this configuration from now on, or changes nothing.
    pub(super) async fn adopt(self: &Arc<Self>, config: Config) -> anyhow::Result<Changes> {
        let _turn = self.turn.lock().await;
        let outcome = self.serve_by(config).await;
        tell(&outcome);
        outcome
    }

    async fn read_again(self: &Arc<Self>) -> anyhow::Result<Config> {
        let live = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || live.source.get().map(|source| source()));
        let read = read.await.context("the configuration could not be read")?;
        read.context("the service is just being started; try again")?
    }

    async fn serve_by(self: &Arc<Self>, config: Config) -> anyhow::Result<Changes> {
        anyhow::ensure!(!self.lasting.closing.is_cancelled(), "the service is stopping");
        let before = Arc::clone(&self.generation.load().config);
        let config = Arc::new(config);
        let mut keys = config.differences(&before);
        check_fixed(&keys)?;
        bound(&mut keys);
        if config.admin.is_some() {
            guarded(&config, &self.lasting.store).await?;
        }
        let candidate = self.lasting.registry.with(Arc::clone(&config)).await?;
        let (live, next) = (Arc::clone(self), Arc::clone(&config));
        let next =
            tokio::task::spawn_blocking(move || Next::of(&next, &live.lasting, Some(&live), Inherited::default()));
        let next = next.await.context("the configuration could not be prepared")??;
        next.generation.check(candidate.declared())?;
        let changes = Changes { changed: keys, ..self.put_in_force(next, candidate).await };
        for warning in &config.warnings {
            warn!(warning, "config.warning");
        }
        Ok(changes)
    }

    /// Serves at these sockets, and in this way, from now on; also whether another certificate serves.
    pub(super) fn install(self: &Arc<Self>, next: Next) -> (Moved, bool) {
        self.lasting.notifier.tell(next.ear);
        let certificate = next.certificate.is_some_and(Renewed::adopt);
        let moved = next.doors.adopt(&mut self.doors());
        if let Some((admin, closed)) = self.office().adopt(next.pages, &self.lasting) {
            tasks::pages(self, admin, closed);
        }
        if let Some((admin, closed)) = self.post().adopt(next.monitor, &self.lasting) {
            tasks::pages(self, admin, closed);
        }
        for door in &moved.opened {
            tasks::door(self, door);
        }
        (moved, certificate)
    }

    /// Nothing here can fail. Whoever is locked out is locked out first.
    async fn put_in_force(self: &Arc<Self>, next: Next, candidate: Candidate) -> Changes {
        let config = Arc::clone(&next.generation.config);
        self.take_ended();
        self.generation.store(Arc::clone(&next.generation));
        self.lasting.set(&config);
        self.lasting.registry.adopt(candidate).await;
        if let Some(logging) = Logging::of_process() {
            logging.apply(&config.log);
        }
        let (Moved { opened, closed }, certificate) = self.install(next);
        let left: Vec<_> = closed.iter().map(|door| door.number).collect();
        let ended = self.take_ended() + self.came_by(&left).len();
        if !left.is_empty() {
            self.tasks.spawn(Arc::clone(self).see_doors_off(left));
        }
        let shown = |doors: &[Arc<doors::Door>]| {
            doors.iter().map(|door| door.address()).map(|(protocol, at)| format!("{protocol} {at}")).collect()
        };
        Changes { changed: Vec::new(), opened: shown(&opened), closed: shown(&closed), ended, certificate }
    }
}

/// So many differences are told by name: a file that was made anew by a program may differ in each of its accounts.
const MOST_TOLD: usize = 1000;

fn bound(keys: &mut Vec<String>) {
    let more = keys.len().saturating_sub(MOST_TOLD);
    if more > 0 {
        keys.truncate(MOST_TOLD);
        keys.push(format!("and {more} more"));
    }
}

/// Another file of the log has to be one that can be written: nobody would hear that it cannot.
fn check_log(config: &Config, before: Option<&Generation>) -> anyhow::Result<()> {
    let (Some(file), Some(before)) = (&config.log.file, before) else { return Ok(()) };
    if before.config.log.file.as_ref() != Some(file) {
        let mut options = std::fs::OpenOptions::new();
        let opened = options.create(true).append(true).mode(0o640).open(file);
        opened.with_context(|| format!("[log] file: {} cannot be written", file.display()))?;
    }
    Ok(())
}

/// What a running service is built on.
fn check_fixed(changed: &[String]) -> anyhow::Result<()> {
    let is_fixed = |change: &&String| {
        let key = change.split([' ', '.']).next().unwrap_or_default();
        FIXED.contains(&key)
    };
    let fixed: Vec<_> = changed.iter().filter(is_fixed).map(String::as_str).collect();
    anyhow::ensure!(
        fixed.is_empty(),
        "{}: that needs a restart; nothing was changed. Take it back, or restart the service",
        fixed.join(", ")
    );
    Ok(())
}

fn tell(outcome: &anyhow::Result<Changes>) {
    match outcome {
        Ok(Changes { changed, opened, closed, ended, certificate }) => {
            let [changed, opened, closed] = [changed, opened, closed].map(|list| list.join(", "));
            info!(changed, opened, closed, sessions_ended = ended, certificate, "config.reloaded");
        }
        Err(fault) => {
            let remedy = "what was served before goes on; mend it and reload again";
            error!(error = format!("{fault:#}"), remedy, "config.reload_failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_made_anew_does_not_fill_the_log() {
        let mut keys: Vec<_> = (0..=MOST_TOLD).map(|number| format!("accounts.{number} added")).collect();
        let few = keys[..MOST_TOLD].to_vec();
        bound(&mut keys);
        assert_eq!((keys.len(), keys.last().map(String::as_str)), (MOST_TOLD + 1, Some("and 1 more")));
        let mut same = few.clone();
        bound(&mut same);
        assert_eq!(same, few);
    }
}
