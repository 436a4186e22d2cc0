//! What fails, one after the other.

use std::sync::atomic::Ordering;
use std::time::Duration;

use gatepost_kit::Answer;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::crowd;
use crate::ledger::Ledger;
use crate::stage::Stage;
use crate::wire::Mode;

/// What was done.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    crowd: usize,
    pub(crate) rounds: usize,
    pub(crate) reloads: usize,
    pub(crate) broken: usize,
    pub(crate) clock: bool,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Reload,
    Restart,
    CertificateRenewed,
    Hang,
    TokensRevoked,
    EndpointDown,
    EndpointSick,
    BrokenFile,
    DiskFull,
    ClockForward,
    ClockBack,
    Crowd,
}

const ROUND: [Fault; 14] = [
    Fault::Reload,
    Fault::Restart,
    Fault::CertificateRenewed,
    Fault::Reload,
    Fault::Hang,
    Fault::TokensRevoked,
    Fault::EndpointDown,
    Fault::BrokenFile,
    Fault::DiskFull,
    Fault::ClockForward,
    Fault::EndpointSick,
    Fault::ClockBack,
    Fault::Reload,
    Fault::Crowd,
];

impl Faults {
    pub(crate) fn new(crowd: usize) -> Self {
        Self { crowd, ..Self::default() }
    }

    /// Everything once, with a pause after each in which things come right.
    pub(crate) async fn round(&mut self, stage: &mut Stage, ledger: &Ledger, quiet: Duration) {
        for fault in ROUND {
            ledger.measuring.store(false, Ordering::Relaxed);
            println!("{fault:?}");
            self.happens(fault, stage, ledger, quiet).await;
            sleep(quiet / 2).await;
            ledger.measuring.store(true, Ordering::Relaxed);
            sleep(quiet).await;
        }
        self.rounds += 1;
    }

    async fn happens(&mut self, fault: Fault, stage: &mut Stage, ledger: &Ledger, quiet: Duration) {
        match fault {
            Fault::Reload => self.reload(stage),
            Fault::BrokenFile => self.breaks(stage).await,
            Fault::Restart => wires(stage, Mode::Cut, Duration::from_secs(3)).await,
            Fault::Hang => wires(stage, Mode::Hung, Duration::from_secs(7)).await,
            Fault::CertificateRenewed => stage.renew_certificate(),
            Fault::TokensRevoked => stage.provider.revoke_access_tokens(),
            Fault::EndpointDown => {
                stage.provider.revoke_access_tokens();
                stage.endpoint.set(Mode::Cut);
                sleep(quiet).await;
                stage.endpoint.set(Mode::Whole);
            }
            Fault::EndpointSick => {
                let sick = ["server_error", "temporarily_unavailable", "slow_down"];
                let answers = sick.iter().map(|error| Answer::error(503, error)).chain([Answer::throttled(1)]);
                stage.provider.faults(|faults| faults.token_answers = answers.collect());
                stage.provider.revoke_access_tokens();
                sleep(quiet).await;
                stage.provider.faults(|faults| faults.token_answers.clear());
            }
            Fault::DiskFull => {
                stage.disk(true);
                sleep(quiet * 2).await;
                stage.disk(false);
            }
            Fault::ClockForward => self.clock = stage.turn_clock("+3600"),
            Fault::ClockBack => self.clock = stage.turn_clock("-3600"),
            Fault::Crowd => self.crowd(stage, ledger, quiet).await,
        }
    }

    /// Another account each time.
    fn reload(&mut self, stage: &mut Stage) {
        stage.guests = (stage.guests + 1) % 4;
        stage.write(&stage.text());
        stage.signal("HUP");
        self.reloads += 1;
    }

    /// Nothing of it is applied.
    async fn breaks(&mut self, stage: &Stage) {
        stage.write(&stage.text().replace("protocol = \"imap\"", "protocol = \"gopher\""));
        stage.signal("HUP");
        sleep(Duration::from_secs(1)).await;
        stage.write(&stage.text());
        self.broken += 1;
    }

    async fn crowd(&self, stage: &Stage, ledger: &Ledger, quiet: Duration) {
        let leave = CancellationToken::new();
        let crowd = crowd::comes([stage.smtp, stage.imap, stage.pop3], self.crowd, &leave);
        sleep(Duration::from_secs(3)).await;
        ledger.crowd.store(true, Ordering::Relaxed);
        ledger.measuring.store(true, Ordering::Relaxed);
        sleep(quiet * 3).await;
        ledger.measuring.store(false, Ordering::Relaxed);
        ledger.crowd.store(false, Ordering::Relaxed);
        leave.cancel();
        crowd.wait().await;
    }
}

async fn wires(stage: &Stage, mode: Mode, length: Duration) {
    stage.wires(mode);
    sleep(length).await;
    stage.wires(Mode::Whole);
}
