//! The engines of `matmul-simd` on rayon's threads.
//!
//! C is halved by columns or rows until there is a piece for each thread; where C is too small for that, whole chunks of k
//! are summed apart and folded in their order: the result's bits are those of one thread. Work runs in the caller's rayon pool if it is in one, else in the global pool; small products stay
//! on the calling thread. `RAYON_NUM_THREADS` and pool sizes are respected, nothing spins, and calls may nest.
//!
//! ```
//! use matmul_parallel::{Kernel, MatMut, MatRef, Parallel};
//!
//! let (a, b) = (vec![1.0f32; 300 * 200], vec![2.0; 200 * 100]);
//! let mut c = vec![0.0; 300 * 100];
//! let (a, b) = (MatRef::from_row_major(&a, 300, 200)?, MatRef::from_row_major(&b, 200, 100)?);
//! Parallel::new().gemm(1.0, a, b, 0.0, MatMut::from_row_major(&mut c, 300, 100)?)?;
//! assert!(c.iter().all(|&x| x == 400.0));
//! # Ok::<(), matmul_parallel::Error>(())
//! ```
//!
//! # Where there are no threads
//!
//! Where rayon's pool cannot be started (a limit on threads or memory), and in a child of `fork`, which has none of its
//! parent's threads, the calling thread computes: slower, with the same bits. The child of a process in which
//! another thread was calling this crate for the first time, or was in the C library, may find their locks held, as with
//! every library.
//!
//! # Locks
//!
//! A thread of the pool that waits for a piece of its product may run another task meanwhile, as in every rayon program. A
//! task that holds a lock across a product can so come to run one that waits for the same lock, on the same thread, for ever.
//! Inside tasks of rayon (`spawn`, `join`, parallel iterators) hold no lock across a product, or use a kernel of one thread
//! there ([`Parallel::simd`], or [`Simd`] itself). Outside of the pool, on threads of your own, a lock is no danger.
//!
//! # Memory
//!
//! Each thread keeps the memory of its packed blocks for its next product; [`release_memory`] frees it and says how much
//! it is.
#![forbid(unsafe_code)]

mod pool;

use matmul_blocked::{Engines, Join};
use matmul_core::{Availability, BatchProblem, Element, Promise, Sizes, Summation};
use matmul_simd::Simd;

pub use matmul_blocked::release_memory;
pub use matmul_core::{BatchMut, BatchRef, Error, Kernel, MatMut, MatRef, Matrix, Problem};

/// Rayon's threads, for any engine.
///
/// ```
/// use matmul_blocked::Join;
/// use matmul_parallel::Rayon;
///
/// assert_eq!((Rayon::of(3).threads(), Rayon::of(0).threads()), (3, 1));
/// assert!(Rayon::current().threads() >= 1);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Rayon {
    threads: Option<usize>,
}

impl Rayon {
    /// As many as the current pool has when it is asked.
    pub const fn current() -> Self {
        Self { threads: None }
    }

    /// So many, however many the pool has. 0 counts as 1.
    pub fn of(threads: usize) -> Self {
        Self { threads: Some(threads.max(1)) }
    }
}

impl Join for Rayon {
    fn threads(&self) -> usize {
        self.threads.unwrap_or_else(|| if pool::is_there() { rayon::current_num_threads() } else { 1 })
    }

    fn outside(&self) -> bool {
        rayon::current_thread_index().is_none()
    }

    fn join(&self, a: &mut (dyn FnMut() + Send), b: &mut (dyn FnMut() + Send)) {
        if pool::is_there() {
            rayon::join(a, b);
        } else {
            a();
            b();
        }
    }
}

/// The kernel of this CPU's best instruction set on several threads.
///
/// ```
/// use matmul_parallel::{Kernel, Parallel};
///
/// let three = Parallel::with_threads(3);
/// assert_eq!((Kernel::<f32>::name(&three), Kernel::<f32>::threads(&three)), ("parallel", 3));
/// assert_eq!(Kernel::<f32>::name(&three.fast()), "parallel-fast");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Parallel {
    simd: Simd,
    rayon: Rayon,
}

impl Parallel {
    /// On as many threads as the current rayon pool has when it is called.
    pub fn new() -> Self {
        Self::of(Simd::new(), Rayon::current())
    }

    /// Split for `threads` threads, however many the pool has. 0 counts as 1.
    pub fn with_threads(threads: usize) -> Self {
        Self::of(Simd::new(), Rayon::of(threads))
    }

    /// A kernel of any instruction set, on these threads.
    pub fn of(simd: Simd, rayon: Rayon) -> Self {
        Self { simd, rayon }
    }

    /// The same in [`Summation::Fast`], named `parallel-fast`: outside the numeric contract.
    pub fn fast(self) -> Self {
        Self { simd: self.simd.fast(), ..self }
    }

    /// The kernel of one thread.
    #[inline(always)]
    pub fn simd(&self) -> &Simd {
        &self.simd
    }
}

impl Default for Parallel {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Element> Kernel<T> for Parallel {
    fn name(&self) -> &str {
        match self.simd.summation() {
            Summation::Contract => "parallel",
            Summation::Fast => "parallel-fast",
        }
    }

    #[inline]
    fn availability(&self) -> Availability {
        Kernel::<T>::availability(&self.simd)
    }

    fn promise(&self) -> Promise {
        self.simd.summation().promise()
    }

    fn sizes(&self) -> Option<Sizes> {
        Kernel::<T>::sizes(&self.simd)
    }

    fn threads(&self) -> usize {
        Join::threads(&self.rayon)
    }

    #[inline]
    fn run(&self, problem: Problem<'_, T>) {
        Engines::gemm(self.simd.engines(), problem, self.simd.summation(), &self.rayon);
    }

    fn run_batch(&self, batch: BatchProblem<'_, T>) {
        Engines::gemm_batch(self.simd.engines(), batch, self.simd.summation(), &self.rayon);
    }
}
