//! Calling one kernel: in this process, or in one of its own.

use matmul::Real;
use matmul::kernel::Kernel;
use matmul_report::Check;

use crate::child::worker::Worker;
use crate::error::Error;
use crate::machine::pool::Pool;
use crate::measure::operands::Operands;
use crate::measure::sampling::{Sampling, Timed, time_calls};
use crate::measure::verify::Reference;

/// A product with everything that calling kernels on it needs.
pub(crate) struct Stage<'a, T> {
    pub(crate) pool: &'a Pool,
    pub(crate) operands: Operands<T>,
    pub(crate) reference: Reference,
}

impl<T: Real> Stage<'_, T> {
    /// One call on a C full of NaN, compared with the reference, and its time.
    fn verify(&mut self, kernel: &dyn Kernel<T>) -> Result<(Check, Timed), Error> {
        let operands = &mut self.operands;
        operands.c.fill(T::NAN);
        let timed = self.pool.install(|| time_calls(operands, kernel, Sampling::cold()))?;
        Ok((self.reference.check(&operands.result()?), timed))
    }

    /// Seconds per call.
    fn time(&mut self, kernel: &dyn Kernel<T>, sampling: Sampling) -> Result<Timed, Error> {
        let operands = &mut self.operands;
        self.pool.install(|| time_calls(operands, kernel, sampling))
    }
}

/// Where a kernel runs.
pub(crate) enum Runner<'a, T> {
    /// In the pool of this process.
    Here(&'a dyn Kernel<T>),
    /// In its own process, which is stopped when it is not its turn.
    Worker(&'a mut Worker),
}

impl<T: Real> Runner<'_, T> {
    /// Whether the result is right, and what this first call took.
    pub(crate) fn verify(&mut self, stage: &mut Stage<'_, T>) -> Result<(Check, Timed), Error> {
        match self {
            Runner::Here(kernel) => stage.verify(*kernel),
            Runner::Worker(worker) => {
                let timed = worker.verify(&mut stage.operands)?;
                Ok((stage.reference.check(&stage.operands.result()?), timed))
            }
        }
    }

    /// Seconds per call.
    pub(crate) fn time(&mut self, stage: &mut Stage<'_, T>, sampling: Sampling) -> Result<Timed, Error> {
        match self {
            Runner::Here(kernel) => stage.time(*kernel, sampling),
            Runner::Worker(worker) => worker.time(sampling),
        }
    }
}
