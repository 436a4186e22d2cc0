//! Something that moves while something is waited for, where somebody looks.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

const FRAMES: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME: Duration = Duration::from_millis(100);

/// Waits, and says for what. On a pipe nothing is said.
pub(super) async fn spin<T>(text: &str, work: impl Future<Output = T>) -> T {
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let mut work = std::pin::pin!(work);
    let mut ticks = interval(FRAME);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut frames = FRAMES.iter().cycle();
    loop {
        tokio::select! {
            done = &mut work => {
                draw("\r\x1b[K");
                return done;
            }
            _ = ticks.tick() => draw(&format!("\r\x1b[K{} {text}", frames.next().unwrap_or(&' '))),
        }
    }
}

/// Makes room for a line of output while it spins.
pub(super) fn make_room() {
    if std::io::stderr().is_terminal() {
        draw("\r\x1b[K");
    }
}

fn draw(text: &str) {
    let mut terminal = std::io::stderr().lock();
    // A terminal that went away is no failure of the work.
    let _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
}
