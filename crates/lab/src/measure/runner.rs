//! Calling one kernel: in this process, or in one of its own.

use matmul::Real;
use matmul::kernel::Kernel;
use matmul_report::{Called, Check};

use crate::child::worker::Worker;
use crate::error::Error;
use crate::machine::pool::Pool;
use crate::measure::counters::Counted;
use crate::measure::operands::Operands;
use crate::measure::sampling::{Sampling, Timed, count_calls, time_calls};
use crate::measure::verify::Reference;

/// A product with everything that calling kernels on it needs.
pub(crate) struct Stage<'a, T> {
    pub(crate) pool: &'a Pool,
    pub(crate) operands: Operands<T>,
    pub(crate) reference: Reference,
}

impl<T: Real> Stage<'_, T> {
    /// One call on a C full of NaN, compared with the reference, and its time.
    fn verify(&mut self, kernel: &dyn Kernel<T>, called: Called) -> Result<(Check, Timed), Error> {
        self.operands.c.fill(T::NAN);
        let timed = self.time(kernel, called, Sampling::cold())?;
        Ok((self.reference.check(&self.operands.result()?), timed))
    }

    /// Seconds per call.
    fn time(&mut self, kernel: &dyn Kernel<T>, called: Called, sampling: Sampling) -> Result<Timed, Error> {
        let operands = &mut self.operands;
        call(self.pool, called, || time_calls(operands, kernel, sampling))
    }

    /// What the hardware counts in calls.
    fn count(
        &mut self,
        kernel: &dyn Kernel<T>,
        called: Called,
        sampling: Sampling,
    ) -> Result<Counted, Error> {
        let operands = &mut self.operands;
        call(self.pool, called, || count_calls(operands, kernel, sampling))
    }
}

fn call<R: Send>(pool: &Pool, called: Called, calls: impl FnOnce() -> R + Send) -> R {
    match called {
        Called::Inside => pool.install(calls),
        Called::Outside => pool.outside(calls),
    }
}

/// Where a kernel runs.
pub(crate) enum Runner<'a, T> {
    /// In this process.
    Here(&'a dyn Kernel<T>, Called),
    /// In its own process, which is stopped when it is not its turn.
    Worker(&'a mut Worker),
}

impl<T: Real> Runner<'_, T> {
    /// Whether the result is right, and what this first call took.
    pub(crate) fn verify(&mut self, stage: &mut Stage<'_, T>) -> Result<(Check, Timed), Error> {
        match self {
            Runner::Here(kernel, called) => stage.verify(*kernel, *called),
            Runner::Worker(worker) => {
                let timed = worker.verify(&mut stage.operands)?;
                Ok((stage.reference.check(&stage.operands.result()?), timed))
            }
        }
    }

    /// Seconds per call.
    pub(crate) fn time(&mut self, stage: &mut Stage<'_, T>, sampling: Sampling) -> Result<Timed, Error> {
        match self {
            Runner::Here(kernel, called) => stage.time(*kernel, *called, sampling),
            Runner::Worker(worker) => worker.time(sampling),
        }
    }

    /// What the hardware counts in calls.
    pub(crate) fn count(&mut self, stage: &mut Stage<'_, T>, sampling: Sampling) -> Result<Counted, Error> {
        match self {
            Runner::Here(kernel, called) => stage.count(*kernel, *called, sampling),
            Runner::Worker(worker) => worker.count(sampling),
        }
    }
}
