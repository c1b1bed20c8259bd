//! A wish to end: Ctrl-C, SIGTERM. The first is answered by writing what there is; the second ends the process at once.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::Error;

/// The signal that came, or 0.
static CAME: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// From now on signals are noticed by [`check`] and end nothing by themselves.
pub(crate) fn listen() -> io::Result<()> {
    let came = CAME.get_or_init(Arc::default);
    let again = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag down, and raises it for the second.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again))?;
        flag::register(signal, Arc::clone(&again))?;
        flag::register_usize(signal, Arc::clone(came), signal as usize)?;
    }
    Ok(())
}

/// # Errors
/// [`Error::Interrupted`] once a signal has come.
pub(crate) fn check() -> Result<(), Error> {
    match CAME.get().map_or(0, |came| came.load(Ordering::Relaxed)) {
        0 => Ok(()),
        signal => Err(Error::Interrupted { signal: signal as i32 }),
    }
}
