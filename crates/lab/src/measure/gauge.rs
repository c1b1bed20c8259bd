//! The limits of the machine, measured beside the kernels: the FMA peak, and the canary that shows whether the core
//! is all ours.

use crate::machine::pool::Pool;
use matmul::Real;

/// Time of one reading, in seconds: long against the clock and the start of the threads, short against a sample.
const READING: f64 = 50e-6;

/// Readings of one element type on one pool.
pub(crate) struct Gauge<'a> {
    pool: &'a Pool,
    fma_steps: u64,
    canary_steps: u64,
    fma: fn(u64) -> u64,
    canary: fn(u64) -> u64,
}

impl<'a> Gauge<'a> {
    /// Finds how many steps fill one reading.
    pub(crate) fn new<T: Real>(pool: &'a Pool) -> Self {
        let (fma, canary) = (matmul_simd::probe::fma_chain::<T>, matmul_simd::probe::l1_tile::<T>);
        Self { pool, fma_steps: steps(pool, fma), canary_steps: steps(pool, canary), fma, canary }
    }

    /// GFLOP/s of multiply-adds on registers alone, all threads together.
    pub(crate) fn fma(&self) -> f64 {
        rate(self.pool, self.fma, self.fma_steps).0
    }

    /// GFLOP/s of the micro-kernel on panels in the first-level cache, all threads together.
    pub(crate) fn canary(&self) -> f64 {
        rate(self.pool, self.canary, self.canary_steps).0
    }
}

/// GFLOP/s and seconds. The kernel that ran before has left the caches full of its own data, so a part of the steps
/// goes ahead of the clock: what the canary must show is another guest, not the last kernel's size.
fn rate(pool: &Pool, probe: fn(u64) -> u64, steps: u64) -> (f64, f64) {
    let warm_up = |_| {
        probe(steps.div_ceil(4));
    };
    let (flops, time) = pool.together(warm_up, |_| probe(steps));
    let seconds = time.as_secs_f64().max(1e-9);
    (flops as f64 / seconds / 1e9, seconds)
}

/// Doubles the steps until a reading is long enough, then takes the fastest of a few so that one disturbed reading
/// does not shorten all others.
fn steps(pool: &Pool, probe: fn(u64) -> u64) -> u64 {
    let mut steps = 1;
    loop {
        let seconds = (0..5).map(|_| rate(pool, probe, steps).1).fold(f64::MAX, f64::min);
        if seconds >= READING || steps > 1 << 40 {
            return steps;
        }
        steps *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_positive() {
        let pool = Pool::new(1, &crate::machine::affinity::cpus()).unwrap();
        let gauge = Gauge::new::<f32>(&pool);
        assert!(gauge.fma() > 0.0 && gauge.canary() > 0.0);
    }
}
