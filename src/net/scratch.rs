use std::cell::RefCell;

/// More than two records of TLS. A session whose reader has stalled holds as much, and with all else that it has less than 64 KiB.
const SIZE: usize = 40 * 1024;

thread_local! {
    /// Shared by all sessions of a thread, so that none holds a buffer while it waits.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SIZE].into_boxed_slice());
}

/// Lends the thread's buffer for the length of one poll. What was read must be used or copied before it returns, and
/// `work` must not lend it again.
pub(super) fn with_scratch<R>(work: impl FnOnce(&mut [u8]) -> R) -> R {
    SCRATCH.with_borrow_mut(|scratch| work(scratch))
}
