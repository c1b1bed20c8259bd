//! Timing calls of one kernel in a row.

use std::hint::black_box;
use std::time::Instant;

use matmul::{Kernel, Real};
use serde::{Deserialize, Serialize};

use crate::error::Error;
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

/// Seconds per call, on the calling thread.
pub(crate) fn time_calls<T: Real>(
    operands: &mut Operands<T>,
    kernel: &dyn Kernel<T>,
    Sampling { calls, warm_up }: Sampling,
) -> Result<f64, Error> {
    let mut call = operands.call()?;
    if warm_up {
        call.multiply(kernel)?;
    }
    let start = Instant::now();
    for _ in 0..calls {
        black_box(&mut call).multiply(kernel)?;
    }
    Ok(start.elapsed().as_secs_f64() / calls as f64)
}
