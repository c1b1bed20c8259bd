//! Threads that stay where they are: a rayon pool for each thread count, each worker bound to a CPU when it starts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::Error;
use crate::machine::pin;

/// The pool that everything timed runs in; single-threaded kernels run in the pool of one.
pub(crate) struct Pool {
    threads: usize,
    pool: ThreadPool,
}

impl Pool {
    /// Workers on the first `threads` of `cpus`.
    pub(crate) fn new(threads: usize, cpus: &[usize]) -> Result<Self, Error> {
        let cpus = cpus.to_vec();
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("matmul-{index}"))
            .start_handler(move |index| {
                if let Some(&cpu) = cpus.get(index) {
                    pin::pin_current(cpu);
                }
            })
            .build()?;
        Ok(Self { threads, pool })
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Runs `f` on a worker; what it splits goes to the others.
    pub(crate) fn install<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        self.pool.install(f)
    }

    /// Runs `f` on all workers at the same time, after each has run `warm_up`. Returns the sum of the results of `f`
    /// and the time from its first start to its last end.
    pub(crate) fn together(
        &self,
        warm_up: impl Fn(usize) + Sync,
        f: impl Fn(usize) -> u64 + Sync,
    ) -> (u64, Duration) {
        let waiting = AtomicUsize::new(self.threads);
        let runs = self.pool.broadcast(|context| {
            warm_up(context.index());
            waiting.fetch_sub(1, Ordering::AcqRel);
            // The others are being woken, some 50 µs; a sleep would take longer than that.
            while waiting.load(Ordering::Acquire) > 0 {
                std::thread::yield_now();
            }
            let start = Instant::now();
            let result = f(context.index());
            (result, start, Instant::now())
        });
        let start = runs.iter().map(|r| r.1).min();
        let end = runs.iter().map(|r| r.2).max();
        let time = start.zip(end).map_or(Duration::ZERO, |(start, end)| end - start);
        (runs.iter().map(|r| r.0).sum(), time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_workers_run_together() {
        let pool = Pool::new(2, &crate::machine::affinity::cpus()).unwrap();
        let (sum, _) = pool.together(|_| (), |index| 1 + index as u64);
        assert_eq!(sum, 3);
        assert_eq!(pool.install(rayon::current_num_threads), 2);
    }
}
