//! What systemd is told (`sd_notify(3)`). Where there is no systemd, nothing is.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::debug;

/// All sockets are open.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The configuration is being read again; [`ready`] ends it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(fault) => not_told(&fault),
    }
}

/// The end has begun.
pub fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// It takes so much longer from now on, however long systemd would have waited.
pub fn extend(time: Duration) {
    tell(&[NotifyState::ExtendTimeoutUsec(u32::try_from(time.as_micros()).unwrap_or(u32::MAX))]);
}

/// How often systemd wants to hear that the service is well.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|every| !every.is_zero())
}

/// It is well.
pub fn well() {
    tell(&[NotifyState::Watchdog]);
}

fn tell(state: &[NotifyState<'_>]) {
    // Nobody is helped by a service that ends because nobody listens.
    if let Err(fault) = sd_notify::notify(state) {
        not_told(&fault);
    }
}

fn not_told(fault: &std::io::Error) {
    debug!(error = %fault, "service.not_told");
}
