//! Matrix multiplication with the best kernel for this machine.
//!
//! ```
//! use matmul::MatRef;
//!
//! let a = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
//! let b = [7.0, 8.0, 9.0, 10.0, 11.0, 12.0];
//! let c = matmul::matmul(MatRef::from_row_major(&a, 2, 3)?, MatRef::from_row_major(&b, 3, 2)?)?;
//! assert_eq!(c.as_slice(), [58.0, 64.0, 139.0, 154.0]);
//! # Ok::<(), matmul::Error>(())
//! ```
//!
//! [`gemm`] is the full C ← α·A·B + β·C on any strides. [`best`] is the kernel that both use; [`all`] lists every
//! kernel of this build, from three loops to the BLAS, behind the same trait.
//!
//! The result's bits are the same on every CPU, at every thread count and in every layout.
//!
//! Large products run on rayon's threads (feature `parallel`), and on the calling thread in a child of `fork` or where no
//! thread can be started. Inside tasks of rayon hold no lock across a product: a thread that waits for its pieces may run
//! another task meanwhile, which would wait for that lock for ever. Threads keep memory for their next product;
//! [`release_memory`] frees it.

mod packed;
mod trace;

pub use matmul_blocked::{Bias, Epilogue, Identity, release_memory};
pub use matmul_core::{
    Availability, BatchMut, BatchProblem, BatchRef, Element, Error, Fold, K_CHUNK, Kernel, MatMut, MatRef,
    Matrix, Problem, Promise, Real, Sizes, Summation,
};
#[cfg(feature = "parallel")]
pub use matmul_parallel::{Parallel, Rayon};
pub use matmul_simd::{Isa, Simd};
pub use packed::PackedB;
pub use trace::Traced;

use std::sync::OnceLock;

#[cfg(feature = "parallel")]
type Best = Parallel;
#[cfg(not(feature = "parallel"))]
type Best = Simd;

#[inline]
fn chosen() -> &'static Traced<Best> {
    static BEST: OnceLock<Traced<Best>> = OnceLock::new();
    BEST.get_or_init(|| Traced::from_env(Best::new()))
}

/// The engines of the best kernel, unless it is unavailable.
fn engines() -> Option<&'static matmul_blocked::Engines> {
    #[cfg(feature = "parallel")]
    return chosen().simd().engines();
    #[cfg(not(feature = "parallel"))]
    return chosen().engines();
}

/// A·B as a new row-major matrix.
///
/// # Errors
/// [`Error::Shape`] unless A has as many columns as B has rows; [`Error::TooLarge`] if there is no memory for the result's
/// m · n elements; [`Error::Unavailable`] if `MATMUL_MAX_ISA` or `MATMUL_REQUIRE` cannot be satisfied.
pub fn matmul<T: Element>(a: MatRef<'_, T>, b: MatRef<'_, T>) -> Result<Matrix<T::Out>, Error> {
    if a.ncols() != b.nrows() {
        return Err(Error::Shape { a: a.shape(), b: b.shape(), c: (a.nrows(), b.ncols()) });
    }
    let mut c = Matrix::try_zeros(a.nrows(), b.ncols())?;
    gemm(T::Out::ONE, a, b, T::Out::ZERO, c.as_mut())?;
    Ok(c)
}

/// C ← α·A·B + β·C for any strides. α = 0 reads neither A nor B, β = 0 does not read C.
///
/// # Errors
/// [`Error::Shape`] if the shapes disagree; [`Error::Unavailable`] if `MATMUL_MAX_ISA` or `MATMUL_REQUIRE` cannot
/// be satisfied. C is unchanged then.
#[inline]
pub fn gemm<T: Element>(
    alpha: T::Out,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    beta: T::Out,
    c: MatMut<'_, T::Out>,
) -> Result<(), Error> {
    chosen().gemm(alpha, a, b, beta, c)
}

/// C ← α·A·B + β·C for each product of a batch, in one call; each has the bits that [`gemm`] gives it.
///
/// ```
/// use matmul::{BatchMut, BatchRef};
///
/// // Two 2 x 2 matrices, one behind the other, each times the same.
/// let a = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
/// let swap = matmul::MatRef::from_row_major(&[0.0, 1.0, 1.0, 0.0], 2, 2)?;
/// let mut c = [0.0; 8];
/// let (a, b) = (BatchRef::from_row_major(&a, 2, 2, 2)?, BatchRef::shared(swap, 2));
/// matmul::gemm_batch(1.0, a, b, 0.0, BatchMut::from_row_major(&mut c, 2, 2, 2)?)?;
/// assert_eq!(c, [2.0, 1.0, 4.0, 3.0, 6.0, 5.0, 8.0, 7.0]);
/// # Ok::<(), matmul::Error>(())
/// ```
///
/// # Errors
/// [`Error::Count`] if the batches differ in their number of matrices; otherwise as [`gemm`]. C is unchanged then.
pub fn gemm_batch<T: Element>(
    alpha: T::Out,
    a: BatchRef<'_, T>,
    b: BatchRef<'_, T>,
    beta: T::Out,
    c: BatchMut<'_, T::Out>,
) -> Result<(), Error> {
    chosen().gemm_batch(alpha, a, b, beta, c)
}

/// The fastest kernel here that keeps the numeric contract.
pub fn best<T: Element>() -> &'static dyn Kernel<T> {
    chosen()
}

/// The fastest kernel here that does not: in [`Summation::Fast`], which sums long rows along k where that is faster, as in
/// matrix-vector products. The error bound is the usual one.
pub fn fast<T: Element>() -> &'static dyn Kernel<T> {
    static FAST: OnceLock<Best> = OnceLock::new();
    FAST.get_or_init(|| Best::new().fast())
}

/// The best kernel split for `threads` threads of the current rayon pool.
#[cfg(feature = "parallel")]
pub fn parallel<T: Element>(threads: usize) -> Box<dyn Kernel<T>> {
    Box::new(Parallel::with_threads(threads))
}

/// Every kernel of this build, slowest first. Those that this machine cannot run say what they need.
pub fn all<T: Real>() -> Vec<Box<dyn Kernel<T>>> {
    let mut kernels: Vec<Box<dyn Kernel<T>>> = vec![
        Box::new(matmul_naive::Loops),
        Box::new(matmul_naive::Elementwise),
        Box::new(matmul_naive::Broadcast),
        Box::new(matmul_blocked::Blocked::new()),
    ];
    // `blocked` is the better of the portable ones.
    let isas = Isa::ALL.iter().filter(|isa| !matches!(isa, Isa::Portable | Isa::PortableFma));
    kernels.extend(isas.map(|&isa| Box::new(Simd::with_isa(isa)) as Box<dyn Kernel<T>>));
    kernels.push(Box::new(Simd::new()));
    kernels.push(Box::new(Simd::new().fast()));
    #[cfg(feature = "parallel")]
    kernels.push(Box::new(Parallel::new()));
    #[cfg(feature = "blas")]
    kernels.push(Box::new(matmul_blas::Blas::linked()));
    kernels
}
