use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use tracing::{info, warn};

use super::super::page::Notice;
use super::super::visitor::Visitor;
use super::attempts::{Attempts, Turn};
use super::link;
use super::password::{AdminPassword, PasswordError, fingerprint, fit};
use super::session::Sessions;
use crate::account::{Hashing, Unhashed};
use crate::clock;
use crate::config::Admin;
use crate::store::{Deed, Store, StoreError};

/// Lets administrators in, and nobody else.
#[derive(Debug)]
pub struct Porter {
    store: Arc<dyn Store>,
    password: AdminPassword,
    sessions: Sessions,
    attempts: Arc<Attempts>,
    hashing: Arc<Hashing>,
}

/// What a browser keeps to be known again.
pub(in crate::admin) type Ticket = SecretString;

/// Why nobody was let in; said to a person.
#[derive(Debug, thiserror::Error)]
pub(in crate::admin) enum Refused {
    /// Not the password.
    #[error("That is not the administrator's password.")]
    Wrong,
    /// Too many attempts.
    #[error("Too many attempts were wrong. Try again in {} seconds.", .0.as_secs() + 1)]
    TooMany(Duration),
    /// There is none yet.
    #[error("No password is set yet. `gatepost admin link`, run where the service runs, prints a link to set one.")]
    Unset,
    /// The link of the first password.
    #[error("This link has been used, was replaced by a newer one, or is older than an hour.")]
    Link,
    /// The new password is no good.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Too much at once.
    #[error(transparent)]
    Busy(#[from] Unhashed),
}

impl From<StoreError> for Refused {
    fn from(fault: StoreError) -> Self {
        Self::Password(fault.into())
    }
}

/// Hashes at a time, and those that wait: administrators are few, and one who waits for long tries again.
const HASHES: usize = 1;
const WAITING: usize = 16;

impl Porter {
    /// With this configuration and store.
    #[must_use]
    pub fn new(admin: &Admin, store: Arc<dyn Store>) -> Self {
        let password = AdminPassword::of(admin, Arc::clone(&store));
        let sessions = Sessions::new(Arc::clone(&store), password.clone(), admin.session_idle, admin.session);
        let (attempts, hashing) = (Arc::default(), Arc::new(Hashing::new(HASHES, WAITING)));
        Self { store, password, sessions, attempts, hashing }
    }

    /// The same with another configuration: attempts go on to count.
    #[must_use]
    pub fn with(&self, admin: &Admin) -> Self {
        let (attempts, hashing) = (Arc::clone(&self.attempts), Arc::clone(&self.hashing));
        Self { attempts, hashing, ..Self::new(admin, Arc::clone(&self.store)) }
    }

    /// Whether there is a password to sign in with.
    pub(in crate::admin) async fn has_password(&self) -> Result<bool, StoreError> {
        Ok(self.password.hash().await?.is_some())
    }

    /// Whether the password can be changed on a page.
    pub(in crate::admin) fn changeable(&self) -> Result<(), PasswordError> {
        self.password.changeable()
    }

    /// Lets one in who knows the password.
    pub(in crate::admin) async fn sign_in(&self, from: IpAddr, password: &SecretString) -> Result<Ticket, Refused> {
        let fingerprint = self.check(from, password).await?;
        let ticket = self.sessions.begin(fingerprint, clock::now()).await?;
        info!(peer = %from, "admin.signed_in");
        self.note(from, "admin.signed_in", "").await;
        Ok(ticket)
    }

    /// Whoever this secret was given to.
    pub(in crate::admin) async fn visitor(&self, secret: &str, from: IpAddr) -> Result<Option<Visitor>, StoreError> {
        self.visitor_at(secret, from, clock::now()).await
    }

    pub(super) async fn visitor_at(
        &self,
        secret: &str,
        from: IpAddr,
        now: DateTime<Utc>,
    ) -> Result<Option<Visitor>, StoreError> {
        self.sessions.visitor(secret, from, now).await
    }

    /// Who this secret was given to, without noting that somebody is there: for what browsers ask by themselves.
    pub(in crate::admin) async fn onlooker(&self, secret: &str, from: IpAddr) -> Result<Option<Visitor>, StoreError> {
        self.sessions.onlooker(secret, from, clock::now()).await
    }

    /// Whether one is still signed in, which is not to say that somebody is there.
    pub(in crate::admin) async fn is_in(&self, visitor: &Visitor) -> Result<bool, StoreError> {
        self.sessions.is_in(&visitor.id, clock::now()).await
    }

    /// Lets one out.
    pub(in crate::admin) async fn sign_out(&self, visitor: &Visitor, from: IpAddr) -> Result<(), StoreError> {
        self.sessions.end(&visitor.id).await?;
        info!(peer = %from, "admin.signed_out");
        self.note(from, "admin.signed_out", "").await;
        Ok(())
    }

    /// Ends a session without a word: another takes its place.
    pub(in crate::admin) async fn replace(&self, visitor: &Visitor) -> Result<(), StoreError> {
        self.sessions.end(&visitor.id).await
    }

    /// Keeps a notice for the visitor's next page, or takes it away.
    pub(in crate::admin) async fn tell(&self, visitor: &Visitor, notice: Option<Notice>) -> Result<(), StoreError> {
        self.sessions.tell(&visitor.id, notice, clock::now()).await
    }

    /// Whether a link of the first password leads somewhere.
    pub(in crate::admin) async fn link_is_good(&self, code: &str) -> Result<bool, StoreError> {
        Ok(!self.has_password().await? && link::is_good(self.store.as_ref(), code).await?)
    }

    /// Sets the first password, and lets in who has set it.
    pub(in crate::admin) async fn set_up(
        &self,
        from: IpAddr,
        code: &str,
        password: &SecretString,
    ) -> Result<Ticket, Refused> {
        fit(password)?;
        if !self.link_is_good(code).await? {
            return Err(Refused::Link);
        }
        let hash = self.hashing.hash(password).await?;
        // Saved only where there is none: of two who have the link, one is told so.
        self.password.begin(&hash).await?;
        link::end(self.store.as_ref()).await?;
        info!(peer = %from, "admin.password_changed");
        self.note(from, "admin.password_changed", "the first one, by the link").await;
        Ok(self.sessions.begin(fingerprint(&hash), clock::now()).await?)
    }

    /// Changes the password; all who were signed in are not any more, but for the one who gets the ticket.
    pub(in crate::admin) async fn change(
        &self,
        from: IpAddr,
        old: &SecretString,
        new: &SecretString,
    ) -> Result<Ticket, Refused> {
        self.changeable()?;
        fit(new)?;
        self.check(from, old).await?;
        let hash = self.hashing.hash(new).await?;
        self.password.replace(&hash).await?;
        self.sessions.review();
        info!(peer = %from, "admin.password_changed");
        self.note(from, "admin.password_changed", "").await;
        Ok(self.sessions.begin(fingerprint(&hash), clock::now()).await?)
    }

    /// The fingerprint of the password, if this is it.
    async fn check(&self, from: IpAddr, password: &SecretString) -> Result<String, Refused> {
        let hash = self.password.hash().await?.ok_or(Refused::Unset)?;
        let first = match self.attempts.begin(from) {
            Turn::Go { first } => first,
            Turn::Wait(wait) => {
                if self.attempts.is_told() {
                    warn!(peer = %from, wait_seconds = wait.as_secs() + 1, "admin.sign_in_throttled");
                }
                return Err(Refused::TooMany(wait));
            }
        };
        let matches = self.hashing.matches(password, &hash).await.inspect_err(|_| self.attempts.undo(from))?;
        if matches {
            self.attempts.right(from);
            return Ok(fingerprint(&hash));
        }
        warn!(peer = %from, "admin.sign_in_failed");
        // The first of a series alone, and few in all: nobody shall push what was done out of the trail by guessing.
        if first && self.attempts.is_noted() {
            self.note(from, "admin.sign_in_failed", "").await;
        }
        Err(Refused::Wrong)
    }

    /// A trail that cannot be written is told, and locks nobody out: it may be the disk that someone comes to look after.
    async fn note(&self, from: IpAddr, what: &str, detail: &str) {
        let deed = Deed {
            at: clock::now(),
            who: "administrator".into(),
            from: from.to_string(),
            what: what.into(),
            subject: String::new(),
            detail: detail.into(),
        };
        if let Err(fault) = self.store.note(deed).await {
            warn!(error = %fault, "store.failed");
        }
    }
}
