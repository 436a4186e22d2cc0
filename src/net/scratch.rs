use std::cell::RefCell;

thread_local! {
    /// Shared by all sessions of a thread, so that none holds a buffer while it waits.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; 64 * 1024].into_boxed_slice());
}

/// Lends the thread's buffer for the length of one poll. What was read must be used or copied before it returns, and
/// `work` must not lend it again.
pub(super) fn with_scratch<R>(work: impl FnOnce(&mut [u8]) -> R) -> R {
    SCRATCH.with_borrow_mut(|scratch| work(scratch))
}
