use matmul_blocked::{Blocking, Fast, MicroKernel};
use matmul_core::{Availability, BatchProblem, Kernel, Order, Problem, Promise, Scalar, TileShape};
use matmul_simd::{Element, Isa, OneTile, Simd, Visitor};

/// The best SIMD tile of this CPU on several threads.
///
/// `matmul-parallel` knows no instruction set and `matmul-simd` no threads; this is where they meet.
#[derive(Clone, Copy, Debug)]
pub struct Parallel {
    simd: Simd,
    threads: Option<usize>,
    order: Order,
}

impl Parallel {
    /// On as many threads as the current rayon pool has when it is called.
    pub fn new() -> Self {
        Self { simd: Simd::new(), threads: None, order: Order::Contract }
    }

    /// Split for `threads` threads, however many the pool has. 0 counts as 1.
    pub fn with_threads(threads: usize) -> Self {
        Self { threads: Some(threads.max(1)), ..Self::new() }
    }

    /// The same in [`Order::Fast`], named `parallel-fast`: outside the numeric contract.
    pub fn fast(self) -> Self {
        Self { order: Order::Fast, ..self }
    }

    /// The instruction set that it uses, unless it is unavailable.
    pub fn isa(&self) -> Option<Isa> {
        self.simd.isa()
    }

    fn threads(&self) -> usize {
        self.threads.unwrap_or_else(rayon::current_num_threads)
    }
}

impl Default for Parallel {
    fn default() -> Self {
        Self::new()
    }
}

struct Run<'a, T> {
    kernel: Parallel,
    problem: Problem<'a, T>,
}

impl<T: Scalar> Visitor<T> for Run<'_, T> {
    type Output = ();
    fn visit<U: MicroKernel<T>>(self, kernel: U) {
        let (threads, blocking) = (|| self.kernel.threads(), Blocking::of::<T, U>());
        match self.kernel.order {
            Order::Contract => matmul_parallel::gemm(kernel, threads, blocking, self.problem),
            Order::Fast => matmul_parallel::gemm(Fast(kernel), threads, blocking, self.problem),
        }
    }
}

struct RunBatch<'a, T> {
    kernel: Parallel,
    batch: BatchProblem<'a, T>,
}

impl<T: Scalar> Visitor<T> for RunBatch<'_, T> {
    type Output = ();
    fn visit<U: MicroKernel<T>>(self, kernel: U) {
        let (threads, blocking) = (|| self.kernel.threads(), Blocking::of::<T, U>());
        match self.kernel.order {
            Order::Contract => matmul_parallel::gemm_batch(kernel, threads, blocking, self.batch),
            Order::Fast => matmul_parallel::gemm_batch(Fast(kernel), threads, blocking, self.batch),
        }
    }
}

impl<T: Element> Kernel<T> for Parallel {
    fn name(&self) -> &str {
        match self.order {
            Order::Contract => "parallel",
            Order::Fast => "parallel-fast",
        }
    }

    #[inline]
    fn availability(&self) -> Availability {
        Kernel::<T>::availability(&self.simd)
    }

    fn promise(&self) -> Promise {
        self.order.promise()
    }

    fn tile_shape(&self) -> Option<TileShape> {
        Kernel::<T>::tile_shape(&self.simd)
    }

    fn threads(&self) -> usize {
        self.threads()
    }

    #[inline]
    fn run(&self, mut problem: Problem<'_, T>) {
        let isa = self.simd.isa().unwrap_or(Isa::Portable);
        if T::with_isa(isa, OneTile(&mut problem)) != Some(true) {
            T::with_isa(isa, Run { kernel: *self, problem });
        }
    }

    fn run_batch(&self, batch: BatchProblem<'_, T>) {
        let isa = self.simd.isa().unwrap_or(Isa::Portable);
        T::with_isa(isa, RunBatch { kernel: *self, batch });
    }
}
