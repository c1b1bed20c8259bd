//! The loops of `matmul-blocked` on rayon's threads, for any micro-kernel.
//!
//! C is halved by columns or rows, never k, until there is a piece for each thread: the result's bits are those of
//! one thread. Work runs in the caller's rayon pool if it is in one, else in the global pool; small products stay
//! on the calling thread. `RAYON_NUM_THREADS` and pool sizes are respected, nothing spins, and calls may nest.
//!
//! ```
//! use matmul_blocked::Portable;
//! use matmul_core::{BatchProblem, Kernel, MatMut, MatRef};
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

mod packed;

pub use packed::gemm_packed;

use matmul_blocked::{Blocking, MicroKernel, packs_a, row_oriented, tile_shape};
use matmul_core::{BatchProblem, Kernel, Problem, Promise, Scalar, TileShape};

/// Multiply-adds that a piece must have to be worth handing over: 64³ take some 5 µs on one core with AVX2, as long
/// as waking a thread.
const MIN_WORK: usize = 64 * 64 * 64;

/// Panels of columns that a piece should keep, so that a panel of A that was brought into L1 is used that often.
const MIN_PANELS: usize = 4;

/// The same where panels of A are copied first: over 128 columns the copies take 15 % of the time, over 512 4 %.
const MIN_PANELS_PACKED: usize = 16;

/// C ← α·A·B + β·C by the tiles of `kernel` on up to `threads()` threads, fewer if the product is small. A product
/// that is too small for two does not ask how many there are, which may start a pool.
#[inline]
pub fn gemm<T, U>(kernel: U, threads: impl FnOnce() -> usize, blocking: Blocking, problem: Problem<'_, T>)
where
    T: Scalar,
    U: MicroKernel<T>,
{
    let work = multiply_adds(1, problem.m(), problem.n(), problem.k());
    // One piece per thread: four would balance better when the system holds a thread up, but cost 4 % at 1024³ and
    // 5 % at 384³ on two threads, in copies of A and B that they make for themselves.
    match pieces(threads, work) {
        1 => matmul_blocked::gemm(kernel, blocking, problem),
        pieces => gemm_in_pieces(kernel, pieces, blocking, problem),
    }
}

/// C ← α·A·B + β·C by the tiles of `kernel`, cut into up to `pieces` pieces however small it is. Fewer, if there
/// are not that many tiles.
pub fn gemm_in_pieces<T, U>(kernel: U, pieces: usize, blocking: Blocking, problem: Problem<'_, T>)
where
    T: Scalar,
    U: MicroKernel<T>,
{
    split(kernel, pieces, blocking, row_oriented(problem));
}

/// C ← α·A·B + β·C for each product of a batch by the tiles of `kernel` on up to `threads` threads: the products
/// are shared out first; where there are fewer of them than threads, each is cut into pieces.
pub fn gemm_batch<T, U>(
    kernel: U,
    threads: impl Fn() -> usize,
    blocking: Blocking,
    mut batch: BatchProblem<'_, T>,
) where
    T: Scalar,
    U: MicroKernel<T>,
{
    if let Some(problem) = batch.take_single() {
        return gemm(kernel, threads, blocking, problem);
    }
    let work = multiply_adds(batch.len(), batch.m(), batch.n(), batch.k());
    let pieces = pieces(&threads, work);
    if batch.len() < pieces {
        batch.for_each(|problem| gemm(kernel, &threads, blocking, problem));
    } else {
        share_out(kernel, pieces, blocking, batch);
    }
}

/// Halves a batch of at least `pieces` products and joins the halves, until one piece is left.
fn share_out<T, U>(kernel: U, pieces: usize, blocking: Blocking, batch: BatchProblem<'_, T>)
where
    T: Scalar,
    U: MicroKernel<T>,
{
    if pieces < 2 {
        return matmul_blocked::gemm_batch(kernel, blocking, batch);
    }
    let first = pieces / 2;
    let cut = (batch.len() as u128 * first as u128 / pieces as u128) as usize;
    let (front, back) = batch.split(cut).expect("a piece for each of at least as many products");
    rayon::join(
        || share_out(kernel, first, blocking, front),
        || share_out(kernel, pieces - first, blocking, back),
    );
}

/// Pieces for so many multiply-adds: one for each thread, but none with less than `MIN_WORK`. `threads` is not asked where
/// one piece is the most.
#[inline]
fn pieces(threads: impl FnOnce() -> usize, work: usize) -> usize {
    match work / MIN_WORK {
        0 | 1 => 1,
        most => threads().clamp(1, most),
    }
}

fn multiply_adds(count: usize, m: usize, n: usize, k: usize) -> usize {
    count.saturating_mul(m).saturating_mul(n).saturating_mul(k)
}

/// Halves the product and joins the halves, until one piece is left. Columns first: each piece packs the columns
/// of B that it needs and no other does, while all read the same A.
fn split<T, U>(kernel: U, pieces: usize, blocking: Blocking, problem: Problem<'_, T>)
where
    T: Scalar,
    U: MicroKernel<T>,
{
    let min_panels = if packs_a::<T, U>(&problem) { MIN_PANELS_PACKED } else { MIN_PANELS };
    let row_panels = problem.m().div_ceil(U::MR);
    let column_panels = problem.n().div_ceil(U::NR);
    let first = pieces / 2;
    // The first part takes `first` of `pieces` shares of the panels, and each part at least one panel.
    let cut = |panels: usize| (panels * first / pieces).clamp(1, panels - 1);
    let halves = if pieces < 2 {
        return matmul_blocked::gemm(kernel, blocking, problem);
    } else if column_panels >= 2 * min_panels || (column_panels > 1 && row_panels < 2) {
        problem.split_cols(cut(column_panels) * U::NR)
    } else if row_panels > 1 {
        problem.split_rows(cut(row_panels) * U::MR)
    } else {
        return matmul_blocked::gemm(kernel, blocking, problem);
    };
    let (left, right) = halves.expect("a cut between the first and the last panel");
    rayon::join(|| split(kernel, first, blocking, left), || split(kernel, pieces - first, blocking, right));
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
        gemm(self.kernel, || self.threads(), Blocking::of::<T, U>(), problem);
    }

    fn run_batch(&self, batch: BatchProblem<'_, T>) {
        gemm_batch(self.kernel, || self.threads(), Blocking::of::<T, U>(), batch);
    }
}
