//! Threads that stay where they are: a rayon pool for each thread count, each worker bound to a CPU when it starts.
//!
//! One of the pools is rayon's global one, in which the work of kernels goes that are called from outside of any. A
//! process has one, so of several thread counts the largest is the one that has it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rayon::{BroadcastContext, ThreadPool, ThreadPoolBuilder};

use crate::error::Error;
use crate::machine::pin;

/// Threads of the global pool, once it was started here.
static GLOBAL: OnceLock<usize> = OnceLock::new();

/// The pool that everything timed runs in; single-threaded kernels run in the pool of one.
pub(crate) struct Pool {
    threads: usize,
    /// The CPU of the first worker.
    cpu: Option<usize>,
    workers: Workers,
}

enum Workers {
    Own(ThreadPool),
    Global,
}

/// Workers on the first `threads` of `cpus`.
fn builder(threads: usize, cpus: &[usize]) -> ThreadPoolBuilder {
    let cpus = cpus.to_vec();
    let names = ThreadPoolBuilder::new().num_threads(threads).thread_name(|index| format!("matmul-{index}"));
    names.start_handler(move |index| {
        if let Some(&cpu) = cpus.get(index) {
            pin::pin_current(cpu);
        }
    })
}

/// Starts the global pool. To be called before anything else does it, with threads that lie anywhere.
pub(crate) fn start_global(threads: usize, cpus: &[usize]) -> Result<(), Error> {
    builder(threads, cpus).build_global()?;
    let _ = GLOBAL.set(threads);
    Ok(())
}

impl Pool {
    /// The global pool if it has so many threads, else one of its own.
    pub(crate) fn new(threads: usize, cpus: &[usize]) -> Result<Self, Error> {
        let workers = match GLOBAL.get() {
            Some(&global) if global == threads && threads > 1 => Workers::Global,
            _ => Workers::Own(builder(threads, cpus).build()?),
        };
        Ok(Self { threads, cpu: cpus.first().copied(), workers })
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Whether calls from outside have their work done here.
    pub(crate) fn is_global(&self) -> bool {
        matches!(self.workers, Workers::Global)
    }

    /// Runs `f` on a worker; what it splits goes to the others.
    pub(crate) fn install<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        match &self.workers {
            Workers::Own(pool) => pool.install(f),
            Workers::Global => rayon::scope(|_| f()),
        }
    }

    /// Runs `f` on the calling thread, which is no worker: what it splits goes to the global pool. Meanwhile the thread
    /// is bound to the CPU of the first worker, which it is not to compete with: it waits while that one works.
    pub(crate) fn outside<R>(&self, f: impl FnOnce() -> R) -> R {
        let _bound = self.cpu.and_then(pin::Bound::to);
        f()
    }

    /// Runs `f` on all workers at the same time, after each has run `warm_up`. Returns the sum of the results of `f`
    /// and the time from its first start to its last end.
    pub(crate) fn together(
        &self,
        warm_up: impl Fn(usize) + Sync,
        f: impl Fn(usize) -> u64 + Sync,
    ) -> (u64, Duration) {
        let waiting = AtomicUsize::new(self.threads);
        let run = |context: BroadcastContext<'_>| {
            warm_up(context.index());
            waiting.fetch_sub(1, Ordering::AcqRel);
            // The others are being woken, some 50 µs; a sleep would take longer than that.
            while waiting.load(Ordering::Acquire) > 0 {
                std::thread::yield_now();
            }
            let start = Instant::now();
            let result = f(context.index());
            (result, start, Instant::now())
        };
        let runs = match &self.workers {
            Workers::Own(pool) => pool.broadcast(run),
            Workers::Global => rayon::broadcast(run),
        };
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

    /// In a process of its own: tests beside it may have started the global pool, which there is once in a process.
    #[test]
    fn the_global_pool_does_the_work_of_calls_from_outside() {
        const CHILD: &str = "MATMUL_TEST_OF_THE_GLOBAL_POOL";
        if std::env::var_os(CHILD).is_none() {
            let name = "machine::pool::tests::the_global_pool_does_the_work_of_calls_from_outside";
            let mut child = std::process::Command::new(std::env::current_exe().unwrap());
            let out = child.args(["--exact", name]).env(CHILD, "1").output().unwrap();
            let text = String::from_utf8_lossy(&out.stdout);
            assert!(out.status.success() && text.contains("1 passed"), "{text}");
            return;
        }
        let cpus = crate::machine::affinity::cpus();
        start_global(3, &cpus).unwrap();
        assert!(start_global(3, &cpus).is_err());
        let (other, pool) = (Pool::new(2, &cpus).unwrap(), Pool::new(3, &cpus).unwrap());
        assert_eq!((other.is_global(), pool.is_global()), (false, true));
        assert_eq!(pool.together(|_| (), |_| 1).0, 3);
        let here = || (rayon::current_thread_index().is_some(), rayon::current_num_threads());
        assert_eq!((pool.install(here), pool.outside(here)), ((true, 3), (false, 3)));
        let (inside, _) = pool.outside(|| rayon::join(here, here));
        assert_eq!(inside, (true, 3));
    }
}
