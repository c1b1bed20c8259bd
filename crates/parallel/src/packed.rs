//! Products with a B that was packed before, on several threads.

use matmul_blocked::{Blocking, Epilogue, MicroKernel, PackedRef};
use matmul_core::{Error, MatMut, MatRef, Scalar};

use crate::{multiply_adds, pieces};

/// The epilogue of a part of C that begins at row `i` and column `j` of the whole.
#[derive(Clone, Copy)]
struct Part<E> {
    whole: E,
    i: usize,
    j: usize,
}

impl<T, E: Epilogue<T>> Epilogue<T> for Part<E> {
    const IS_IDENTITY: bool = E::IS_IDENTITY;

    #[inline(always)]
    fn apply(self, i: usize, j: usize, row: &mut [T]) {
        self.whole.apply(self.i + i, self.j + j, row);
    }
}

/// [`matmul_blocked::gemm_packed`] on up to `threads()` threads, fewer if the product is small. They share the packed
/// B, so rows of C are split first.
///
/// # Errors
/// [`Error::Shape`] unless A is m × k and C m × n. C is unchanged then.
///
/// # Panics
/// If B was packed for tiles of another width.
pub fn gemm_packed<T, U, E>(
    kernel: U,
    threads: impl FnOnce() -> usize,
    blocking: Blocking,
    (alpha, a, b): (T, MatRef<'_, T>, PackedRef<'_, T>),
    (beta, c): (T, MatMut<'_, T>),
    epilogue: E,
) -> Result<(), Error>
where
    T: Scalar,
    U: MicroKernel<T>,
    E: Epilogue<T>,
{
    let pieces = pieces(threads, multiply_adds(1, c.nrows(), c.ncols(), a.ncols()));
    if a.nrows() != c.nrows() || b.ncols() != c.ncols() {
        // Not to be split: the one place that names the error.
        return matmul_blocked::gemm_packed(kernel, blocking, (alpha, a, b), (beta, c), epilogue);
    }
    split(kernel, pieces, blocking, (alpha, a, b), (beta, c), Part { whole: epilogue, i: 0, j: 0 })
}

/// Halves C by rows, or by columns where there are few, until there is a piece for each thread.
fn split<T, U, E>(
    kernel: U,
    pieces: usize,
    blocking: Blocking,
    (alpha, a, b): (T, MatRef<'_, T>, PackedRef<'_, T>),
    (beta, c): (T, MatMut<'_, T>),
    part: Part<E>,
) -> Result<(), Error>
where
    T: Scalar,
    U: MicroKernel<T>,
    E: Epilogue<T>,
{
    let first = pieces / 2;
    let (m, k) = a.shape();
    let cut = |panels: usize| (panels * first / pieces).clamp(1, panels - 1);
    let (row_panels, panels) = (m.div_ceil(U::MR), b.ncols().div_ceil(U::NR));
    let ((a1, b1, c1), (a2, b2, c2), second) = if pieces > 1 && row_panels >= 2 * pieces.min(panels.max(2)) {
        let i = cut(row_panels) * U::MR;
        let (top, bottom) = c.split_rows(i)?;
        let (a1, a2) = (a.submatrix(0..i, 0..k)?, a.submatrix(i..m, 0..k)?);
        ((a1, b, top), (a2, b, bottom), Part { i: part.i + i, ..part })
    } else if pieces > 1 && panels > 1 {
        let (b1, b2) = b.split(cut(panels))?;
        let (left, right) = c.split_cols(b1.ncols())?;
        ((a, b1, left), (a, b2, right), Part { j: part.j + b1.ncols(), ..part })
    } else {
        return matmul_blocked::gemm_packed(kernel, blocking, (alpha, a, b), (beta, c), part);
    };
    let (one, two) = rayon::join(
        || split(kernel, first, blocking, (alpha, a1, b1), (beta, c1), part),
        || split(kernel, pieces - first, blocking, (alpha, a2, b2), (beta, c2), second),
    );
    one.and(two)
}
