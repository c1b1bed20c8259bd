//! Three loops with the interface of `cblas_?gemm`, strict about its arguments. A violation aborts the process.

use cblas_sys::{CBLAS_LAYOUT, CBLAS_TRANSPOSE};
use matmul_core::Real;

/// `cblas_?gemm` for integers of type `I` up to `MAX`.
pub(crate) extern "C" fn gemm<T: Real, I: TryInto<usize>, const MAX: usize>(
    order: CBLAS_LAYOUT,
    ta: CBLAS_TRANSPOSE,
    tb: CBLAS_TRANSPOSE,
    m: I,
    n: I,
    k: I,
    alpha: T,
    a: *const T,
    lda: I,
    b: *const T,
    ldb: I,
    beta: T,
    c: *mut T,
    ldc: I,
) {
    let size = |x: I| x.try_into().ok().filter(|x| (1..=MAX).contains(x)).expect("sizes are 1 to MAX");
    let (m, n, k, lda, ldb, ldc) = (size(m), size(n), size(k), size(lda), size(ldb), size(ldc));
    let row_major = matches!(order, CBLAS_LAYOUT::CblasRowMajor);
    let plain = |t| matches!(t, CBLAS_TRANSPOSE::CblasNoTrans);
    // Strides of an nrows × ncols operand whose rows (or else columns) are contiguous.
    let strides = |rows_contiguous: bool, (nrows, ncols): (usize, usize), ld: usize| {
        let (len, strides) = if rows_contiguous { (ncols, (ld, 1)) } else { (nrows, (1, ld)) };
        assert!(ld >= len, "a leading dimension of {ld} for lines of {len}");
        strides
    };
    let (rsa, csa) = strides(plain(ta) == row_major, (m, k), lda);
    let (rsb, csb) = strides(plain(tb) == row_major, (k, n), ldb);
    let (rsc, csc) = strides(row_major, (m, n), ldc);
    for i in 0..m {
        for j in 0..n {
            // SAFETY: inside the operands that the caller describes.
            unsafe {
                let sum: T = (0..k).map(|p| *a.add(i * rsa + p * csa) * *b.add(p * rsb + j * csb)).sum();
                let c = c.add(i * rsc + j * csc);
                *c = alpha * sum + if beta == T::ZERO { T::ZERO } else { beta * *c };
            }
        }
    }
}
