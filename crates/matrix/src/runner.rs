//! Calling one kernel: in this process, or in one of its own.

use std::hint::black_box;
use std::time::Instant;

use matmul::{Kernel, Scalar};

use serde::{Deserialize, Serialize};

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
        let seconds = self.pool.install(|| time_calls(operands, kernel, Batch::cold()))?;
        Ok((self.reference.check(&operands.result()?), seconds))
    }

    /// Seconds per call.
    fn time(&mut self, kernel: &dyn Kernel<T>, batch: Batch) -> Result<f64, Error> {
        let operands = &mut self.operands;
        self.pool.install(|| time_calls(operands, kernel, batch))
    }
}

/// How a sample is taken.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Batch {
    /// Calls in a row.
    pub(crate) calls: u64,
    /// Whether a call goes ahead of them that is not timed. Short ones need it: another kernel has just used the
    /// caches, and threads may have to be woken, which takes some 50 µs.
    pub(crate) warm_up: bool,
}

impl Batch {
    /// A first call.
    pub(crate) fn cold() -> Self {
        Self { calls: 1, warm_up: false }
    }
}

/// Seconds per call, on the calling thread.
pub(crate) fn time_calls<T: Scalar>(
    operands: &mut Operands<T>,
    kernel: &dyn Kernel<T>,
    Batch { calls, warm_up }: Batch,
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
                Ok((stage.reference.check(&stage.operands.result()?), seconds))
            }
        }
    }

    /// Seconds per call.
    pub(crate) fn time(&mut self, stage: &mut Stage<'_, T>, batch: Batch) -> Result<f64, Error> {
        match self {
            Runner::Here(kernel) => stage.time(*kernel, batch),
            Runner::Worker(worker) => worker.time(batch),
        }
    }
}
