use std::io::{Write as _, stdin, stdout};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

/// A terminal that is drawn upon, and hears a key at once; as it was before when dropped.
pub(super) struct Screen {
    /// None: nobody can press a key.
    before: Option<Termios>,
}

/// Another screen than that of the shell, without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

impl Screen {
    pub(super) fn open() -> anyhow::Result<Self> {
        let before = tcgetattr(stdin()).ok();
        if let Some(before) = &before {
            let mut keys = before.clone();
            keys.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG);
            tcsetattr(stdin(), SetArg::TCSANOW, &keys)?;
        }
        let screen = Self { before };
        write(ENTER)?;
        Ok(screen)
    }

    /// Instead of what was there. What does not fit is cut off, so that nothing rolls away.
    pub(super) fn draw(text: &str) -> anyhow::Result<()> {
        let (rows, columns) = size();
        let lines = text.lines().take(rows.saturating_sub(2));
        let lines = lines.map(|line| line.chars().take(columns).collect::<String>() + "\x1b[K\r\n");
        write(&format!("\x1b[H{}\x1b[J\r\nq leaves", lines.collect::<String>()))?;
        Ok(())
    }

    /// Whether a key that leaves is pressed meanwhile.
    pub(super) fn left_within(&self, time: Duration) -> anyhow::Result<bool> {
        let end = Instant::now() + time;
        while let left = end.saturating_duration_since(Instant::now())
            && !left.is_zero()
        {
            if self.before.is_none() {
                std::thread::sleep(left);
                return Ok(false);
            }
            let input = stdin();
            let mut wait = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
            if poll(&mut wait, PollTimeout::try_from(left)?)? == 0 {
                return Ok(false);
            }
            let mut keys = [0; 64];
            let count = nix::unistd::read(input.as_fd(), &mut keys)?;
            // Also where nobody can press one any more; and the keys that would end it by a signal.
            if count == 0 || keys[..count].iter().any(|key| matches!(key, b'q' | b'Q' | 0x03 | 0x04 | 0x1b)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = write(LEAVE);
        if let Some(before) = &self.before {
            let _ = tcsetattr(stdin(), SetArg::TCSANOW, before);
        }
    }
}

fn write(text: &str) -> std::io::Result<()> {
    let mut terminal = stdout().lock();
    terminal.write_all(text.as_bytes())?;
    terminal.flush()
}

/// Rows and columns.
fn size() -> (usize, usize) {
    let size = terminal_size::terminal_size();
    size.map_or((24, 80), |(columns, rows)| (rows.0.into(), columns.0.into()))
}
