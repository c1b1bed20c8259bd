//! How fast each kernel has been so far, to tell which calls would take too long.

use matmul::Real;
use std::collections::HashMap;

use matmul_report::{Dtype, Owner, Row, Shape, stats};

use crate::catalogue::dtype::dtype;
use crate::catalogue::registry::Entry;
use crate::machine::pool::Pool;
use crate::measure::operands::{Images, Operands};
use crate::measure::sampling::{Sampling, time_calls};

/// Products below this many flops say nothing of a rate: what they cost is the call.
const MIN_FLOPS: f64 = 1e5;

/// The lowest rate of each kernel and element type, in flops per second; with a vector, which memory slows, apart.
#[derive(Debug, Default)]
pub(crate) struct Rates(HashMap<(String, Dtype, bool), f64>);

impl Rates {
    /// A first guess: 64 x 64 x 64, which takes the slowest kernel about a millisecond. Not for a BLAS, which is fast
    /// and might leave threads spinning. Failures show later.
    pub(crate) fn probe<T: Real>(&mut self, entries: &[Entry<T>], pool: &Pool) {
        let shape = Shape::square(64);
        let mut operands = Operands::<T>::new(&shape, Images { train: &[], valid: &[] }, 0);
        let warm = Sampling { calls: 1, warm_up: true };
        for entry in entries.iter().filter(|e| e.owner != Owner::Blas && e.needs().is_none()) {
            let time = pool.install(|| time_calls(&mut operands, &*entry.kernel, warm));
            self.note::<T>(entry.name(), &shape, time.map_or(0.0, |timed| timed.seconds));
        }
    }

    /// Takes note of what a cell found.
    pub(crate) fn learn<T: Real>(&mut self, shape: &Shape, rows: &[Row]) {
        for row in rows.iter().filter(|row| !row.samples.is_empty()) {
            let seconds: Vec<f64> = row.samples.iter().map(|s| s.seconds).collect();
            self.note::<T>(&row.kernel, shape, stats::median(&seconds));
        }
    }

    fn note<T: Real>(&mut self, kernel: &str, shape: &Shape, seconds: f64) {
        let flops = shape.flops();
        if flops >= MIN_FLOPS && seconds > 0.0 {
            let rate = self.0.entry((kernel.to_owned(), dtype::<T>(), shape.is_gemv())).or_insert(f64::MAX);
            *rate = rate.min(flops / seconds);
        }
    }

    /// Seconds that a call will take; 0 if the kernel is new.
    pub(crate) fn expected<T: Real>(&self, kernel: &str, shape: &Shape) -> f64 {
        self.0
            .get(&(kernel.to_owned(), dtype::<T>(), shape.is_gemv()))
            .map_or(0.0, |rate| shape.flops() / rate)
    }
}
