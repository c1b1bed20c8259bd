//! Calling one kernel: in this process, or in one of its own.

use std::hint::black_box;
use std::time::Instant;

use matmul::{Kernel, Scalar};

use crate::error::Error;
use crate::operands::Operands;
use crate::pool::Pool;
use crate::verify::{Check, Reference};
use crate::worker::Worker;

/// A product with everything that calling kernels on it needs.
pub(crate) struct Stage<'a, T> {
    pub(crate) pool: &'a Pool,
    pub(crate) operands: Operands<T>,
    pub(crate) reference: Reference,
}

impl<T: Scalar> Stage<'_, T> {
    /// One call on a C full of NaN, compared with the reference, and its seconds.
    fn verify(&mut self, kernel: &dyn Kernel<T>) -> Result<(Check, f64), Error> {
        let operands = &mut self.operands;
        operands.c.fill(T::NAN);
        let seconds = self.pool.install(|| time_calls(operands, kernel, 1))?;
        Ok((self.reference.check(&operands.c), seconds))
    }

    /// Seconds per call of `calls` calls in a row. Short calls get one before them that is not timed: the canary, or
    /// another kernel, has just used the caches.
    fn time(&mut self, kernel: &dyn Kernel<T>, calls: u64) -> Result<f64, Error> {
        let operands = &mut self.operands;
        self.pool.install(|| time_calls(operands, kernel, calls))
    }
}

/// [`Stage::time`] on the calling thread.
pub(crate) fn time_calls<T: Scalar>(
    operands: &mut Operands<T>,
    kernel: &dyn Kernel<T>,
    calls: u64,
) -> Result<f64, Error> {
    if calls > 1 {
        operands.multiply(kernel)?;
    }
    let start = Instant::now();
    for _ in 0..calls {
        operands.multiply(kernel)?;
        black_box(&mut operands.c);
    }
    Ok(start.elapsed().as_secs_f64() / calls as f64)
}

/// Where a kernel runs.
pub(crate) enum Runner<'a, T> {
    /// In the pool of this process.
    Here(&'a dyn Kernel<T>),
    /// In its own process, which is stopped when it is not its turn.
    Worker(&'a mut Worker),
}

impl<T: Scalar> Runner<'_, T> {
    /// Whether the result is right, and how many seconds this first call took.
    pub(crate) fn verify(&mut self, stage: &mut Stage<'_, T>) -> Result<(Check, f64), Error> {
        match self {
            Runner::Here(kernel) => stage.verify(*kernel),
            Runner::Worker(worker) => {
                let seconds = worker.verify(&mut stage.operands)?;
                Ok((stage.reference.check(&stage.operands.c), seconds))
            }
        }
    }

    /// Seconds per call.
    pub(crate) fn time(&mut self, stage: &mut Stage<'_, T>, calls: u64) -> Result<f64, Error> {
        match self {
            Runner::Here(kernel) => stage.time(*kernel, calls),
            Runner::Worker(worker) => worker.time(calls),
        }
    }
}
