//! A CBLAS library with a bug of the kind that ends processes: its sgemm reads a vector's width past the end of C.

#[path = "../../../blas/tests/fake/gemm.rs"]
mod gemm;

use core::ffi::c_int;

use cblas_sys::{CBLAS_LAYOUT, CBLAS_TRANSPOSE};

const MAX: usize = i32::MAX as usize;

#[unsafe(no_mangle)]
extern "C" fn cblas_sgemm(
    order: CBLAS_LAYOUT,
    ta: CBLAS_TRANSPOSE,
    tb: CBLAS_TRANSPOSE,
    m: c_int,
    n: c_int,
    k: c_int,
    alpha: f32,
    a: *const f32,
    lda: c_int,
    b: *const f32,
    ldb: c_int,
    beta: f32,
    c: *mut f32,
    ldc: c_int,
) {
    let lines = if matches!(order, CBLAS_LAYOUT::CblasRowMajor) { m } else { n };
    let last = c.wrapping_offset((lines - 1) as isize * ldc as isize);
    for lane in 0..16 {
        // SAFETY: none, that is the bug. Only a child process runs it.
        std::hint::black_box(unsafe { last.wrapping_offset(lane).read_volatile() });
    }
    gemm::gemm::<_, _, MAX>(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

#[unsafe(no_mangle)]
extern "C" fn cblas_dgemm(
    order: CBLAS_LAYOUT,
    ta: CBLAS_TRANSPOSE,
    tb: CBLAS_TRANSPOSE,
    m: c_int,
    n: c_int,
    k: c_int,
    alpha: f64,
    a: *const f64,
    lda: c_int,
    b: *const f64,
    ldb: c_int,
    beta: f64,
    c: *mut f64,
    ldc: c_int,
) {
    gemm::gemm::<_, _, MAX>(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
