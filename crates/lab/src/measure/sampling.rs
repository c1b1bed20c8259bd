//! Timing calls of one kernel in a row.

use std::hint::black_box;
use std::time::Instant;

use matmul::Real;
use matmul::kernel::Kernel;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::measure::counters::{self, Counted};
use crate::measure::operands::Operands;

/// How a sample is taken.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Sampling {
    /// Calls in a row.
    pub(crate) calls: u64,
    /// Whether a call goes ahead of them that is not timed. Short ones need it: another kernel has just used the
    /// caches, and threads may have to be woken, which takes some 50 µs.
    pub(crate) warm_up: bool,
}

impl Sampling {
    /// A first call.
    pub(crate) fn cold() -> Self {
        Self { calls: 1, warm_up: false }
    }
}

/// What a batch of calls took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Timed {
    /// Seconds per call.
    pub(crate) seconds: f64,
    /// How often the calling thread was switched out for another in that time.
    pub(crate) switched: u64,
}

/// Times calls on the calling thread.
pub(crate) fn time_calls<T: Real>(
    operands: &mut Operands<T>,
    kernel: &dyn Kernel<T>,
    Sampling { calls, warm_up }: Sampling,
) -> Result<Timed, Error> {
    let mut call = operands.call()?;
    if warm_up {
        call.multiply(kernel)?;
    }
    let before = switches();
    let start = Instant::now();
    for _ in 0..calls {
        black_box(&mut call).multiply(kernel)?;
    }
    let seconds = start.elapsed().as_secs_f64() / calls as f64;
    Ok(Timed { seconds, switched: switches().saturating_sub(before) })
}

/// Counts what the hardware does in calls on the calling thread, and on those that help it.
pub(crate) fn count_calls<T: Real>(
    operands: &mut Operands<T>,
    kernel: &dyn Kernel<T>,
    Sampling { calls, warm_up }: Sampling,
) -> Result<Counted, Error> {
    let mut call = operands.call()?;
    if warm_up {
        call.multiply(kernel)?;
    }
    let counted = counters::count(calls, || {
        for _ in 0..calls {
            black_box(&mut call).multiply(kernel)?;
        }
        Ok(())
    });
    match counted {
        Ok((result, counters)) => result.map(|()| Ok(counters)),
        Err(why) => Ok(Err(why)),
    }
}

/// How often the system has taken the CPU from this thread for another, which no canary beside a sample shows: at equal
/// shares the switch falls into whatever is long.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn switches() -> u64 {
    // SAFETY: rusage is a structure of integers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is that of `usage`, which the call fills.
    let failed = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &mut usage) } != 0;
    if failed { 0 } else { u64::try_from(usage.ru_nivcsw).unwrap_or(0) }
}

/// Not told.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn switches() -> u64 {
    0
}
