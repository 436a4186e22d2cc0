//! Device codes that the service polls for: a person enters the code elsewhere, and the page that showed it may be closed long
//! since.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::hosted::tell;
use super::kept::{Answer, Device, Kept, PATIENCE, Way, hash, keep, kept, put};
use super::{By, ConsentError, Find, Party};
use crate::clock;
use crate::lifecycle::Busy;
use crate::oauth::{DeviceCode, device_code};
use crate::store::{Kind, Store};

/// The device codes of a service. Cheap to clone.
#[derive(Clone)]
pub struct Devices(Arc<Shared>);

struct Shared {
    store: Arc<dyn Store>,
    find: Find,
    busy: Busy,
    stop: CancellationToken,
    tasks: TaskTracker,
    places: Arc<Semaphore>,
    /// Who polls, among several replicas.
    owner: String,
    /// Those that are polled for here.
    followed: Mutex<HashSet<String>>,
}

/// Codes that are polled for at a time. People enter them, not crowds.
const MOST: usize = 32;
/// For how long a replica may poll for a code without saying so again: longer than a poll takes, with all that comes of it. After
/// that another one takes over.
const LEASE: Duration = Duration::from_mins(2);
/// How often it is looked whether somebody else has left one behind.
const LOOK: Duration = Duration::from_secs(20);

impl Devices {
    /// None yet. A stop waits for a poll that is under way: what it brings is good once.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, find: Find, busy: Busy, stop: CancellationToken) -> Self {
        let (tasks, places) = (TaskTracker::new(), Arc::new(Semaphore::new(MOST)));
        let (owner, followed) = (format!("device codes {}", random()), Mutex::default());
        Self(Arc::new(Shared { store, find, busy, stop, tasks, places, owner, followed }))
    }

    /// Asks for a code and begins to poll; returns the id by which its outcome is asked for.
    pub async fn begin(&self, party: &Party, by: &By) -> Result<String, ConsentError> {
        party.asks_a_person()?;
        let place = self.place()?;
        let code = device_code(&party.http, &party.token).await.map_err(|refusal| party.refused(refusal))?;
        let id = hash(code.secret.expose_secret());
        let kept = Kept::new(party, by, Way::Device(Device::of(&code)));
        // Before anybody else can see it.
        self.0.may_poll(&id).await?;
        put(self.0.store.as_ref(), &id, &kept, code.life + PATIENCE).await?;
        self.follow(id.clone(), code, place);
        Ok(id)
    }

    /// Goes on with those that were begun before the service was stopped; of several replicas, from now on also with those that
    /// another one leaves behind.
    pub fn resume(&self) {
        self.0.tasks.spawn(self.clone().look_after());
    }

    async fn look_after(self) {
        loop {
            match self.take_up().await {
                Ok(()) if !self.0.store.is_shared() => return,
                Ok(()) => {}
                Err(fault) => warn!(error = %fault, "store.failed"),
            }
            if self.0.stop.run_until_cancelled(sleep(LOOK)).await.is_none() {
                return;
            }
        }
    }

    /// Goes on with those that nobody polls for now.
    pub async fn take_up(&self) -> Result<(), ConsentError> {
        for record in self.0.store.records(Kind::Authorization).await? {
            let Ok(Some(content)) = &record.content else { continue };
            let Ok(Kept { way: Way::Device(device), answer: None, .. }) = serde_json::from_str(content) else {
                continue;
            };
            if self.0.followed().contains(&record.name) {
                continue;
            }
            let Ok(place) = self.place() else { return Ok(()) };
            if self.0.may_poll(&record.name).await? {
                self.follow(record.name, device.code(), place);
            }
        }
        Ok(())
    }

    /// Waits until none is polled for any more. Only of use after the stop.
    pub async fn ended(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, ConsentError> {
        Arc::clone(&self.0.places).try_acquire_owned().map_err(|_| ConsentError::TooMany(MOST))
    }

    fn follow(&self, id: String, mut code: DeviceCode, place: OwnedSemaphorePermit) {
        let shared = Arc::clone(&self.0);
        // A provider that wants to be left alone for longer than its code lives does not hold the place.
        let end = clock::now() + TimeDelta::from_std(code.life).unwrap_or_default();
        if !self.0.followed().insert(id.clone()) {
            return;
        }
        self.0.tasks.spawn(async move {
            let _place = place;
            loop {
                tokio::select! {
                    () = shared.stop.cancelled() => break,
                    () = sleep(code.interval.min(until(end))) => {}
                }
                match shared.turn(&id, &mut code).await {
                    Ok(Progress::Pending) => {}
                    Ok(Progress::Over) => break,
                    // It is said where the store is used for more than this.
                    Err(fault) => warn!(error = %fault, "store.failed"),
                }
            }
            shared.leave(&id).await;
        });
    }
}

/// At least a second: whoever asks for the last time may have to ask once more.
fn until(end: DateTime<Utc>) -> Duration {
    (end - clock::now()).to_std().unwrap_or_default().max(Duration::from_secs(1))
}

/// No token is called so: names have no control characters.
fn leased(id: &str) -> String {
    format!("\u{1f}device code {id}")
}

fn random() -> String {
    let mut random = [0; 16];
    // Without randomness there is no TLS, and so no code.
    let _ = aws_lc_rs::rand::fill(&mut random);
    format!("{:032x}", u128::from_le_bytes(random))
}

enum Progress {
    Pending,
    Over,
}

impl Shared {
    /// Of two who poll for the same code, one is told that it is spent: of several replicas, one polls at a time.
    async fn turn(&self, id: &str, code: &mut DeviceCode) -> Result<Progress, ConsentError> {
        if self.may_poll(id).await? { self.poll(id, code).await } else { Ok(Progress::Over) }
    }

    async fn may_poll(&self, id: &str) -> Result<bool, ConsentError> {
        Ok(!self.store.is_shared() || self.store.lease(&leased(id), &self.owner, LEASE).await?)
    }

    /// Another may go on at once. Where the store cannot be told, it is after the lease.
    async fn leave(&self, id: &str) {
        self.followed().remove(id);
        if self.store.is_shared() {
            drop(self.store.release(&leased(id), &self.owner).await);
        }
    }

    fn followed(&self) -> MutexGuard<'_, HashSet<String>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn poll(&self, id: &str, code: &mut DeviceCode) -> Result<Progress, ConsentError> {
        let store = self.store.as_ref();
        let Some((record, kept)) = kept(store, id).await?.filter(|(_, kept)| kept.answer.is_none()) else {
            return Ok(Progress::Over);
        };
        let _busy = self.busy.enter();
        let granted = match (self.find)(&kept.token) {
            None => Err(ConsentError::Store(crate::token::TokenError::Unknown(kept.token.clone()))),
            Some(party) => match code.poll(&party.http, &party.token).await {
                Ok(None) if kept.has_run_out() => Err(party.refused(DeviceCode::ended(&kept.token))),
                Ok(None) => return Ok(Progress::Pending),
                Ok(Some(granted)) => Ok((party, granted)),
                Err(refusal) => Err(party.refused(refusal)),
            },
        };
        let taken = Kept { answer: Some(Answer::Taken), ..kept };
        let record = match keep(store, record.clone(), &taken, PATIENCE).await {
            Ok(record) => record,
            // Whoever has cancelled it meanwhile was first.
            Err(ConsentError::Unknown) => return Ok(Progress::Over),
            // A grant comes once. It is not thrown away because nobody can be told of it.
            Err(fault) if granted.is_err() => return Err(fault),
            Err(fault) => {
                warn!(token = taken.token, error = %fault, "store.failed");
                record
            }
        };
        let came_to = match granted {
            Ok((party, granted)) => party.accept(store, granted).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = &came_to {
            warn!(token = taken.token, error = %fault, remedy = fault.remedy(), "admin.authorization_failed");
        }
        tell(store, record, taken, &came_to).await;
        Ok(Progress::Over)
    }
}

impl Kept {
    fn has_run_out(&self) -> bool {
        matches!(&self.way, Way::Device(device) if device.ends <= clock::now())
    }
}

impl Device {
    fn of(code: &DeviceCode) -> Self {
        Self {
            secret: code.secret.expose_secret().to_owned(),
            user_code: code.user_code.clone(),
            verification_url: code.verification_url.clone(),
            complete_url: code.complete_url.clone(),
            ends: clock::now() + TimeDelta::from_std(code.life).unwrap_or_default(),
            interval: code.interval.as_secs(),
        }
    }

    fn code(self) -> DeviceCode {
        let life = (self.ends - clock::now()).to_std().unwrap_or_default();
        DeviceCode {
            user_code: self.user_code,
            verification_url: self.verification_url,
            complete_url: self.complete_url,
            life,
            secret: self.secret.into(),
            interval: Duration::from_secs(self.interval.clamp(1, 60)),
        }
    }
}

/// What it holds says nothing.
impl fmt::Debug for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Devices").field("polled", &self.0.followed().len()).finish_non_exhaustive()
    }
}
