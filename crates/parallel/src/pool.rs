//! Whether rayon's threads are there: rayon panics where they cannot be started, and waits for ever where they are gone.

use std::error::Error;
use std::panic::catch_unwind;
use std::process;
use std::sync::OnceLock;

use rayon::ThreadPoolBuilder;

/// Whether the pool of the calling thread has threads. In a child of `fork` those of its parent are gone, also if this is
/// the copy of one of them; in some processes none can be started.
pub(crate) fn is_there() -> bool {
    static PROCESS: OnceLock<u32> = OnceLock::new();
    static GLOBAL: OnceLock<bool> = OnceLock::new();
    // The process of the first product: a child has this from its parent.
    *PROCESS.get_or_init(process::id) == process::id()
        && (rayon::current_thread_index().is_some() || *GLOBAL.get_or_init(start))
}

/// Starts the global pool, as its first use would, which panics where this finds out.
fn start() -> bool {
    if cfg!(target_family = "wasm") {
        // Without threads rayon's own start takes the calling thread, and this one would not.
        return true;
    }
    match ThreadPoolBuilder::new().build_global() {
        Ok(()) => true,
        // Not started: the system's error is the source.
        Err(error) if error.source().is_some() => false,
        // Somebody else has started it, perhaps in the parent of this process, or has failed to.
        Err(_) => !is_only_thread() && catch_unwind(rayon::current_num_threads).is_ok(),
    }
}

/// Whether this process is known to have no other thread.
fn is_only_thread() -> bool {
    let threads = if cfg!(target_os = "linux") { std::fs::read_dir("/proc/self/task").ok() } else { None };
    threads.is_some_and(|threads| threads.count() == 1)
}
