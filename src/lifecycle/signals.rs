use std::io;

use tokio::signal::unix::{self, SignalKind, signal};

/// SIGTERM and SIGINT.
#[derive(Debug)]
pub struct StopSignal {
    terminate: unix::Signal,
    interrupt: unix::Signal,
}

/// The signals of a service: those, and SIGHUP.
#[derive(Debug)]
pub struct Signals {
    stop: StopSignal,
    hang_up: unix::Signal,
}

/// What a service is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: read the configuration again.
    Reload,
    /// By a signal of this name: stop.
    Stop(&'static str),
}

impl StopSignal {
    /// SIGTERM, of whoever keeps services.
    pub const TERMINATE: &'static str = "SIGTERM";

    /// From now on the signals do not end the process.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one of them and names it.
    pub async fn received(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => Self::TERMINATE,
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

impl Signals {
    /// From now on the signals do not end the process.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { stop: StopSignal::listen()?, hang_up: signal(SignalKind::hangup())? })
    }

    /// Waits for one of them.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            stop = self.stop.received() => Signal::Stop(stop),
            _ = self.hang_up.recv() => Signal::Reload,
        }
    }

    /// Waits for another one that says to stop.
    pub async fn end(&mut self) {
        self.stop.received().await;
    }
}
