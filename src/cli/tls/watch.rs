//! The certificate of listeners while the service runs: taken anew when its files change, and told of before it ends.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch::Receiver;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::clock;
use crate::lifecycle::Files;
use crate::net::{Look, ServerCertificate};

/// Looks at the one that serves, until told to stop. The looking is done on a thread that may wait for a disk, or for a network
/// behind it.
pub(in crate::cli) async fn watch(
    current: impl Fn() -> (Option<Arc<ServerCertificate>>, Duration),
    mut declared: Receiver<()>,
    stop: CancellationToken,
) {
    let (mut told, mut looks, mut due) = (None, LOOKS, false);
    loop {
        declared.mark_unchanged();
        let (certificate, every) = current();
        let Some(certificate) = certificate else {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = declared.changed() => continue,
            }
        };
        warn_of_end(&certificate, &mut told, clock::now());
        let looking = Arc::clone(&certificate);
        // It is listened before it is looked: what changes after the look is heard.
        let look = move || (Files::found(looking.files()), due.then(|| looking.look()));
        let Some(Ok((files, found))) = stop.run_until_cancelled(tokio::task::spawn_blocking(look)).await else {
            return;
        };
        if let Some(look) = found {
            tell(&look, &certificate);
        }
        let files = files.filter(|_| looks == 0);
        let pause = if files.is_some() { every.max(NET) } else { every };
        due = tokio::select! {
            () = stop.cancelled() => return,
            _ = declared.changed() => true,
            () = heard(files) => {
                looks = LOOKS;
                false
            }
            () = sleep(pause) => {
                looks = looks.saturating_sub(1);
                true
            }
        };
    }
}

/// Looks after something was heard of the files: they are written one after the other.
const LOOKS: u32 = 3;

/// Between two looks while nothing is heard, should something have been missed; and how late an end may be told of.
const NET: Duration = Duration::from_mins(10);

async fn heard(files: Option<Files>) {
    match files {
        Some(files) => files.done().await,
        None => std::future::pending().await,
    }
}

fn tell(look: &Look, certificate: &ServerCertificate) {
    let file = certificate.file().display();
    let not_after = certificate.life().map(|(_, ends)| shown(ends));
    match look {
        Look::Same => {}
        Look::Replaced | Look::Mended => info!(%file, not_after, "tls.reloaded"),
        Look::Broken(fault) => {
            let remedy = "the certificate from before goes on; put a certificate and the key that fits it there";
            error!(%file, error = %fault, remedy, not_after, "tls.reload_failed");
        }
    }
}

/// Once for each step that is reached; another certificate begins anew.
fn warn_of_end(certificate: &ServerCertificate, told: &mut Option<(DateTime<Utc>, i64)>, now: DateTime<Utc>) {
    let Some((begins, ends)) = certificate.life() else { return };
    let step = step(begins, ends, now).map(|step| (ends, step));
    if step.is_none() || step == *told {
        return;
    }
    *told = step;
    let file = certificate.file().display();
    let days = (ends - now).num_days();
    let remedy = if ends <= now {
        "clients refuse it: renew it and put it there; it is taken without a restart"
    } else {
        "renew it and put it there; it is taken without a restart"
    };
    warn!(%file, not_after = shown(ends), days, remedy, "tls.certificate_expires_soon");
}

/// Days before the end at which it is told; 0 is the end itself.
const STEPS: [i64; 5] = [0, 1, 7, 14, 30];

/// The narrowest step that is reached. One that is more than a third of the whole life is left out: those who live for weeks
/// are renewed by programs, which begin no earlier.
fn step(begins: DateTime<Utc>, ends: DateTime<Utc>, now: DateTime<Utc>) -> Option<i64> {
    let left = ends - now;
    let counts = |step: &i64| left <= TimeDelta::days(*step) && TimeDelta::days(*step) * 3 <= ends - begins;
    STEPS.into_iter().find(counts)
}

fn shown(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_reached_once_and_short_lives_have_fewer() {
        let begins = DateTime::UNIX_EPOCH;
        let steps = |life: i64| {
            let ends = begins + TimeDelta::days(life);
            let mut steps: Vec<_> =
                (0..=life + 1).filter_map(|day| step(begins, ends, begins + TimeDelta::days(day))).collect();
            steps.dedup();
            steps
        };
        assert_eq!(steps(365), [30, 14, 7, 1, 0]);
        assert_eq!(steps(47), [14, 7, 1, 0]);
        assert_eq!(steps(6), [1, 0]);
        assert_eq!(step(begins, begins + TimeDelta::days(365), begins), None);
    }
}
