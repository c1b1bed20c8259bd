//! Caches without the operands: what a program finds that multiplies now and then, and something else meanwhile.

use matmul_report::Machine;
use matmul_simd::probe::read;

use crate::machine::pool::Pool;

/// How many times the caches are filled: no policy of replacement keeps a line for so long.
const TIMES: u64 = 2;

/// Memory that takes the place of whatever was in the caches.
pub(crate) struct Flush(Vec<f32>);

impl Flush {
    /// For the private caches of so many threads and the shared one behind them.
    pub(crate) fn new(machine: &Machine, threads: usize) -> Self {
        let [private, shared] = [2, 3].map(|level| machine.cache_bytes(level).0);
        // Ones, and not zeros: pages that nobody wrote are all the same one.
        Self(vec![1.0; (TIMES * (private * threads as u64 + shared)) as usize / 4])
    }

    /// Streams it through the caches of all threads. It is read and not written: lines that were changed would be
    /// written back in the time of the next call.
    pub(crate) fn evict(&self, pool: &Pool) {
        let share = self.0.len() / pool.threads();
        pool.together(|_| (), |index| read(&self.0[index * share..][..share], 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use matmul_report::Cache;

    #[test]
    fn every_cache_is_filled_more_than_once() {
        let cache = |level, bytes| Cache { level, bytes, shared_by: 1 };
        let caches = vec![cache(1, 32 << 10), cache(2, 1 << 20), cache(3, 4 << 20)];
        let machine = Machine { caches, ..Machine::default() };
        let flush = Flush::new(&machine, 2);
        assert_eq!(flush.0.len() * 4, 2 * (6 << 20));
        let pool = Pool::new(2, &crate::machine::affinity::cpus()).unwrap();
        flush.evict(&pool);
    }
}
