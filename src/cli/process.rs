//! What the process asks of the system before it serves.

use std::thread::JoinHandle;

use tracing::warn;

/// An Argon2 hash takes 19 MiB for 20 ms. glibc would learn from the first one to keep such blocks in its heaps, and hold
/// tens of megabytes for ever; with a fixed threshold each is mapped and given back.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "mallopt has no safe form; it is called once, before there are threads")]
pub(super) fn keep_large_blocks_out_of_the_heap() {
    const THRESHOLD: libc::c_int = 1024 * 1024;
    // SAFETY: a parameter and a number; glibc checks both.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, THRESHOLD);
    }
}

#[cfg(not(target_env = "gnu"))]
pub(super) const fn keep_large_blocks_out_of_the_heap() {}

/// A configuration that was read, or replaced, leaves its memory in the heaps of the threads that made it, where others find it
/// late or never: after some reloads the process would be three times as large as it has to be.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "malloc_trim has no safe form; it touches nothing that is in use")]
pub(super) fn give_back_free_memory() {
    // SAFETY: takes a number, and the locks that it needs.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(target_env = "gnu"))]
pub(super) const fn give_back_free_memory() {}

/// The first random numbers of a process take AWS-LC tens of milliseconds: it measures the processor's jitter first. They are
/// asked for while the configuration is read, by a thread that ends before the sandbox is entered.
pub(super) fn gather_randomness() -> JoinHandle<()> {
    // Whoever needs some asks again, and tells where there is none.
    std::thread::spawn(|| {
        let _ = aws_lc_rs::rand::fill(&mut [0; 8]);
    })
}

/// Two descriptors a session: as many as the system lets us have.
pub(super) fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(fault) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        warn!(limit = "descriptors", error = %fault, "limit.reached");
    }
}
