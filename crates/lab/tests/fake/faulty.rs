//! A CBLAS library that does what the variable `FAULTY` says whenever it multiplies floats: prints, crashes, ends the
//! process, or never returns; and with `load-` in front of it, when it is loaded.

#[path = "../../../blas/tests/fake/gemm.rs"]
mod gemm;

use core::ffi::c_int;

use cblas_sys::{CBLAS_LAYOUT, CBLAS_TRANSPOSE};

const MAX: usize = i32::MAX as usize;

fn do_it(when: &str) {
    let fault = std::env::var("FAULTY").unwrap_or_default();
    match fault.strip_prefix(when) {
        Some("noise") => {
            println!("MKL_VERBOSE SGEMM(N,N,16)");
            print!("no end of a line: ");
            // Into the buffer of the C library too, which is written out when it is full or the process ends.
            // SAFETY: both strings end in a zero, and the first has one %s.
            unsafe { libc::printf(c"%s\n".as_ptr(), c"buffered".as_ptr()) };
        }
        Some("crash") => std::process::abort(),
        Some("exit") => {
            // SAFETY: it does not return.
            unsafe { libc::_exit(0) }
        }
        Some("hang") => loop {
            std::thread::park();
        },
        _ => {}
    }
}

extern "C" fn loaded() {
    do_it("load-");
}

#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[used]
static LOADED: extern "C" fn() = loaded;

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
    do_it("");
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
