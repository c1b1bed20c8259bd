//! The loops of `matmul-blocked` on rayon's threads, for any micro-kernel.
//!
//! Pieces of C are split among threads, never k: the result's bits are those of one thread. Work runs in the
//! caller's rayon pool if it is in one, else in the global pool, with the calling thread taking part; small
//! products stay on the calling thread. `RAYON_NUM_THREADS` and pool sizes are respected, nothing spins, and
//! calls may nest.
//!
//! ```
//! use matmul_blocked::Portable;
//! use matmul_core::{Kernel, MatMut, MatRef};
//! use matmul_parallel::Parallel;
//!
//! let (a, b) = (vec![1.0f32; 300 * 200], vec![2.0; 200 * 100]);
//! let mut c = vec![0.0; 300 * 100];
//! let (a, b) = (MatRef::from_row_major(&a, 300, 200)?, MatRef::from_row_major(&b, 200, 100)?);
//! let kernel = Parallel::new(Portable::detect());
//! kernel.gemm(1.0, a, b, 0.0, MatMut::from_row_major(&mut c, 300, 100)?)?;
//! assert!(c.iter().all(|&x| x == 400.0));
//! # Ok::<(), matmul_core::Error>(())
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};

use matmul_blocked::{Blocking, Executor, MicroKernel, Serial, tile_shape};
use matmul_core::{Kernel, Problem, Promise, Scalar, TileShape};

/// Multiply-adds that a thread must find to be worth waking: 64³ take some 5 µs on one core with AVX2, as long as
/// handing them over.
const MIN_WORK_PER_THREAD: usize = 64 * 64 * 64;

/// Pieces go to whichever thread is free, in order, from a shared counter: a thread that the system holds up takes
/// fewer.
struct Rayon {
    threads: usize,
}

// SAFETY: fetch_add gives each index to one thread, and the scope ends when all have returned.
unsafe impl Executor for Rayon {
    fn threads(&self) -> usize {
        self.threads
    }

    fn for_each(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                // Relaxed: the scope's end orders what tasks wrote before what follows.
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= tasks {
                    break;
                }
                task(index);
            }
        };
        rayon::in_place_scope(|scope| {
            for _ in 1..self.threads.min(tasks) {
                scope.spawn(|_| work());
            }
            work();
        });
    }
}

/// C ← α·A·B + β·C by the tiles of `kernel` on up to `threads` threads, fewer if the product is small.
pub fn gemm<T, U>(kernel: U, threads: usize, blocking: Blocking, problem: Problem<'_, T>)
where
    T: Scalar,
    U: MicroKernel<T>,
{
    let work = problem.m().saturating_mul(problem.n()).saturating_mul(problem.k());
    match threads.min(work / MIN_WORK_PER_THREAD) {
        0 | 1 => matmul_blocked::gemm(kernel, &Serial, blocking, problem),
        threads => gemm_on(kernel, threads, blocking, problem),
    }
}

/// C ← α·A·B + β·C by the tiles of `kernel`, split for `threads` threads however small it is.
pub fn gemm_on<T, U>(kernel: U, threads: usize, blocking: Blocking, problem: Problem<'_, T>)
where
    T: Scalar,
    U: MicroKernel<T>,
{
    matmul_blocked::gemm(kernel, &Rayon { threads: threads.max(1) }, blocking, problem);
}

/// The blocked product with the tiles of `U` on several threads.
#[derive(Clone, Copy, Debug)]
pub struct Parallel<U> {
    kernel: U,
    threads: Option<usize>,
}

impl<U> Parallel<U> {
    /// On as many threads as the current rayon pool has when it is called.
    pub fn new(kernel: U) -> Self {
        Self { kernel, threads: None }
    }

    /// Split for `threads` threads, however many the pool has. 0 counts as 1.
    pub fn with_threads(kernel: U, threads: usize) -> Self {
        Self { kernel, threads: Some(threads.max(1)) }
    }

    fn threads(&self) -> usize {
        self.threads.unwrap_or_else(rayon::current_num_threads)
    }
}

impl<T: Scalar, U: MicroKernel<T>> Kernel<T> for Parallel<U> {
    fn name(&self) -> &str {
        "parallel"
    }

    fn promise(&self) -> Promise {
        Promise::SameBits
    }

    fn tile_shape(&self) -> Option<TileShape> {
        Some(tile_shape::<T, U>())
    }

    fn threads(&self) -> usize {
        self.threads()
    }

    fn run(&self, problem: Problem<'_, T>) {
        gemm(self.kernel, self.threads(), Blocking::of::<T, U>(), problem);
    }
}
