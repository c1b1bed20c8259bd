//! Matrix multiplication with the best kernel for this machine.
//!
//! ```
//! let c = matmul::matmul([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[7.0, 8.0], [9.0, 10.0], [11.0, 12.0]])?;
//! assert_eq!(c.to_string(), "[[58, 64],\n [139, 154]]");
//! # Ok::<(), matmul::Error>(())
//! ```
//!
//! Operands are whatever is [`AsMat`]: nested arrays, [`Matrix`], [`MatRef`] views of slices with any strides, and the
//! matrices of ndarray, faer and nalgebra, which are used where they are. [`gemm`] is the full C ← α·A·B + β·C into
//! memory of the caller's. [`Gemm`] says how: on how many threads, by which kernel, with a bias or an activation at the
//! end. [`gemm_batch`] takes many products at once; [`PackedB`] and [`PackedA`] are factors that are packed once. The
//! module [`kernel`] is for those who write kernels or compare them.
//!
//! The result's bits are the same on every CPU, at every thread count and in every layout.
//!
//! # Features
//!
//! | feature | |
//! |---|---|
//! | `parallel` (default) | large products on rayon's threads |
//! | `ndarray`, `faer`, `nalgebra` | matrices of these libraries as operands and results, without a copy |
//! | `openblas-system`, `openblas-static`, `blis-bundled` | a BLAS as one more kernel; `blas` alone says what is missing |
//!
//! # Environment
//!
//! Each is read once, at the first product. What cannot be satisfied is an error of every product, never ignored.
//!
//! | variable | |
//! |---|---|
//! | `MATMUL_KERNEL=blocked` | the kernel that computes where the program names none, one of [`kernel::names`] |
//! | `MATMUL_MAX_ISA=avx2` | no instruction set above this one: `portable`, `portable-fma`, `avx2`, `avx512`, `neon` |
//! | `MATMUL_REQUIRE=avx512` | instruction sets that must be there and be used, separated by commas |
//! | `MATMUL_TRACE=trace.jsonl` | a file for the shapes that the program multiplies: [`Traced`] |
//! | `RAYON_NUM_THREADS=4` | threads of rayon's pool |
//!
//! # Threads
//!
//! Large products run on the threads of the rayon pool that they are called from, and on the calling thread in a child of
//! `fork` or where no thread can be started. For one thread: [`Gemm::threads`]`(1)`, which starts no pool; or
//! `RAYON_NUM_THREADS=1` for a whole program; or this crate without its default features.
//!
//! Inside tasks of rayon hold no lock across a product: a thread that waits for its pieces may run another task meanwhile,
//! which would wait for that lock for ever. Threads keep memory for their next product; [`release_memory`] frees it.

mod choice;
mod gemm;
pub mod kernel;
mod nearest;
mod packed;
mod trace;

pub use gemm::Gemm;
pub use matmul_blocked::{Bias, Clamp, Epilogue, Identity, Relu, release_memory};
pub use matmul_core::{
    AsMat, AsMatMut, BatchMut, BatchRef, Element, Error, MatMut, MatRef, Matrix, Real, Summation,
};
pub use packed::{PackedA, PackedB};
pub use trace::Traced;

/// What the functions here do.
static USUAL: Gemm = Gemm::new();

/// A·B as a new row-major matrix.
///
/// ```
/// use matmul::Matrix;
///
/// let a = Matrix::from_fn(2, 3, |i, j| (i + j) as f32);
/// let c = matmul::matmul(&a, a.as_ref().t())?;
/// assert_eq!((c.shape(), c[(1, 0)]), ((2, 2), 8.0));
/// # Ok::<(), matmul::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] unless A has as many columns as B has rows; [`Error::TooLarge`] if there is no memory for the result's
/// m · n elements; [`Error::UnknownKernel`] or [`Error::Unavailable`] if the environment asks for what there is not.
#[inline]
pub fn matmul<T: Element>(a: impl AsMat<Elem = T>, b: impl AsMat<Elem = T>) -> Result<Matrix<T::Out>, Error> {
    USUAL.matmul(a, b)
}

/// C ← α·A·B + β·C for any strides. α = 0 reads neither A nor B, β = 0 does not read C.
///
/// ```
/// let mut c = [[f64::NAN; 2]; 2];
/// matmul::gemm(2.0, [[1.0], [2.0]], [[3.0, 4.0]], 0.0, &mut c)?;
/// assert_eq!(c, [[6.0, 8.0], [12.0, 16.0]]);
/// # Ok::<(), matmul::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if the shapes disagree; [`Error::Overlap`] if elements of C share a place;
/// [`Error::UnknownKernel`] or [`Error::Unavailable`] if the environment asks for what there is not. C is unchanged then.
#[inline]
pub fn gemm<T: Element>(
    alpha: T::Out,
    a: impl AsMat<Elem = T>,
    b: impl AsMat<Elem = T>,
    beta: T::Out,
    c: impl AsMatMut<Elem = T::Out>,
) -> Result<(), Error> {
    USUAL.gemm(alpha, a, b, beta, c)
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
    USUAL.gemm_batch(alpha, a, b, beta, c)
}
