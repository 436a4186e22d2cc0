use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::lane::{Answer, Entered, Hindrance, Probes, Rules};
use super::mailbox::{Line, Mailbox};
use super::share::Parts;
use super::{Full, Gate, Pass};
use crate::explain::{self, Reach, Throttle};
use crate::model::{MailboxLimits, Protocol};
use crate::share::Wanting;

/// The gate of one mailbox.
#[derive(Clone, Debug)]
pub struct MailboxGate {
    gate: Arc<Gate>,
    key: Arc<str>,
    limits: MailboxLimits,
    /// What of them is this replica's.
    parts: Option<Arc<Parts>>,
}

/// Someone is through. Dropping it lets the next one follow.
#[derive(Debug)]
#[must_use = "dropping it lets the next one through"]
pub struct Permit {
    mailbox: MailboxGate,
    pass: Pass,
    probes: Probes,
    /// The lane has had a pause: success is news.
    news: bool,
    yielding: bool,
    released: bool,
    /// Where it is given back: a limit that came with a reload counts only those after it.
    counted: Option<Arc<Parts>>,
}

/// Someone waits; leaves the queue when dropped.
struct Waiting<'a> {
    mailbox: &'a MailboxGate,
    pass: Pass,
    number: u64,
    since: Instant,
    deadline: Instant,
    /// What it hopes for from other replicas.
    wanting: Option<Wanting>,
}

impl MailboxGate {
    pub(super) const fn new(gate: Arc<Gate>, key: Arc<str>, limits: MailboxLimits, parts: Option<Arc<Parts>>) -> Self {
        Self { gate, key, limits, parts }
    }

    /// What the mailbox is allowed in a lane now; under the gate's lock.
    fn rules(&self, pass: Pass) -> Rules {
        let rules = pass.rules(self.limits);
        self.parts.as_ref().map_or(rules, |parts| parts.narrow(pass, rules))
    }

    /// One has gone; under the gate's lock. Says where it is to be given back.
    fn took(&self, pass: Pass) -> Option<Arc<Parts>> {
        self.parts.clone().filter(|parts| parts.enter(pass, pass.rules(self.limits)))
    }

    /// Waits for its turn, as long and with as many others as the settings allow; not at all where that would be in vain.
    pub async fn enter(&self, pass: Pass) -> Result<Permit, Full> {
        let (mut waiting, call) = match self.begin(pass)? {
            Begun::Through(permit) => return Ok(permit),
            Begun::Waiting(waiting, call) => (waiting, call),
        };
        loop {
            // Before the look: what comes after it is heard.
            let given = waiting.wanting.as_ref().map(Wanting::changed);
            let given = given.as_ref().map(|given| given.notified());
            match waiting.look()? {
                Looked::Through(permit) => return Ok(permit),
                Looked::Again(_) if given.is_none() && waiting.wanting.is_some() => {}
                // Called or not: the next look tells.
                Looked::Again(at) => drop(timeout_at(at, either(call.notified(), given)).await),
            }
        }
    }

    /// Goes through if nobody has to be waited for.
    #[must_use]
    pub fn enter_now(&self, pass: Pass) -> Option<Permit> {
        let now = Instant::now();
        let mut mailboxes = self.gate.lock();
        let entered = mailboxes.enter(&self.key, now).line(pass).enter(self.rules(pass), now)?;
        let counted = self.took(pass);
        Some(self.permit(pass, entered, counted))
    }

    /// Which one, of all.
    pub(in crate::submit) const fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// Whether nobody waits for a session of SMTP, and the provider has not asked for a pause: what stands open may be used.
    pub(in crate::submit) fn is_open_to_sessions(&self) -> bool {
        let open = |line: &mut Line, _, now| line.queue.is_empty() && !line.lane.is_paused(now);
        self.with(Pass::Session(Protocol::Smtp), open)
    }

    fn begin(&self, pass: Pass) -> Result<Begun<'_>, Full> {
        let now = Instant::now();
        let settings = **self.gate.settings.load();
        let mut mailboxes = self.gate.lock();
        let rules = self.rules(pass);
        let line = mailboxes.enter(&self.key, now).line(pass);
        if let Some(entered) = line.enter(rules, now) {
            let counted = self.took(pass);
            return Ok(Begun::Through(self.permit(pass, entered, counted)));
        }
        if line.queue.len() >= settings.waiters {
            return Err(Full::Crowded { waiters: settings.waiters });
        }
        let (number, call) = line.queue.join();
        let waiting = Waiting { mailbox: self, pass, number, since: now, deadline: now + settings.wait, wanting: None };
        Ok(Begun::Waiting(waiting, call))
    }

    fn permit(&self, pass: Pass, Entered { probes, news }: Entered, counted: Option<Arc<Parts>>) -> Permit {
        Permit { mailbox: self.clone(), pass, probes, news, yielding: false, released: false, counted }
    }

    /// The provider said that it is too much, to nobody in particular. Returns how long nobody follows, if that is new.
    #[must_use = "a new pause is told of"]
    pub fn throttled(&self, pass: Pass, throttle: Throttle) -> Option<Duration> {
        self.slow_down(pass, throttle, Probes::default())
    }

    fn slow_down(&self, pass: Pass, throttle: Throttle, probes: Probes) -> Option<Duration> {
        self.with_mailbox(|mailbox, now| {
            let length = pause(mailbox.line(pass), throttle.pause, probes, now)?;
            match (throttle.reach, pass) {
                (Reach::Sessions, _) => {
                    let session = pass.session();
                    mailbox.line(session).lane.lower(session.rules(self.limits), now);
                }
                (Reach::Everything, Pass::Message) => {
                    pause(mailbox.line(pass.session()), throttle.pause, Probes::default(), now);
                }
                (Reach::Everything, Pass::Session(Protocol::Smtp)) => {
                    pause(mailbox.line(Pass::Message), throttle.pause, Probes::default(), now);
                }
                (Reach::Itself | Reach::Everything, _) => {}
            }
            Some(length)
        })
    }

    /// Does something with a line, and forgets the mailbox if that was all.
    fn with<T>(&self, pass: Pass, deed: impl FnOnce(&mut Line, Rules, Instant) -> T) -> T {
        self.with_mailbox(|mailbox, now| deed(mailbox.line(pass), self.rules(pass), now))
    }

    fn with_mailbox<T>(&self, deed: impl FnOnce(&mut Mailbox, Instant) -> T) -> T {
        let now = Instant::now();
        let mut mailboxes = self.gate.lock();
        let done = deed(mailboxes.enter(&self.key, now), now);
        mailboxes.leave(&self.key, now);
        done
    }
}

enum Begun<'a> {
    Through(Permit),
    Waiting(Waiting<'a>, Arc<Notify>),
}

enum Looked {
    Through(Permit),
    Again(Instant),
}

impl Waiting<'_> {
    /// Goes through, says when to look again, or gives up.
    fn look(&mut self) -> Result<Looked, Full> {
        let (number, deadline) = (self.number, self.deadline);
        let (mailbox, pass) = (self.mailbox, self.pass);
        let answer = mailbox.with(pass, |line, rules, now| {
            let ahead = line.queue.ahead(number);
            let answer = line.lane.ask(rules, ahead, now);
            match answer {
                Answer::Go => {
                    line.queue.leave(number);
                    let entered = line.lane.enter(rules, now);
                    let counted = mailbox.took(pass);
                    line.queue.call_first();
                    return Ok((entered, counted));
                }
                Answer::Later(Hindrance::Sessions | Hindrance::Share, _) => line.wanted.notify_one(),
                _ => {}
            }
            Err((answer, now))
        });
        let (hindrance, at, now) = match answer {
            Ok((entered, counted)) => return Ok(Looked::Through(self.mailbox.permit(self.pass, entered, counted))),
            Err((Answer::NotBefore(at, hindrance), now)) => (hindrance, Some(at), now),
            Err((Answer::Later(hindrance, at), now)) => (hindrance, at.filter(|at| *at < deadline), now),
            Err((Answer::Go, now)) => (Hindrance::Sessions, None, now),
        };
        if hindrance == Hindrance::Share && self.wanting.is_none() {
            self.wanting = mailbox.parts.as_ref().and_then(|parts| parts.want(pass, pass.rules(mailbox.limits)));
        }
        let at = at.unwrap_or(deadline);
        if now >= deadline || at > deadline {
            let left = at.saturating_duration_since(now);
            return Err(Full::because(hindrance, self.pass, now - self.since, left));
        }
        Ok(Looked::Again(at))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.mailbox.with(self.pass, |line, _, _| {
            line.queue.leave(self.number);
            line.queue.call_first();
        });
    }
}

impl Permit {
    /// The mailbox that it is for.
    #[must_use]
    pub const fn mailbox(&self) -> &MailboxGate {
        &self.mailbox
    }

    /// The provider let it through: a pause that it was the first after is over.
    pub fn succeeded(&mut self) {
        if !self.news {
            return;
        }
        let probes = std::mem::take(&mut self.probes);
        self.mailbox.with(self.pass, |line, _, _| {
            line.lane.succeeded(probes);
            line.queue.call_first();
        });
    }

    /// The provider said that it is too much. Returns how long nobody follows, if that is new.
    #[must_use = "a new pause is told of"]
    pub fn throttled(&mut self, throttle: Throttle) -> Option<Duration> {
        let probes = std::mem::take(&mut self.probes);
        self.mailbox.slow_down(self.pass, throttle, probes)
    }

    /// Lets the next one follow, as dropping it does.
    pub fn release(&mut self) {
        if std::mem::replace(&mut self.released, true) {
            return;
        }
        self.mailbox.with(self.pass, |line, _, now| {
            line.lane.leave(self.probes, now);
            if let Some(parts) = &self.counted {
                parts.leave(self.pass);
            }
            line.yielding -= usize::from(self.yielding);
            line.queue.call_first();
        });
    }

    /// Until someone waits for the place of one that has been idle for longer than it may be. Whoever is told so has to drop
    /// it soon: nobody else is asked.
    pub async fn wanted(&mut self, idle_since: Instant) {
        sleep_until(idle_since + self.mailbox.gate.settings.load().idle).await;
        self.wanted_at_once().await;
    }

    /// The same of one whose place nobody uses.
    pub async fn wanted_at_once(&mut self) {
        let wanted = self.mailbox.with(self.pass, |line, _, _| Arc::clone(&line.wanted));
        let elsewhere = self.mailbox.parts.as_ref().and_then(|parts| parts.changed(self.pass));
        loop {
            let elsewhere = elsewhere.as_ref().map(|elsewhere| elsewhere.notified());
            if self.gives_up_its_place() {
                return;
            }
            either(wanted.notified(), elsewhere).await;
        }
    }

    /// How many such places the mailbox has, if that is bounded.
    #[must_use]
    pub fn places(&self) -> Option<NonZeroU32> {
        self.pass.rules(self.mailbox.limits).at_once
    }

    /// Whether someone waits for its place.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.mailbox.with(self.pass, |line, rules, now| line.wants_a_place(rules, now))
    }

    /// The same, and nobody else is asked then.
    pub fn gives_up_its_place(&mut self) -> bool {
        let yielding = self.yielding
            || self.mailbox.with(self.pass, |line, rules, now| {
                let yielding = line.wants_a_place(rules, now);
                line.yielding += usize::from(yielding);
                yielding
            });
        self.yielding = yielding;
        yielding
    }
}

/// Until the one or the other comes, if there is another.
async fn either(one: impl Future<Output = ()>, other: Option<impl Future<Output = ()>>) {
    match other {
        None => one.await,
        Some(other) => tokio::select! {
            () = one => {}
            () = other => {}
        },
    }
}

/// Nobody follows for a while; who waits finds out whether that is too long.
fn pause(line: &mut Line, why: explain::Pause, probes: Probes, now: Instant) -> Option<Duration> {
    let length = line.lane.throttled(why, probes, now);
    line.queue.call_all();
    length
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.release();
    }
}
